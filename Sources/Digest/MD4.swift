// MD4 (RFC 1320), which OpenSSL 3 keeps in its legacy provider. It is broken as a hash and lives on as NTLM's password
// verifier alone. Octets go in one by one or as a view; nothing is allocated.

public struct MD4 {
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xEFCD_AB89
    private var c: UInt32 = 0x98BA_DCFE
    private var d: UInt32 = 0x1032_5476
    private var block = InlineArray<16, UInt32>(repeating: 0)
    private var octets: UInt64 = 0

    public init() {}

    public static func hash(_ bytes: Span<UInt8>) -> Digest16 {
        var state = MD4()
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) {
        for index in 0..<bytes.count { update(bytes[index]) }
    }

    public mutating func update(_ byte: UInt8) {
        let place = Int(truncatingIfNeeded: octets & 63)
        block[place >> 2] |= UInt32(byte) << UInt32((place & 3) &* 8)
        octets &+= 1
        if place == 63 { compress() }
    }

    /// The digest of everything so far. The state is spent afterwards.
    public mutating func finalize() -> Digest16 {
        let bits = octets &* 8
        update(0x80)
        // What is not written of a block is zero already.
        if octets & 63 > 56 { compress() }
        block[14] = UInt32(truncatingIfNeeded: bits)
        block[15] = UInt32(truncatingIfNeeded: bits >> 32)
        compress()
        return Digest16(low: UInt64(b) << 32 | UInt64(a), high: UInt64(d) << 32 | UInt64(c))
    }

    private mutating func compress() {
        let before = (a, b, c, d)
        for group in 0..<4 {
            let base = group &* 4
            step1(block[base], 3)
            step1(block[base &+ 1], 7)
            step1(block[base &+ 2], 11)
            step1(block[base &+ 3], 19)
        }
        for base in 0..<4 {
            step2(block[base], 3)
            step2(block[base &+ 4], 5)
            step2(block[base &+ 8], 9)
            step2(block[base &+ 12], 13)
        }
        for group in 0..<4 {
            let base = (group & 1) &* 2 &+ group >> 1  // 0, 2, 1, 3
            step3(block[base], 3)
            step3(block[base &+ 8], 9)
            step3(block[base &+ 4], 11)
            step3(block[base &+ 12], 15)
        }
        a &+= before.0
        b &+= before.1
        c &+= before.2
        d &+= before.3
        block = InlineArray(repeating: 0)
    }

    // Each step works on `a` and turns the four words by one place, so that the next step finds its own in `a`.
    @inline(__always)
    private mutating func turn(_ sum: UInt32, _ shift: UInt32) {
        let fresh = sum << shift | sum >> (32 &- shift)
        (a, b, c, d) = (d, fresh, b, c)
    }

    @inline(__always)
    private mutating func step1(_ word: UInt32, _ shift: UInt32) {
        turn(a &+ ((b & c) | (~b & d)) &+ word, shift)
    }

    @inline(__always)
    private mutating func step2(_ word: UInt32, _ shift: UInt32) {
        turn(a &+ ((b & c) | (b & d) | (c & d)) &+ word &+ 0x5A82_7999, shift)
    }

    @inline(__always)
    private mutating func step3(_ word: UInt32, _ shift: UInt32) {
        turn(a &+ (b ^ c ^ d) &+ word &+ 0x6ED9_EBA1, shift)
    }
}
