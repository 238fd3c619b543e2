// The way out of every text to a terminal. What a terminal would obey, or would not show, is spelled out: controls (C0,
// C1), marks that turn the direction of text, characters without a width, line and paragraph separators. Text comes
// from everywhere: profiles, file names, command lines, the replies of strange servers.
// Invariant: our own colours and movements of the cursor are the only ones that pass. They carry a key that is drawn at
// random when the process starts, so that no text from outside can pass for one of them.

public enum TerminalText {
    /// `text` as it may be written: line feeds and tabs stay, and so does what `own` marked.
    public static func safe(_ text: String) -> String {
        isHarmless(text) ? text : spelled(text, isLine: false, limit: .max)
    }

    /// The same on one line: line feeds and tabs are spelled out too. At most `limit` scalars of it.
    public static func line(_ text: String, limit: Int = .max) -> String { spelled(text, isLine: true, limit: limit) }

    /// A sequence of ours, such as a colour: `safe` lets it through.
    public static func own(_ sequence: String) -> String { String(opening) + key + sequence + String(closing) }

    /// `\u{1B}`, as it stands for a scalar that is not written.
    public static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "\\u{" + digits + "}"
    }

    // MARK: What is harmless

    /// Whether a terminal shows `scalar` and obeys nothing in it.
    public static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        if value < 0x7F { return value >= 0x20 }
        if value < 0x300 { return value >= 0xA0 && value != 0xAD }
        // Variation selectors 15 and 16 choose between the two looks of an emoji.
        if value == 0xFE0E || value == 0xFE0F { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return false
        default: break
        }
        return !scalar.properties.isDefaultIgnorableCodePoint && !scalar.properties.isNoncharacterCodePoint
    }

    /// Most texts: printable ASCII, line feeds, tabs.
    private static func isHarmless(_ text: String) -> Bool {
        text.utf8.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x0A || $0 == 0x09 }
    }

    private static func spelled(_ text: String, isLine: Bool, limit: Int) -> String {
        var result = ""
        var rest = text.unicodeScalars[...]
        var count = 0
        while let scalar = rest.first {
            if !isLine, let sequence = ownSequence(rest) {
                // One by one: `append(contentsOf:)` of a view copies all that it holds.
                for scalar in sequence.text { result.unicodeScalars.append(scalar) }
                rest = rest[sequence.end...]
                continue
            }
            guard count < limit else { return result + "…" }
            count += 1
            rest.removeFirst()
            if isShown(scalar) || (!isLine && (scalar == "\n" || scalar == "\t")) {
                result.unicodeScalars.append(scalar)
            } else {
                result += escape(scalar)
            }
        }
        return result
    }

    // MARK: Our own sequences

    /// STX and ETX; those of foreign text, which lack the key, are spelled out as all controls are.
    private static let opening: Unicode.Scalar = "\u{2}"
    private static let closing: Unicode.Scalar = "\u{3}"
    private static let key = String(UInt64.random(in: 0 ... .max), radix: 36)

    /// The sequence that `text` begins with, and where it ends; nil when none of ours is there.
    static func ownSequence(
        _ text: Substring.UnicodeScalarView
    ) -> (text: Substring.UnicodeScalarView, end: String.UnicodeScalarView.Index)? {
        guard text.first == opening else { return nil }
        var rest = text.dropFirst()
        for expected in key.unicodeScalars {
            guard rest.first == expected else { return nil }
            rest.removeFirst()
        }
        guard let end = rest.firstIndex(of: closing) else { return nil }
        return (rest[..<end], rest.index(after: end))
    }
}
