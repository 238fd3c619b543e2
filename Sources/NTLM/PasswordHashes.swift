// What a password becomes before any challenge: the NT hash (MD4 of its UTF-16LE form) and the LM hash (two DES halves).
// MS-NLMP 3.3.1 and 3.3.2. They are as good as the password: compare them in constant time, and never print them.

public import Digest

/// NTOWFv1: MD4 of the password in UTF-16LE.
public struct NTHash: Sendable, Equatable {
    public let digest: Digest16

    public init(_ digest: Digest16) { self.digest = digest }

    /// From a password in UTF-8. nil when it is not UTF-8.
    public init?(passwordUTF8 password: Span<UInt8>) {
        var state = MD4()
        var offset = 0
        while offset < password.count {
            guard let (scalar, width) = UTF8Text.scalar(in: password, at: offset) else { return nil }
            if scalar > 0xFFFF {
                let rest = scalar &- 0x1_0000
                Self.feed(0xD800 | rest >> 10, into: &state)
                Self.feed(0xDC00 | rest & 0x3FF, into: &state)
            } else {
                Self.feed(scalar, into: &state)
            }
            offset &+= width
        }
        digest = state.finalize()
    }

    private static func feed(_ unit: UInt32, into state: inout MD4) {
        state.update(UInt8(truncatingIfNeeded: unit))
        state.update(UInt8(truncatingIfNeeded: unit >> 8))
    }
}

/// LMOWFv1: DES of a constant under each half of the first fourteen characters, in upper case.
public struct LMHash: Sendable, Equatable {
    public let digest: Digest16

    public init(_ digest: Digest16) { self.digest = digest }

    /// From a password in UTF-8. nil when it cannot have an LM hash: more than 14 characters, or beyond ISO 8859-1.
    public init?(passwordUTF8 password: Span<UInt8>) {
        var octets = InlineArray<14, UInt8>(repeating: 0)
        var filled = 0
        var offset = 0
        while offset < password.count {
            guard filled < 14, let (scalar, width) = UTF8Text.scalar(in: password, at: offset), scalar <= 0xFF else { return nil }
            let upper = Uppercase.unit(UInt16(truncatingIfNeeded: scalar))
            guard upper <= 0xFF else { return nil }
            octets[filled] = UInt8(truncatingIfNeeded: upper)
            filled &+= 1
            offset &+= width
        }
        let magic: UInt64 = 0x4B47_5321_4023_2425  // "KGS!@#$%"
        let first = DES.encrypt(block: magic, key: DES.expand(key7: Self.half(octets, from: 0)))
        let second = DES.encrypt(block: magic, key: DES.expand(key7: Self.half(octets, from: 7)))
        digest = Digest16(low: first.byteSwapped, high: second.byteSwapped)
    }

    private static func half(_ octets: InlineArray<14, UInt8>, from start: Int) -> UInt64 {
        var key: UInt64 = 0
        for index in 0..<7 { key = key << 8 | UInt64(octets[start &+ index]) }
        return key
    }
}
