// MD5 (RFC 1321) over OpenSSL's low-level context: a value on the stack, no EVP fetch, nothing allocated.
// Broken against collisions, and here for the protocols that are built on it: NTLMv2, APOP, CRAM-MD5.
// A value may be copied at any point; both copies then go their own ways.

import COpenSSL

public struct MD5 {
    private var context = MD5_CTX()

    public init() { MD5_Init(&context) }

    public static func hash(_ bytes: Span<UInt8>) -> Digest16 {
        var state = MD5()
        state.update(bytes)
        return state.finalize()
    }

    public mutating func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { update($0) }
    }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        MD5_Update(&context, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ text: StaticString) {
        update(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The digest of everything so far. The state is spent afterwards.
    public mutating func finalize() -> Digest16 {
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words) { raw in
            _ = MD5_Final(raw.assumingMemoryBound(to: UInt8.self).baseAddress, &context)
        }
        return Digest16(low: words.0.littleEndian, high: words.1.littleEndian)
    }
}
