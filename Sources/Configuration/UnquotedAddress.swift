// Addresses that YAML takes for something else where they are not quoted: `[::1]:1110` begins a list, `*:1110` an
// alias. Looked for only in a line where the parser has failed. Invariant: what stands in quotes is left alone.

struct UnquotedAddress {
    /// Of the first one, from 1.
    let column: Int
    /// What it is, for the message.
    let what: String
    /// The line with all of them in quotes.
    let corrected: String

    static func find(in line: String) -> UnquotedAddress? {
        let scalars = Array(line.unicodeScalars)
        var corrected = String.UnicodeScalarView()
        var first: (column: Int, what: String)?
        var quote: Unicode.Scalar?
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == "\"" || scalar == "'" {
                quote = scalar
            } else if scalar == "#", index == 0 || scalars[index - 1] == " " {
                corrected.append(contentsOf: scalars[index...])
                break
            } else if let end = endOfBracketed(scalars, index) ?? endOfWildcard(scalars, index) {
                if first == nil { first = (index + 1, scalar == "*" ? "an address that begins with '*'" : "an IPv6 address") }
                corrected.append("\"")
                corrected.append(contentsOf: scalars[index..<end])
                corrected.append("\"")
                index = end
                continue
            }
            corrected.append(scalar)
            index += 1
        }
        return first.map { UnquotedAddress(column: $0.column, what: $0.what, corrected: String(corrected)) }
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

    /// Behind `*:110`.
    private static func endOfWildcard(_ scalars: [Unicode.Scalar], _ start: Int) -> Int? {
        guard scalars[start] == "*", start + 1 < scalars.count, scalars[start + 1] == ":" else { return nil }
        return endOfPort(scalars, start + 1)
    }

    /// Behind `:110` at `start`; there is none without a digit.
    private static func endOfPort(_ scalars: [Unicode.Scalar], _ start: Int) -> Int? {
        guard start < scalars.count, scalars[start] == ":" else { return nil }
        let end = scalars[(start + 1)...].firstIndex { !("0"..."9").contains($0) } ?? scalars.count
        return end > start + 1 ? end : nil
    }
}
