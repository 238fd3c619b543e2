// Whom the server behaves like: a server of today, or Exchange 5.5's POP3 service (protocol.md 1.2 and 5). What each means on
// the wire is the business of POP3 and Server; here are the names of the setting.

/// The personality of the server.
public enum Compatibility: String, Sendable, CaseIterable {
    case modern
    case exchange55 = "exchange-5.5"

    /// Reads the name of a personality. The error names the nearest one.
    public static func parse(_ text: String) -> Result<Compatibility, CompatibilityError> {
        if let found = Compatibility(rawValue: text) { return .success(found) }
        return .failure(CompatibilityError(text: text))
    }
}

public struct CompatibilityError: Error, CustomStringConvertible {
    public let text: String

    public var description: String {
        let known = Compatibility.allCases.map(\.rawValue)
        let nearest = known.map { ($0, editDistance(text.lowercased(), $0)) }.min { $0.1 < $1.1 }
        let hint = nearest.map { $0.1 <= $0.0.count / 2 ? "; did you mean '\($0.0)'?" : "" } ?? ""
        return "'\(text)' is no personality; there are: \(known.joined(separator: ", "))\(hint)"
    }
}

/// Insertions, deletions and replacements that make one word of the other (Levenshtein 1966).
private func editDistance(_ a: String, _ b: String) -> Int {
    let target = Array(b.utf8)
    var row = Array(0...target.count)
    for (line, octet) in a.utf8.enumerated() {
        var diagonal = row[0]
        row[0] = line + 1
        for (column, other) in target.enumerated() {
            let replaced = diagonal + (octet == other ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[target.count]
}
