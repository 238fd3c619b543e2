// What a text takes on a terminal, in columns: East Asian wide and fullwidth characters and emoji take two, combining
// marks none, our own sequences none. Source: Unicode Standard Annex 11 (East Asian Width), of Unicode 14.
// Invariant: nothing is counted narrower than a terminal draws it, so that what was cut fits.

public enum Columns {
    /// Columns of `text`, which is one line.
    public static func width(_ text: String) -> Int {
        var sum = 0
        walk(text) { _, columns in
            sum += columns
            return true
        }
        return sum
    }

    /// `text` in at most `columns` columns: what is cut off ends in "…". Sequences of ours in what is left stay.
    public static func cut(_ text: String, _ columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var kept = String.UnicodeScalarView()
        var sum = 0
        walk(text) { scalars, columnsOfPart in
            guard sum + columnsOfPart <= columns - 1 else { return false }
            sum += columnsOfPart
            kept.append(contentsOf: scalars)
            return true
        }
        return String(kept) + "…"
    }

    /// `text` with blanks behind it up to `width` columns.
    public static func left(_ text: String, _ width: Int) -> String { text + blank(width - self.width(text)) }

    /// `text` with blanks before it up to `width` columns.
    public static func right(_ text: String, _ width: Int) -> String { blank(width - self.width(text)) + text }

    public static func blank(_ columns: Int) -> String { String(repeating: " ", count: max(0, columns)) }

    /// Columns of one scalar by itself. One that is spelled out takes what its spelling takes.
    public static func width(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value >= 0x20, scalar.value < 0x7F { return 1 }
        guard TerminalText.isShown(scalar) else { return TerminalText.escape(scalar).utf8.count }
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: return isWide(scalar.value) ? 2 : 1
        }
    }

    /// The parts of `text` with their columns, until `body` says that it has enough: scalars, and our own sequences
    /// whole.
    private static func walk(_ text: String, _ body: (Substring.UnicodeScalarView, Int) -> Bool) {
        var rest = text.unicodeScalars[...]
        var last = 0
        while let scalar = rest.first {
            var end = rest.index(after: rest.startIndex)
            var columns = 0
            if let sequence = TerminalText.ownSequence(rest) {
                end = sequence.end
            } else if scalar.value == 0xFE0F {
                // What stands before it is drawn as an emoji, two columns wide.
                columns = last == 1 ? 1 : 0
                last = 2
            } else {
                columns = width(scalar)
                if columns > 0 { last = columns }
            }
            guard body(rest[..<end], columns) else { return }
            rest = rest[end...]
        }
    }

    private static func isWide(_ value: UInt32) -> Bool {
        guard value >= 0x1100 else { return false }
        var low = 0
        var high = wide.count
        while low < high {
            let middle = (low + high) / 2
            if wide[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < wide.count && wide[low].contains(value)
    }

    /// Ranges of wide and fullwidth characters, in order; unassigned ones between two of them are counted with them.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x23E9...0x23EC, 0x23F0...0x23F0, 0x23F3...0x23F3,
        0x25FD...0x25FE, 0x2614...0x2615, 0x2648...0x2653, 0x267F...0x267F, 0x2693...0x2693, 0x26A1...0x26A1,
        0x26AA...0x26AB, 0x26BD...0x26BE, 0x26C4...0x26C5, 0x26CE...0x26CE, 0x26D4...0x26D4, 0x26EA...0x26EA,
        0x26F2...0x26F3, 0x26F5...0x26F5, 0x26FA...0x26FA, 0x26FD...0x26FD, 0x2705...0x2705, 0x270A...0x270B,
        0x2728...0x2728, 0x274C...0x274C, 0x274E...0x274E, 0x2753...0x2755, 0x2757...0x2757, 0x2795...0x2797,
        0x27B0...0x27B0, 0x27BF...0x27BF, 0x2B1B...0x2B1C, 0x2B50...0x2B50, 0x2B55...0x2B55, 0x2E80...0x303E,
        0x3041...0x3247, 0x3250...0x4DBF, 0x4E00...0xA4C6, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAD9,
        0xFE10...0xFE19, 0xFE30...0xFE6B, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x1B2FB, 0x1F004...0x1F004,
        0x1F0CF...0x1F0CF, 0x1F18E...0x1F18E, 0x1F191...0x1F19A, 0x1F200...0x1F320, 0x1F32D...0x1F335,
        0x1F337...0x1F37C, 0x1F37E...0x1F393, 0x1F3A0...0x1F3CA, 0x1F3CF...0x1F3D3, 0x1F3E0...0x1F3F0,
        0x1F3F4...0x1F3F4, 0x1F3F8...0x1F43E, 0x1F440...0x1F440, 0x1F442...0x1F4FC, 0x1F4FF...0x1F53D,
        0x1F54B...0x1F54E, 0x1F550...0x1F567, 0x1F57A...0x1F57A, 0x1F595...0x1F596, 0x1F5A4...0x1F5A4,
        0x1F5FB...0x1F64F, 0x1F680...0x1F6C5, 0x1F6CC...0x1F6CC, 0x1F6D0...0x1F6D2, 0x1F6D5...0x1F6DF,
        0x1F6EB...0x1F6EC, 0x1F6F4...0x1F6FC, 0x1F7E0...0x1F7F0, 0x1F90C...0x1F93A, 0x1F93C...0x1F945,
        0x1F947...0x1F9FF, 0x1FA70...0x1FAF6, 0x20000...0x3FFFD,
    ]
}
