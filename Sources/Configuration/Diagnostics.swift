// Errors of a profile, a settings file or a user table: where, what, the line itself, a caret, and what to do about it.
// Invariants: one pass finds them all; they are printed in the order of the file, each once. However many there are,
// they cost time in proportion to the file, and the first hundred are printed.

internal import Terminal

/// One error: `file:line:column: error: message`, the source line, a caret, and a remedy.
public struct Diagnostic: Sendable, Equatable {
    public let position: SourcePosition
    /// What is wrong, without the position.
    public let message: String
    /// What would mend it: a near spelling, the valid values, the missing line. Empty when nothing is known.
    public let remedy: String
    /// The whole source line that the position lies in; empty for a table that holds secrets.
    public let sourceLine: String

    /// The error as it is printed, without a newline at the end.
    public func rendered(file: String, as kind: String = "error") -> String {
        var text = "\(file.shown()):\(position.line):\(position.column): \(kind): \(TerminalText.line(message))"
        if !sourceLine.isEmpty {
            let (shown, caret) = excerpt()
            text += "\n    \(shown)\n    \(caret)^"
        }
        if !remedy.isEmpty { text += "\n    \(TerminalText.line(remedy))" }
        return text
    }

    /// The part of the line around the position, and the blank that puts a caret under it. Tabs are kept as tabs.
    private func excerpt() -> (String, String) {
        let scalars = Array(sourceLine.unicodeScalars)
        let column = min(max(position.column - 1, 0), scalars.count)
        let start = column > 100 ? column - 80 : 0
        let end = min(scalars.count, start + 120)
        var shown = ""
        var blank = ""
        for index in start..<end {
            let isTab = scalars[index] == "\t"
            shown += isTab ? "\t" : String(scalars[index]).shown()
            if index < column { blank += isTab ? "\t" : Columns.blank(Columns.width(scalars[index])) }
        }
        return (shown, blank)
    }
}

/// All errors of one file, in its order.
public struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    public let file: String
    public let diagnostics: [Diagnostic]
    /// Errors beyond those kept.
    public let omitted: Int
    /// The file was not read to its end: there may be more than that.
    let isCutShort: Bool

    init(file: String, diagnostics: [Diagnostic], omitted: Int, isCutShort: Bool = false) {
        self.file = file
        self.diagnostics = diagnostics
        self.omitted = omitted
        self.isCutShort = isCutShort
    }

    /// One error, with its line where that may be shown.
    init(file: String, at position: SourcePosition, _ message: String, remedy: String, line: String = "") {
        self.init(
            file: file, diagnostics: [Diagnostic(position: position, message: message, remedy: remedy, sourceLine: line)],
            omitted: 0)
    }

    public var description: String {
        var text = diagnostics.map { $0.rendered(file: file) }.joined(separator: "\n")
        if isCutShort {
            text += "\n\(file.shown()): and more errors, behind which the file was not read"
        } else if omitted > 0 {
            text += "\n\(file.shown()): and \(omitted) more error\(omitted == 1 ? "" : "s")"
        }
        return text
    }
}

/// Collects errors while a file is read.
public struct DiagnosticCollector {
    /// Errors printed; the rest is counted.
    public static let limit = 100
    /// Errors kept, from which the first ones of the file are printed.
    private static let keptLimit = 10_000

    public let source: SourceText
    /// False for tables with passwords: their lines are never printed.
    let showsLines: Bool
    public private(set) var diagnostics: [Diagnostic] = []
    /// What was said, and where: the same error is not kept twice.
    private var known: Set<Place> = []
    private var dropped = 0
    /// Set by a reader that gives up before the end of its file.
    public var isCutShort = false

    private struct Place: Hashable {
        let position: SourcePosition
        let message: String
    }

    public init(source: SourceText, showsLines: Bool = true) {
        self.source = source
        self.showsLines = showsLines
    }

    public var isEmpty: Bool { diagnostics.isEmpty }

    public mutating func report(_ message: String, at position: SourcePosition, remedy: String = "") {
        guard diagnostics.count < Self.keptLimit else {
            dropped += 1
            return
        }
        guard known.insert(Place(position: position, message: message)).inserted else { return }
        let line = showsLines ? source.line(position.line) : ""
        diagnostics.append(Diagnostic(position: position, message: message, remedy: remedy, sourceLine: line))
    }

    /// Whether there are so many errors that looking for the word that was meant is not worth its time.
    public var isCrowded: Bool { diagnostics.count >= Self.limit }

    /// Everything found, as one error value.
    public func errors() -> ConfigurationErrors {
        let sorted = diagnostics.enumerated().sorted { ($0.element.position, $0.offset) < ($1.element.position, $1.offset) }.map(
            \.element)
        return ConfigurationErrors(
            file: source.file, diagnostics: Array(sorted.prefix(Self.limit)),
            omitted: max(0, sorted.count - Self.limit) + dropped, isCutShort: isCutShort)
    }
}

public enum Spelling {
    /// The candidate nearest to `word` by edit distance (insertion, deletion, substitution, swap of neighbours; letter
    /// case and `-`/`_` count nothing), or nil when none is near enough to be meant.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let wanted = folded(word)
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(wanted, folded(candidate))
            if distance <= max(1, max(wanted.count, candidate.utf8.count) / 3), distance < best?.distance ?? Int.max {
                best = (candidate, distance)
            }
        }
        return best?.name
    }

    /// `did you mean 'x'?` when there is a near candidate, else the list of what is valid.
    public static func advice(for word: String, among candidates: [String], noun: String) -> String {
        if let name = nearest(to: word, among: candidates) { return "did you mean '\(name)'?" }
        return "\(noun): \(candidates.joined(separator: ", "))"
    }

    private static func folded(_ word: String) -> [UInt8] {
        word.utf8.compactMap { byte in
            switch byte {
            case 65...90: byte + 32
            case 45, 95, 32: nil
            default: byte
            }
        }
    }

    /// Optimal string alignment distance (Damerau 1964, without repeated edits).
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var older = [Int](repeating: 0, count: b.count + 1)
        var old = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1] + [Int](repeating: 0, count: b.count)
            for j in 0..<b.count {
                var cost = min(old[j + 1] + 1, row[j] + 1, old[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, older[j - 1] + 1) }
                row[j + 1] = cost
            }
            older = old
            old = row
        }
        return old[b.count]
    }
}
