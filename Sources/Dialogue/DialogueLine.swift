// A line of a dialogue as people may see it: nothing secret, nothing that a terminal would obey.
// Invariant: only `Redactor` makes the text of what went over the wire.

internal import Terminal

public struct DialogueLine: Sendable, Equatable, Encodable {
    public enum Side: String, Sendable, Encodable {
        case client = "C"
        case server = "S"
        /// What happened beside the lines: connected, encrypted, closed.
        case event = "*"
    }

    /// Microseconds since the session's (planned) start.
    public var atUs: Double
    public var side: Side
    public var text: String

    enum CodingKeys: String, CodingKey {
        case atUs = "at_us"
        case side, text
    }

    public init(atUs: Double, side: Side, text: String) {
        self.atUs = atUs
        self.side = side
        self.text = text
    }
}

/// Octets of the other side as text: UTF-8 where it is, controls spelled out, at most `limit` characters.
enum Printable {
    static let limit = 240

    static func text(_ octets: some Collection<UInt8>, limit: Int = Printable.limit) -> String {
        var result = ""
        var count = 0
        for scalar in String(decoding: octets, as: UTF8.self).unicodeScalars {
            guard count < limit else { return result + "..." }
            count += 1
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0: result += "\\x" + hexadecimal(UInt8(truncatingIfNeeded: scalar.value))
            case _ where TerminalText.isShown(scalar): result.unicodeScalars.append(scalar)
            // Marks that turn or hide text.
            default: result += TerminalText.escape(scalar)
            }
        }
        return result
    }

    static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
