// The text of a file that people write, cut into lines as YAML 1.1 cuts them, so that an error can show its line and a caret.
// Invariant: a position counts lines from 1 and columns from 1 in Unicode scalars, as libYAML does. Values from
// the file are shown with control characters replaced: an error message never drives the terminal.

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

extension String {
    /// The text with control characters and direction overrides replaced by U+FFFD, at most `limit` scalars of it.
    public func shown(limit: Int = 200) -> String {
        var view = String.UnicodeScalarView()
        var count = 0
        for scalar in unicodeScalars {
            guard count < limit else {
                view.append("…")
                break
            }
            count += 1
            let isHarmless: Bool
            switch scalar.value {
            case 0x20..<0x7F, 0xA0...0x200D, 0x2010...0x2027, 0x202F...0x2065, 0x206A...0xDFFF, 0xE000...0xFEFE, 0xFF00...:
                isHarmless = true
            default: isHarmless = false
            }
            view.append(isHarmless ? scalar : "\u{FFFD}")
        }
        return String(view)
    }
}
