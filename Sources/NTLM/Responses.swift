// The responses of every version (MS-NLMP 3.3.1, 3.3.2), from hashes and nonces alone. Challenges are the eight octets as
// they stand on the wire, read little-endian. Nothing here parses; lengths are checked by the messages.

import Digest

/// Twenty-four octets: an LM, NTLMv1 or NTLM2 session response.
struct Response24: Equatable {
    var first: UInt64
    var second: UInt64
    var third: UInt64

    /// Whether the octets of `field` from `offset` on are this response, in a time that does not depend on them.
    func equals(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
        guard let a = try? MessageReader.word64(bytes, at: offset), let b = try? MessageReader.word64(bytes, at: offset &+ 8),
            let c = try? MessageReader.word64(bytes, at: offset &+ 16)
        else { return false }
        return ((a ^ first) | (b ^ second) | (c ^ third)) == 0
    }
}

enum Responses {
    /// DESL (MS-NLMP 6): the challenge under each third of a hash that zeros fill up to 21 octets.
    static func desl(_ hash: Digest16, challenge: UInt64) -> Response24 {
        let block = challenge.byteSwapped
        let low = hash.lowWord.byteSwapped  // octets 0..<8, big-endian
        let high = hash.highWord.byteSwapped
        func third(_ key7: UInt64) -> UInt64 { DES.encrypt(block: block, key: DES.expand(key7: key7)).byteSwapped }
        return Response24(
            first: third(low >> 8),
            second: third((low & 0xFF) << 48 | high >> 16),
            third: third((high & 0xFFFF) << 40))
    }

    /// The challenge that NTLM2 session responses are made over: MD5(server's || client's)[0..<8].
    static func sessionChallenge(server: UInt64, client: UInt64) -> UInt64 {
        var md5 = MD5()
        withUnsafeBytes(of: server.littleEndian) { md5.update($0) }
        withUnsafeBytes(of: client.littleEndian) { md5.update($0) }
        return md5.finalize().lowWord
    }

    /// How the domain goes into NTOWFv2.
    enum DomainForm {
        case asSent
        case empty
        case uppercase
    }

    /// NTOWFv2: HMAC-MD5 under the NT hash of the user in upper case and the domain as it was sent.
    static func ntowf2(_ hash: NTHash, user: Span<UInt8>, domain: Span<UInt8>, isUnicode: Bool, form: DomainForm = .asSent)
        -> Digest16
    {
        var hmac = HMACMD5(key: hash.digest)
        Name.hash(user, isUnicode: isUnicode, uppercase: true, into: &hmac)
        switch form {
        case .asSent: Name.hash(domain, isUnicode: isUnicode, uppercase: false, into: &hmac)
        case .uppercase: Name.hash(domain, isUnicode: isUnicode, uppercase: true, into: &hmac)
        case .empty: break
        }
        return hmac.finalize()
    }

    /// NTProofStr: HMAC-MD5 under NTOWFv2 of the server's challenge and the blob that follows the proof.
    static func proof(_ key: Digest16, challenge: UInt64, blob: Span<UInt8>) -> Digest16 {
        var hmac = HMACMD5(key: key)
        hmac.update(littleEndian: challenge)
        hmac.update(blob)
        return hmac.finalize()
    }

    /// SessionBaseKey of NTLMv2.
    static func sessionKey(_ key: Digest16, proof: Digest16) -> Digest16 {
        var hmac = HMACMD5(key: key)
        hmac.update(proof)
        return hmac.finalize()
    }

    /// The first sixteen octets of an LMv2 response; the client's challenge follows them.
    static func lm2(_ key: Digest16, server: UInt64, client: UInt64) -> Digest16 {
        var hmac = HMACMD5(key: key)
        hmac.update(littleEndian: server)
        hmac.update(littleEndian: client)
        return hmac.finalize()
    }
}
