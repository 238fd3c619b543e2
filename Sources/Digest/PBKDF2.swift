// PBKDF2 with HMAC-SHA-256 (RFC 8018, section 5.2), one block: what RFC 5802 calls Hi(). Slow on purpose, and OpenSSL's
// allocates, so it is for setting accounts up and for clients; a server's logon never comes here.

import COpenSSL

public enum PBKDF2 {
    /// The first 32 octets of the derived key; nil when `iterations` is 0 or an input is past Int32.
    public static func hmacSHA256(password: Span<UInt8>, salt: Span<UInt8>, iterations: UInt32) -> Digest32? {
        guard iterations > 0, let rounds = Int32(exactly: iterations), let passwordCount = Int32(exactly: password.count),
            let saltCount = Int32(exactly: salt.count)
        else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let done = withUnsafeMutableBytes(of: &words) { raw in
            password.withUnsafeBytes { password in
                salt.withUnsafeBytes { salt in
                    PKCS5_PBKDF2_HMAC(
                        password.assumingMemoryBound(to: CChar.self).baseAddress, passwordCount,
                        salt.assumingMemoryBound(to: UInt8.self).baseAddress, saltCount, rounds, EVP_sha256(),
                        Int32(Digest32.octetCount), raw.assumingMemoryBound(to: UInt8.self).baseAddress)
                }
            }
        }
        return done == 1 ? Digest32(words: words) : nil
    }
}
