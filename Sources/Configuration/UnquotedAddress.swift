// Addresses that YAML takes for something else: `[::1]:1110` without quotes begins a list, `*:1110` an alias, `:1110` a
// value without a key. Looked for only in a line where the parser has failed. Invariant: what stands in quotes is left
// alone.

struct UnquotedAddress {
    private enum Kind {
        case bracketed, wildcard, portAlone
    }

    /// Of the first one, from 1.
    let column: Int
    /// What is wrong with it.
    let message: String
    /// What to do, with the line as it must be.
    let remedy: String

    static func find(in line: String) -> UnquotedAddress? {
        let scalars = Array(line.unicodeScalars)
        var corrected = String.UnicodeScalarView()
        var first: (column: Int, kind: Kind)?
        var quote: Unicode.Scalar?
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == "\"" || scalar == "'" {
                quote = scalar
            } else if scalar == "#", index == 0 || scalars[index - 1] == " " {
                for rest in scalars[index...] { corrected.append(rest) }
                break
            } else if let (kind, end) = address(scalars, index) {
                if first == nil { first = (index + 1, kind) }
                // One by one: `append(contentsOf:)` of a view copies all that it holds.
                for scalar in replacement(kind, scalars[index..<end]).unicodeScalars { corrected.append(scalar) }
                index = end
                continue
            }
            corrected.append(scalar)
            index += 1
        }
        guard let first else { return nil }
        let right = String(corrected).trimmed().shown(limit: 120)
        return switch first.kind {
        case .bracketed:
            UnquotedAddress(
                column: first.column, message: "an IPv6 address must be quoted in YAML", remedy: "quote it: \(right)")
        case .wildcard:
            UnquotedAddress(
                column: first.column, message: "'*' is no address, and begins an alias in YAML",
                remedy: "write: \(right)")
        case .portAlone:
            UnquotedAddress(
                column: first.column, message: "an address has a host in front of its port", remedy: "write: \(right)")
        }
    }

    /// The address at `start`, and what is behind it.
    private static func address(_ scalars: [Unicode.Scalar], _ start: Int) -> (Kind, end: Int)? {
        if let end = endOfBracketed(scalars, start) { return (.bracketed, end) }
        if scalars[start] == "*", let end = endOfPort(scalars, start + 1) { return (.wildcard, end) }
        let isFirst = start == 0 || [" ", "[", "{", ","].contains(scalars[start - 1])
        if isFirst, let end = endOfPort(scalars, start) { return (.portAlone, end) }
        return nil
    }

    private static func replacement(_ kind: Kind, _ address: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: kind == .wildcard ? address.dropFirst() : address)
        return switch kind {
        case .bracketed: "\"\(String(text))\""
        case .wildcard: "0.0.0.0\(String(text))"
        case .portAlone: "127.0.0.1\(String(text))"
        }
    }

    /// Behind `[fe80::1%eth0]:110` at `start`, or behind its bracket where there is no port: the brackets hold two
    /// colons in a row, or seven, and nothing that an address has not.
    private static func endOfBracketed(_ scalars: [Unicode.Scalar], _ start: Int) -> Int? {
        guard scalars[start] == "[" else { return nil }
        var colons = 0
        var hasGap = false
        var hasZone = false
        var index = start + 1
        while index < scalars.count, scalars[index] != "]" {
            let scalar = scalars[index]
            switch scalar {
            case ":" where !hasZone:
                colons += 1
                hasGap = hasGap || scalars[index - 1] == ":"
            case "%": hasZone = true
            case ".", "0"..."9", "a"..."f", "A"..."F": break
            case _ where hasZone && (scalar.properties.isAlphabetic || scalar == "-" || scalar == "_"): break
            default: return nil
            }
            index += 1
        }
        guard index < scalars.count, hasGap || colons == 7 else { return nil }
        return endOfPort(scalars, index + 1) ?? index + 1
    }

    /// Behind `:110` at `start`; there is none without a digit.
    private static func endOfPort(_ scalars: [Unicode.Scalar], _ start: Int) -> Int? {
        guard start < scalars.count, scalars[start] == ":" else { return nil }
        let end = scalars[(start + 1)...].firstIndex { !("0"..."9").contains($0) } ?? scalars.count
        return end > start + 1 ? end : nil
    }
}
