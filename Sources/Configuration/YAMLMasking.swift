// The text that the parser of YAML sees: `&` stands masked, so that no anchor exists, and the first letter of a key
// that appears again is masked too, so that both survive. Invariant: each mask is one scalar for one, so positions stay
// true.

struct YAMLMasking {
    static let ampersand: Unicode.Scalar = "\u{10E026}"
    /// Masks of the renamed keys: plane 16, 128 codes for each round.
    private static let renamed: UInt32 = 0x100000
    private static let rounds: UInt32 = 0x400

    private var lines: [[Unicode.Scalar]] = [[]]
    private var round: UInt32 = 0

    init(_ text: String) {
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            // Line breaks become one kind, as in SourceText, whose line numbers must agree.
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append([])
            case "&": lines[lines.count - 1].append(Self.ampersand)
            default: lines[lines.count - 1].append(scalar)
            }
            previous = scalar
        }
    }

    var text: String {
        var view = String.UnicodeScalarView()
        for line in lines {
            // One by one: `append(contentsOf:)` of a view copies all that it holds.
            for scalar in line { view.append(scalar) }
            view.append("\n")
        }
        return String(view)
    }

    /// The scalar at a place; nil where there is none.
    func scalar(at position: SourcePosition) -> Unicode.Scalar? {
        guard lines.indices.contains(position.line - 1), lines[position.line - 1].indices.contains(position.column - 1) else {
            return nil
        }
        return lines[position.line - 1][position.column - 1]
    }

    static func isReserved(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x100000 }

    /// Makes the key at `position` differ from every other; false when it has no letter to mask.
    mutating func rename(at position: SourcePosition) -> Bool {
        guard position.line <= lines.count, round < Self.rounds else { return false }
        let row = position.line - 1
        var column = position.column - 1
        while column < lines[row].count, lines[row][column] == "\"" || lines[row][column] == "'" { column += 1 }
        guard column < lines[row].count, lines[row][column].value < 0x80, lines[row][column].value > 0x20,
            let mask = Unicode.Scalar(Self.renamed + round * 0x80 + lines[row][column].value)
        else { return false }
        lines[row][column] = mask
        round += 1
        return true
    }

    static func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isReserved) else { return text }
        var view = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == ampersand {
                view.append("&")
            } else if isReserved(scalar), let original = Unicode.Scalar((scalar.value - renamed) % 0x80) {
                view.append(original)
            } else {
                view.append(scalar)
            }
        }
        return String(view)
    }
}
