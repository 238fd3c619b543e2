// CRAM-MD5 (RFC 2195): the server sends a text that never comes twice; the client answers with its name and the HMAC-MD5 of
// that text under the password, in hexadecimal. The server speaks first, so that an initial response is a fault.
// The server keeps the challenge at the start of the memory lent to it, and puts the name behind it.

import Digest
import PoplarCore

extension ServerExchange {
    /// `<random.time@host>`, the form of a message id.
    mutating func cramChallenge(
        random: UInt64, nowFileTime: UInt64, host: Span<UInt8>, memory: UnsafeMutableRawBufferPointer,
        into writer: inout ByteWriter
    ) -> ServerStep {
        var kept = ByteWriter(memory)
        kept.append(60)
        kept.append(decimal: random)
        kept.append(46)
        kept.append(decimal: nowFileTime)
        kept.append(64)
        kept.append(host)
        kept.append(62)
        let mark = writer.count
        writer.append(kept.written)
        guard !kept.overflowed, !writer.overflowed else {
            writer.truncate(to: mark)
            return fail(.tooLong)
        }
        challengeSize = UInt16(clamping: kept.count)
        state = .password
        return .challenge
    }

    mutating func cramResponse(_ response: Span<UInt8>, memory: UnsafeMutableRawBufferPointer) -> ServerStep {
        guard state == .password else { return fail(.malformed) }
        // The name may hold blanks; the digest does not.
        let nameSize = response.count &- 33
        guard nameSize >= 0, response[nameSize] == 32,
            let digest = Digest16(hexDigits: response.extracting((nameSize &+ 1)..<response.count))
        else { return fail(.malformed) }
        let name = response.extracting(0..<nameSize)
        guard nameSize <= Limits.name else { return fail(.tooLong) }
        guard nameSize > 0, isCleanName(name) else { return fail(.badName) }
        let start = Int(challengeSize)
        guard start <= memory.count else { return fail(.tooLong) }
        var kept = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[start...]))
        kept.append(name)
        guard !kept.overflowed else { return fail(.tooLong) }
        state = .finished
        return .verifyCRAMMD5(DigestClaim(challenge: 0..<start, user: start..<(start &+ nameSize), digest: digest))
    }
}

extension ClientExchange {
    mutating func cram(
        challenge: Span<UInt8>, user: Span<UInt8>, password: Span<UInt8>, into writer: inout ByteWriter
    ) -> ClientStep {
        guard state == .initial else { return fail(.outOfSequence) }
        guard challenge.count > 0 else { return fail(.malformed) }
        guard user.count > 0, isCleanName(user) else { return fail(.badName) }
        writer.append(user)
        writer.append(32)
        writer.append(hex: HMACMD5.authenticate(challenge, key: password))
        state = .finished
        return .respond
    }
}

extension ByteWriter {
    /// The octets of `digest` as 32 hexadecimal digits in lower case.
    mutating func append(hex digest: Digest16) {
        for index in 0..<Digest16.octetCount {
            append(hexDigit: digest[index] >> 4)
            append(hexDigit: digest[index] & 15)
        }
    }

    private mutating func append(hexDigit nibble: UInt8) { append(nibble < 10 ? 48 &+ nibble : 87 &+ nibble) }
}
