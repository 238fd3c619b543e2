// HMAC-SHA-256 (RFC 2104, RFC 6234) as two SHA-256 contexts on the stack: incremental, nothing allocated, no EVP fetch.
// SCRAM-SHA-256 is made of it. A value made for a key may be copied and used again for each message under that key.

public struct HMACSHA256 {
    private var inner = SHA256()
    private var outer = SHA256()

    /// A key of any length; more than 64 octets are hashed first, as RFC 2104 says.
    public init(key: Span<UInt8>) {
        if key.count <= 64 {
            prepare(key)
        } else {
            SHA256.hash(key).withSpan { prepare($0) }
        }
    }

    public init(key: Digest32) {
        key.withSpan { prepare($0) }
    }

    private mutating func prepare(_ key: Span<UInt8>) {
        var block = InlineArray<64, UInt8>(repeating: 0x36)
        for index in 0..<min(key.count, 64) { block[index] ^= key[index] }
        inner.update(block.span)
        for index in 0..<64 { block[index] ^= 0x36 ^ 0x5C }
        outer.update(block.span)
    }

    public static func authenticate(_ bytes: Span<UInt8>, key: Span<UInt8>) -> Digest32 {
        var state = HMACSHA256(key: key)
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) { inner.update(bytes) }
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { inner.update(bytes) }
    public mutating func update(_ text: StaticString) { inner.update(text) }

    /// The tag of everything so far. The state is spent afterwards.
    public mutating func finalize() -> Digest32 {
        let digest = inner.finalize()
        digest.withSpan { outer.update($0) }
        return outer.finalize()
    }
}
