// The text of a file that people write, cut into lines as YAML 1.1 cuts them, so that an error can show its line and a caret.
// Invariant: a position counts lines from 1 and columns from 1 in Unicode scalars, as libYAML does. Values from
// the file are shown with control characters spelled out: an error message never drives the terminal.

internal import Terminal

/// A place in a text. Lines and columns count from 1; columns in Unicode scalars.
public struct SourcePosition: Sendable, Hashable, Comparable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// A named text with its lines.
public struct SourceText: Sendable {
    public let file: String
    public let text: String
    let lines: [String]

    /// `text` without a byte order mark; `file` is the name printed in errors.
    public init(file: String, text: String) {
        var scalars = text.unicodeScalars[...]
        if scalars.first == "\u{FEFF}" { scalars = scalars.dropFirst() }
        self.file = file
        self.text = String(scalars)
        lines = Self.split(scalars)
    }

    /// Line `number` (from 1); empty past the end.
    public func line(_ number: Int) -> String {
        number >= 1 && number <= lines.count ? lines[number - 1] : ""
    }

    private static func split(_ scalars: Substring.UnicodeScalarView) -> [String] {
        var lines: [String] = []
        var current = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in scalars {
            switch scalar {
            case "\n" where previous == "\r":
                break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}":
                lines.append(String(current))
                current = String.UnicodeScalarView()
            default:
                current.append(scalar)
            }
            previous = scalar
        }
        lines.append(String(current))
        return lines
    }
}

extension SourceText {
    /// The text of a file's octets. What is not UTF-8 is an error at its place: repaired, it would be another text than
    /// the file's. `kind` is what the file is called, "profile".
    public static func decode(_ octets: [UInt8], file: String, kind: String) throws(ConfigurationErrors) -> String {
        if let text = String(validating: octets, as: UTF8.self), !looksLikeUTF16(octets) { return text }
        let source = SourceText(file: file, text: String(decoding: octets, as: UTF8.self))
        if looksLikeUTF16(octets) {
            throw ConfigurationErrors(
                file: file, at: SourcePosition(line: 1, column: 1), "the file is UTF-16 text, not UTF-8",
                remedy: "save the \(kind) as UTF-8, for example by `iconv -f utf-16 -t utf-8`")
        }
        let (place, octet) = firstInvalid(octets)
        let digits = String(octet, radix: 16, uppercase: true)
        let letter = octet >= 0xA0 ? "; if it is Latin-1 (this would be '\(Unicode.Scalar(octet))')," : "; from Latin-1,"
        throw ConfigurationErrors(
            file: file, at: place, "the byte 0x\(digits) is not UTF-8 text",
            remedy: "save the \(kind) as UTF-8\(letter) `iconv -f latin1 -t utf-8` does that", line: source.line(place.line))
    }

    /// A byte order mark of UTF-16 or UTF-32, or a zero beside the first letter.
    private static func looksLikeUTF16(_ octets: [UInt8]) -> Bool {
        guard octets.count >= 2 else { return false }
        let first = (octets[0], octets[1])
        return first == (0xFF, 0xFE) || first == (0xFE, 0xFF) || (first.0 == 0) != (first.1 == 0)
    }

    /// Scalars in front of the first octet that is not UTF-8.
    public static func validPrefix(of octets: [UInt8]) -> Int {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = octets.makeIterator()
        var count = 0
        while case .valid = decoder.parseScalar(from: &iterator) { count += 1 }
        return count
    }

    /// Where the first octet stands that is not UTF-8. Lines and columns as everywhere.
    private static func firstInvalid(_ octets: [UInt8]) -> (SourcePosition, UInt8) {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = octets.makeIterator()
        var at = 0
        var (line, column) = (1, 1)
        var previous: Unicode.Scalar?
        while case .valid(let encoded) = decoder.parseScalar(from: &iterator) {
            at += encoded.count
            let scalar = Unicode.UTF8.decode(encoded)
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": (line, column) = (line + 1, 1)
            // A byte order mark takes no column.
            case "\u{FEFF}" where previous == nil: break
            default: column += 1
            }
            previous = scalar
        }
        return (SourcePosition(line: line, column: column), at < octets.count ? octets[at] : 0)
    }
}

extension String {
    /// The text on one line, with what a terminal would obey or not show spelled out, at most `limit` scalars of it.
    public func shown(limit: Int = 200) -> String { TerminalText.line(self, limit: limit) }
}
