// Base64 (RFC 4648, section 4) for SASL lines: no line folding, no white space, padding required and exact.
// Invariant: the decoder writes at most the capacity it is given, and leftover bits must be zero, so that
// each message has exactly one spelling.

public enum Base64 {
    /// Octets that encode `count` octets.
    @inlinable
    public static func encodedCount(_ count: Int) -> Int { (count &+ 2) / 3 &* 4 }

    /// Appends the encoding of `bytes`; a writer that is too small overflows as a whole.
    public static func encode(_ bytes: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        guard bytes.count > 0, let place = writer.reserve(encodedCount(bytes.count)) else { return }
        var source = 0
        var target = 0
        while source < bytes.count {
            let left = bytes.count &- source
            let a = UInt32(bytes[source])
            let b = left > 1 ? UInt32(bytes[source &+ 1]) : 0
            let c = left > 2 ? UInt32(bytes[source &+ 2]) : 0
            let group = a << 16 | b << 8 | c
            place[target] = letter(group >> 18)
            place[target &+ 1] = letter(group >> 12)
            place[target &+ 2] = left > 1 ? letter(group >> 6) : 61
            place[target &+ 3] = left > 2 ? letter(group) : 61
            source &+= 3
            target &+= 4
        }
    }

    /// Appends what `text` stands for. Returns false when it is not base64 or does not fit; the writer is then
    /// as it was before.
    public static func decode(_ text: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        let mark = writer.count
        guard text.count % 4 == 0 else { return false }
        guard text.count > 0 else { return true }
        var padding = 0
        if text[text.count - 1] == 61 { padding = text[text.count - 2] == 61 ? 2 : 1 }
        var index = 0
        while index < text.count {
            let last = index &+ 4 == text.count
            let take = last ? 4 &- padding : 4
            var group: UInt32 = 0
            for place in 0..<4 {
                guard place < take else {
                    group <<= 6
                    continue
                }
                guard let value = bits(text[index &+ place]) else {
                    writer.truncate(to: mark)
                    return false
                }
                group = group << 6 | value
            }
            let octets = take &- 1
            let unused: UInt32 = octets == 1 ? 0xFFFF : octets == 2 ? 0xFF : 0
            guard group & unused == 0, let place = writer.reserve(octets) else {
                writer.truncate(to: mark)
                return false
            }
            place[0] = UInt8(truncatingIfNeeded: group >> 16)
            if octets > 1 { place[1] = UInt8(truncatingIfNeeded: group >> 8) }
            if octets > 2 { place[2] = UInt8(truncatingIfNeeded: group) }
            index &+= 4
        }
        return true
    }

    @inline(__always)
    private static func letter(_ value: UInt32) -> UInt8 {
        let index = UInt8(truncatingIfNeeded: value & 63)
        switch index {
        case 0..<26: return 65 &+ index
        case 26..<52: return 71 &+ index
        case 52..<62: return index &- 4
        default: return index == 62 ? 43 : 47
        }
    }

    @inline(__always)
    private static func bits(_ letter: UInt8) -> UInt32? {
        switch letter {
        case 65...90: return UInt32(letter &- 65)
        case 97...122: return UInt32(letter &- 71)
        case 48...57: return UInt32(letter &+ 4)
        case 43: return 62
        case 47: return 63
        default: return nil
        }
    }
}
