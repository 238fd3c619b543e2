// HMAC-MD5 (RFC 2104) as two MD5 contexts on the stack: incremental, nothing allocated. It is what NTLMv2, the MIC and
// CRAM-MD5 are made of. A value made for a key may be copied and used again for each message under that key.

public struct HMACMD5 {
    private var inner = MD5()
    private var outer = MD5()

    /// A key of any length; more than 64 octets are hashed first, as RFC 2104 says.
    public init(key: Span<UInt8>) {
        if key.count <= 64 {
            prepare(key)
        } else {
            MD5.hash(key).withSpan { prepare($0) }
        }
    }

    public init(key: Digest16) {
        key.withSpan { prepare($0) }
    }

    private mutating func prepare(_ key: Span<UInt8>) {
        var block = InlineArray<64, UInt8>(repeating: 0x36)
        for index in 0..<min(key.count, 64) { block[index] ^= key[index] }
        inner.update(block.span)
        for index in 0..<64 { block[index] ^= 0x36 ^ 0x5C }
        outer.update(block.span)
    }

    public static func authenticate(_ bytes: Span<UInt8>, key: Span<UInt8>) -> Digest16 {
        var state = HMACMD5(key: key)
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) { inner.update(bytes) }
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { inner.update(bytes) }
    public mutating func update(_ digest: Digest16) { digest.withSpan { inner.update($0) } }

    /// The eight octets of `word`, little-endian.
    public mutating func update(littleEndian word: UInt64) {
        withUnsafeBytes(of: word.littleEndian) { inner.update($0) }
    }

    /// The tag of everything so far. The state is spent afterwards.
    public mutating func finalize() -> Digest16 {
        let digest = inner.finalize()
        digest.withSpan { outer.update($0) }
        return outer.finalize()
    }
}
