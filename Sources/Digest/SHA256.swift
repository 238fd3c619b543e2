// SHA-256 (FIPS 180-4) over OpenSSL's low-level context: a value on the stack, no EVP fetch, nothing allocated.
// For certificate hashes (channel bindings, RFC 5929) and SCRAM.

import COpenSSL

public struct SHA256 {
    private var context = SHA256_CTX()

    public init() { SHA256_Init(&context) }

    public static func hash(_ bytes: Span<UInt8>) -> Digest32 {
        var state = SHA256()
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { update($0) }
    }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        SHA256_Update(&context, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ text: StaticString) {
        update(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
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
