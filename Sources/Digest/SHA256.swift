// SHA-256 (FIPS 180-4) over OpenSSL's low-level context: a value on the stack, no EVP fetch, nothing allocated.
// For certificate hashes (channel bindings, RFC 5929) and SCRAM.

import COpenSSL

/// Thirty-two octets, each word loaded little-endian from the octets' order in memory.
@frozen
public struct Digest32: Sendable, Equatable {
    @usableFromInline let words: (UInt64, UInt64, UInt64, UInt64)

    @inlinable
    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    public static let octetCount = 32

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
}

public struct SHA256 {
    private var context = SHA256_CTX()

    public init() { SHA256_Init(&context) }

    public static func hash(_ bytes: Span<UInt8>) -> Digest32 {
        var state = SHA256()
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { raw in
            guard raw.count > 0 else { return }
            SHA256_Update(&context, raw.baseAddress, raw.count)
        }
    }

    /// The digest of everything so far. The state is spent afterwards.
    public mutating func finalize() -> Digest32 {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { raw in
            _ = SHA256_Final(raw.assumingMemoryBound(to: UInt8.self).baseAddress, &context)
        }
        return Digest32(words: words)
    }
}
