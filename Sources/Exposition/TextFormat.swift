// Prometheus' text exposition format 0.0.4: a family's HELP and TYPE, then its samples.
// Invariant: the samples of a family stand together under its name, and every label value is escaped, also against
// terminals.

internal import Terminal

public struct TextFormat {
    public enum Kind: String, Sendable {
        case counter
        case gauge
    }

    public private(set) var text = ""
    private var name = ""

    public init() {}

    /// Begins a family; the samples that follow are its own.
    public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    public mutating func sample(_ value: UInt64, _ labels: KeyValuePairs<String, String> = [:]) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.key)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    /// A sample without labels, in seconds, of a time in nanoseconds.
    public mutating func sample(seconds nanoseconds: UInt64) { text += "\(name) \(Double(nanoseconds) / 1e9)\n" }

    /// A family of one sample.
    public mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
        family(name, kind, help)
        sample(value)
    }

    private static func escaped(_ value: String, quotes: Bool) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            case _ where TerminalText.isShown(character): result.unicodeScalars.append(character)
            default: result += "\\" + TerminalText.escape(character)
            }
        }
        return result
    }
}
