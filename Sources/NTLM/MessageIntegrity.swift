// The message integrity code (MS-NLMP 3.1.5.1.2): HMAC-MD5 under the exported session key over the three messages exactly as
// they were sent, the code's own sixteen octets taken as zero. It is what a relay cannot redo after changing a flag.

import Digest

enum MessageIntegrity {
    /// The code of `message` (a type 3 of at least 88 octets; zero for a shorter one, which has no place for it).
    static func code(_ key: Digest16, before: UnsafeRawBufferPointer, challenge: UnsafeRawBufferPointer, message: Span<UInt8>)
        -> Digest16
    {
        let place = AuthenticateMessage.micRange
        guard message.count >= place.upperBound else { return .zero }
        var hmac = HMACMD5(key: key)
        hmac.update(before)
        hmac.update(challenge)
        hmac.update(message.extracting(0..<place.lowerBound))
        hmac.update(Digest16.zero)
        hmac.update(message.extracting(place.upperBound..<message.count))
        return hmac.finalize()
    }

    /// ExportedSessionKey: what the client sent under the key exchange key, or that key itself (which for NTLMv2 is the
    /// session base key), where an exchange was not agreed on or the client sent none. nil when what it sent is no key.
    static func exportedKey(_ message: AuthenticateMessage, in bytes: Span<UInt8>, sessionBaseKey: Digest16) -> Digest16? {
        let signs = message.agreed.contains(.sign) || message.agreed.contains(.seal)
        guard message.agreed.contains(.keyExchange), signs, !message.sessionKey.isEmpty else { return sessionBaseKey }
        guard message.sessionKey.end <= bytes.count, let sent = Digest16(bytes.extracting(message.sessionKey.range)) else {
            return nil
        }
        return RC4.apply(to: sent, key: sessionBaseKey)
    }
}
