// DES (FIPS 46-3), one block at a time, encryption only: LM and NTLMv1 responses are made of nothing else. The tables
// stand as the standard prints them (bits counted from 1 at the left), since clarity matters more here than speed:
// a block costs a few microseconds, and no modern logon takes this road.

public enum DES {
    /// Encrypts one block. Block, key and result are big-endian readings of eight octets; the parity bits of the key
    /// (the lowest of each octet) are not looked at.
    public static func encrypt(block: UInt64, key: UInt64) -> UInt64 {
        let start = permute(block, width: 64, Tables.initial.span)
        var left = UInt32(truncatingIfNeeded: start >> 32)
        var right = UInt32(truncatingIfNeeded: start)
        let schedule = permute(key, width: 64, Tables.keyChoice1.span)
        var c = UInt32(truncatingIfNeeded: schedule >> 28)
        var d = UInt32(truncatingIfNeeded: schedule & 0x0FFF_FFFF)
        for round in 0..<16 {
            // Rounds 1, 2, 9 and 16 turn the halves of the key by one bit, the others by two.
            let turn: UInt32 = 0b1000_0001_0000_0011 >> UInt32(round) & 1 == 1 ? 1 : 2
            c = (c << turn | c >> (28 &- turn)) & 0x0FFF_FFFF
            d = (d << turn | d >> (28 &- turn)) & 0x0FFF_FFFF
            let roundKey = permute(UInt64(c) << 28 | UInt64(d), width: 56, Tables.keyChoice2.span)
            (left, right) = (right, left ^ mix(right, roundKey))
        }
        return permute(UInt64(right) << 32 | UInt64(left), width: 64, Tables.final.span)
    }

    /// Spreads 56 key bits (the low bits of `key7`, as seven big-endian octets) over eight octets, parity bits zero.
    public static func expand(key7: UInt64) -> UInt64 {
        var key8: UInt64 = 0
        for octet in 0..<8 {
            let bits = key7 >> UInt64(49 &- 7 &* octet) & 0x7F
            key8 = key8 << 8 | bits << 1
        }
        return key8
    }

    /// The cipher function f(R, K).
    private static func mix(_ half: UInt32, _ roundKey: UInt64) -> UInt32 {
        var substituted: UInt32 = 0
        for box in 0..<8 {
            // The expansion E gives box n the bits 4n-1 ... 4n+4 of the half, counted in a ring.
            let shift = UInt32(truncatingIfNeeded: 27 &- 4 &* box) & 31
            let turned = half >> shift | half << ((32 &- shift) & 31)
            let six = UInt8(truncatingIfNeeded: UInt64(turned) ^ roundKey >> UInt64(42 &- 6 &* box)) & 0x3F
            let row = (six >> 4 & 2) | (six & 1)
            let column = six >> 1 & 0xF
            substituted = substituted << 4 | UInt32(Tables.boxes[box &* 64 &+ Int(row &* 16 &+ column)])
        }
        return UInt32(truncatingIfNeeded: permute(UInt64(substituted), width: 32, Tables.transposition.span))
    }

    /// Bit n of the result is bit table[n] of `value`, both counted from 1 at the left.
    private static func permute(_ value: UInt64, width: Int, _ table: Span<UInt8>) -> UInt64 {
        var result: UInt64 = 0
        for index in 0..<table.count {
            result = result << 1 | value >> UInt64(width &- Int(table[index])) & 1
        }
        return result
    }
}

private enum Tables {
    static let initial: InlineArray<64, UInt8> = [
        58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4,
        62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
        57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3,
        61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
    ]
    static let final: InlineArray<64, UInt8> = [
        40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31,
        38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29,
        36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27,
        34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
    ]
    static let transposition: InlineArray<32, UInt8> = [
        16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
        2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
    ]
    static let keyChoice1: InlineArray<56, UInt8> = [
        57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18,
        10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
        63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22,
        14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
    ]
    static let keyChoice2: InlineArray<48, UInt8> = [
        14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4,
        26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30, 40,
        51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
    ]
    /// S1 ... S8, four rows of sixteen each.
    static let boxes: InlineArray<512, UInt8> = [
        14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
        4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
        15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
        0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
        10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
        13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
        7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
        10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
        2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
        4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
        12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
        9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
        4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
        1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
        13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
        7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
    ]
}
