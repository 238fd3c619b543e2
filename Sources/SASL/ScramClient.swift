// SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side. It binds to no channel, and it too checks: a server that cannot show
// that it holds the verifier fails the exchange, whatever it says afterwards. What it sent is made anew from the nonce when
// the AuthMessage needs it, so that nothing is kept between the steps but a few words.

import Digest
import PoplarCore

/// What a client keeps between its steps.
struct ScramClientState: Sendable {
    var random: (UInt64, UInt64) = (0, 0)
    var serverSignature: Digest32?
}

extension ClientExchange {
    mutating func scram(
        challenge: Span<UInt8>, authorization: Span<UInt8>, user: Span<UInt8>, password: Span<UInt8>,
        random: (UInt64, UInt64), keys: inout SCRAMClientKeys?, into writer: inout ByteWriter
    ) -> ClientStep {
        switch state {
        case .initial:
            guard user.count > 0, ScramMessage.isNameClean(user), ScramMessage.isNameClean(authorization) else {
                return fail(.badName)
            }
            scramState.random = random
            appendHeader(authorization, into: &writer)
            appendBare(user, into: &writer)
            state = .second
            return .respond
        case .second:
            return clientFinal(challenge, authorization, user, password, &keys, into: &writer)
        case .third:
            return serverFinal(challenge)
        case .finished:
            return fail(.outOfSequence)
        }
    }

    private func appendHeader(_ authorization: Span<UInt8>, into writer: inout ByteWriter) {
        writer.append("n,")
        if authorization.count > 0 {
            writer.append("a=")
            ScramMessage.appendName(encoding: authorization, into: &writer)
        }
        writer.append(",")
    }

    private func appendBare(_ user: Span<UInt8>, into writer: inout ByteWriter) {
        writer.append("n=")
        ScramMessage.appendName(encoding: user, into: &writer)
        writer.append(",r=")
        ScramMessage.appendNonce(scramState.random, into: &writer)
    }

    private mutating func clientFinal(
        _ challenge: Span<UInt8>, _ authorization: Span<UInt8>, _ user: Span<UInt8>, _ password: Span<UInt8>,
        _ keys: inout SCRAMClientKeys?, into writer: inout ByteWriter
    ) -> ClientStep {
        if ScramMessage.value(101, in: challenge, at: 0) != nil { return fail(.serverRefused) }
        guard let nonce = ScramMessage.value(114, in: challenge, at: 0), nonce.count <= Limits.nonce &* 2,
            ScramMessage.isNonce(challenge.extracting(nonce)), extendsOurs(challenge.extracting(nonce)),
            let salt = ScramMessage.value(115, in: challenge, at: nonce.upperBound &+ 1),
            let count = ScramMessage.value(105, in: challenge, at: salt.upperBound &+ 1), challenge[count.lowerBound] != 48,
            let number = Bytes.decimal(challenge.extracting(count)),
            ScramMessage.skipExtensions(in: challenge, from: count.upperBound) == challenge.count
        else { return fail(.malformed) }
        guard let iterations = UInt32(exactly: number), iterations >= SCRAMVerifier.leastIterations,
            iterations <= Limits.iterations
        else { return fail(.iterations) }
        guard let derived = derive(challenge.extracting(salt), iterations, password, keys) else { return fail(.malformed) }
        keys = derived

        let mark = writer.count
        appendBare(user, into: &writer)
        writer.append(",")
        writer.append(challenge)
        let finalStart = writer.count
        appendFinal(authorization, challenge.extracting(nonce), into: &writer)
        guard !writer.overflowed else { return fail(.noRoom) }
        let texts = writer.written.bindMemory(to: UInt8.self)
        let octets = texts.span
        let firsts = octets.extracting(mark..<finalStart)
        let final = octets.extracting(finalStart..<octets.count)
        let proof = derived.clientKey ^ ScramSignature.make(key: derived.storedKey, firsts: firsts, final: final)
        scramState.serverSignature = ScramSignature.make(key: derived.serverKey, firsts: firsts, final: final)
        // The texts were written here to be signed alone: only client-final goes out.
        writer.truncate(to: mark)
        appendFinal(authorization, challenge.extracting(nonce), into: &writer)
        writer.append(",p=")
        ScramMessage.append(base64: proof, into: &writer)
        state = .third
        return .respond
    }

    /// client-final without its proof.
    private func appendFinal(_ authorization: Span<UInt8>, _ nonce: Span<UInt8>, into writer: inout ByteWriter) {
        writer.append("c=")
        withUnsafeTemporaryAllocation(byteCount: authorization.count &* 3 &+ 8, alignment: 8) { room in
            var header = ByteWriter(room)
            appendHeader(authorization, into: &header)
            Base64.encode(header.written, into: &writer)
        }
        writer.append(",r=")
        writer.append(nonce)
    }

    /// Whether the server's nonce is ours and something more.
    private func extendsOurs(_ nonce: Span<UInt8>) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { room in
            var ours = ByteWriter(room)
            ScramMessage.appendNonce(scramState.random, into: &ours)
            guard nonce.count > ours.count else { return false }
            let octets = ours.written.bindMemory(to: UInt8.self)
            return Bytes.equalsInConstantTime(nonce.extracting(0..<octets.count), octets.span)
        }
    }

    /// The keys that are kept, if they fit, or new ones.
    private func derive(_ salt: Span<UInt8>, _ iterations: UInt32, _ password: Span<UInt8>, _ keys: SCRAMClientKeys?)
        -> SCRAMClientKeys?
    {
        withUnsafeTemporaryAllocation(byteCount: Limits.salt, alignment: 8) { room in
            var writer = ByteWriter(room)
            guard Base64.decode(salt, into: &writer) else { return nil }
            let octets = writer.written.bindMemory(to: UInt8.self)
            if let keys, keys.match(salt: octets.span, iterations: iterations) { return keys }
            return SCRAMClientKeys(password: password, salt: octets.span, iterations: iterations)
        }
    }

    private mutating func serverFinal(_ challenge: Span<UInt8>) -> ClientStep {
        guard let value = ScramMessage.value(118, in: challenge, at: 0) else {
            return fail(ScramMessage.value(101, in: challenge, at: 0) == nil ? .malformed : .serverRefused)
        }
        guard let signature = ScramMessage.digest(base64: challenge.extracting(value)),
            ScramMessage.skipExtensions(in: challenge, from: value.upperBound) == challenge.count
        else { return fail(.malformed) }
        guard signature == scramState.serverSignature else { return fail(.serverSignature) }
        state = .finished
        return .respond
    }
}
