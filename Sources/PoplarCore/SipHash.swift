// SipHash-2-4 (Aumasson, Bernstein 2012): a hash under a secret key, for tables whose keys a stranger chooses and for numbers
// that nobody else may predict. Without the key no collision can be made on purpose. It is no digest: 64 bits forge in time.

@frozen
public struct SipHash: Sendable {
    @usableFromInline let key0: UInt64
    @usableFromInline let key1: UInt64

    /// The key's octets 0..<8 and 8..<16, each read as a little-endian number.
    @inlinable
    public init(key0: UInt64, key1: UInt64) {
        self.key0 = key0
        self.key1 = key1
    }

    /// The hash of sixteen octets: `a`, then `b`, each little-endian.
    @inlinable
    public func hash(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var state = State(key0, key1)
        state.absorb(a)
        state.absorb(b)
        return state.finish(16 << 56)
    }

    @inlinable
    public func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var state = State(key0, key1)
        var word: UInt64 = 0
        for index in 0..<bytes.count {
            word |= UInt64(bytes[index]) << UInt64((index & 7) &* 8)
            if index & 7 == 7 {
                state.absorb(word)
                word = 0
            }
        }
        return state.finish(word | UInt64(truncatingIfNeeded: bytes.count) << 56)
    }

    @usableFromInline
    @frozen
    struct State {
        @usableFromInline var v0: UInt64
        @usableFromInline var v1: UInt64
        @usableFromInline var v2: UInt64
        @usableFromInline var v3: UInt64

        @inlinable
        init(_ key0: UInt64, _ key1: UInt64) {
            v0 = key0 ^ 0x736F_6D65_7073_6575
            v1 = key1 ^ 0x646F_7261_6E64_6F6D
            v2 = key0 ^ 0x6C79_6765_6E65_7261
            v3 = key1 ^ 0x7465_6462_7974_6573
        }

        @inlinable
        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        /// Takes the last word, whose top octet is the length.
        @inlinable
        mutating func finish(_ last: UInt64) -> UInt64 {
            absorb(last)
            v2 ^= 0xFF
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        @inlinable
        mutating func round() {
            v0 &+= v1
            v2 &+= v3
            v1 = (v1 << 13 | v1 >> 51) ^ v0
            v3 = (v3 << 16 | v3 >> 48) ^ v2
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v1
            v0 &+= v3
            v1 = (v1 << 17 | v1 >> 47) ^ v2
            v3 = (v3 << 21 | v3 >> 43) ^ v0
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
