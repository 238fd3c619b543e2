// A digest of thirty-two octets (SHA-256, HMAC-SHA-256) as a trivial value. Invariant: the four words hold the octets in
// their order in memory, so that a view of the value is the digest; equality takes the same time for every value.

@frozen
public struct Digest32: Sendable, Equatable {
    @usableFromInline let words: (UInt64, UInt64, UInt64, UInt64)

    @inlinable
    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    public static let octetCount = 32

    /// The thirty-two octets of `bytes`; nil when there are more or fewer.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { raw in
            for index in 0..<32 { raw[index] = bytes[index] }
        }
        self.init(words: words)
    }

    /// The first sixteen octets.
    public var prefix16: Digest16 {
        Digest16(low: UInt64(littleEndian: words.0), high: UInt64(littleEndian: words.1))
    }

    /// Lends the octets for the duration of `body`.
    @inlinable
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        withUnsafeBytes(of: words) { raw in
            let octets = raw.assumingMemoryBound(to: UInt8.self)
            return body(octets.span)
        }
    }

    @inlinable
    public static func == (a: Digest32, b: Digest32) -> Bool {
        let first = (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1)
        let second = (a.words.2 ^ b.words.2) | (a.words.3 ^ b.words.3)
        return (first | second) == 0
    }

    @inlinable
    public static func ^ (a: Digest32, b: Digest32) -> Digest32 {
        Digest32(
            words: (a.words.0 ^ b.words.0, a.words.1 ^ b.words.1, a.words.2 ^ b.words.2, a.words.3 ^ b.words.3))
    }
}
