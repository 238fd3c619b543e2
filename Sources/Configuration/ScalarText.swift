// Values of a file, read from their text: YAML's implicit types play no part, so `on`, `1:30`, `010` and `1e3` mean only what
// is written here. Invariant: nothing traps; what is not exactly of the form is nil.

public enum ScalarText {
    public static let durationRemedy = "write a number with ns, us, ms, s, m, h or d, for example 15s or 250ms"

    /// Digits with at most one decimal point; no sign, no exponent, at most 18 digits.
    public static func number(_ text: some StringProtocol) -> Double? {
        var points = 0
        var digits = 0
        let octets = Array(text.utf8)
        for byte in octets {
            switch byte {
            case 48...57: digits += 1
            case 46: points += 1
            default: return nil
            }
        }
        guard digits > 0, digits <= 18, points <= 1, octets.first != 46, octets.last != 46 else { return nil }
        return Double(String(text))
    }

    /// Digits alone, in decimal also behind leading zeros.
    public static func integer(_ text: some StringProtocol) -> UInt64? {
        guard !text.isEmpty, text.utf8.count <= 19, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return UInt64(String(text))
    }

    /// `15s`, `250ms`, `1.5m`; plain `0` needs no unit.
    public static func durationNs(_ text: String) -> UInt64? {
        if text == "0" { return 0 }
        for (unit, ns) in [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86400e9)]
        where text.hasSuffix(unit) {
            let head = text.dropLast(unit.count).trimmed()
            guard let value = number(head) else { continue }
            let product = (value * ns).rounded()
            return product < 9e18 ? UInt64(product) : nil
        }
        return nil
    }

    /// `2048`, `2KiB`, `1MiB`, `1GiB`, `2048B`.
    public static func size(_ text: String) -> UInt64? {
        for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30), ("B", 0)] where text.hasSuffix(unit) {
            guard let value = number(text.dropLast(unit.count).trimmed()) else { return nil }
            let product = value * Double(1 << shift)
            return product == product.rounded() && product < 9e15 ? UInt64(product) : nil
        }
        return integer(text)
    }

    /// `10%` or plain `0`, as a part of 1.
    public static func share(_ text: String) -> Double? {
        if text == "0" { return 0 }
        guard text.hasSuffix("%") else { return nil }
        let digits = text.dropLast().trimmed()
        guard let value = number(digits), value <= 100 else { return nil }
        // Rounded once, as 7 / 1000 is: a limit of 0.7 % is met by 7 of 1,000.
        return Double(digits + "e-2") ?? value / 100
    }

    public static func flag(_ text: String) -> Bool? {
        switch text {
        case "true", "on", "yes": true
        case "false", "off", "no": false
        default: nil
        }
    }
}

extension StringProtocol {
    /// Without blanks at its ends.
    public func trimmed() -> String {
        var rest = self[...]
        while let first = rest.unicodeScalars.first, first == " " || first == "\t" { rest = rest.dropFirst() }
        while let last = rest.unicodeScalars.last, last == " " || last == "\t" { rest = rest.dropLast() }
        return String(rest)
    }
}
