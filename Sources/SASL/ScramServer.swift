// SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: client-first, a look-up by the caller, server-first, client-final,
// server-final as one more challenge (RFC 5034 knows no data with success), and the client's empty answer to it.
// Invariant: an unknown user's exchange differs from a wrong password's in nothing; the caller brings a verifier that no proof
// fits. Channel binding (-PLUS) is not offered, so a client may say that it could have bound, and must not bind.
//
// Memory:  [ stored key | server key | user | client-first | "," server-first ]

public import Digest
public import PoplarCore

/// Where the parts of the texts kept in memory stand.
struct ScramPlaces: Sendable {
    static let user = Digest32.octetCount &* 2
    var headerSize: UInt16 = 0
    var clientFirstSize: UInt16 = 0
    var nonceSize: UInt16 = 0
    var serverFirstSize: UInt16 = 0
}

extension ServerExchange {
    mutating func scram(_ response: Span<UInt8>, memory: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter)
        -> ServerStep
    {
        switch state {
        case .initial:
            return clientFirst(response, memory: memory)
        case .password:
            return clientFinal(response, memory: memory, into: &writer)
        case .proven:
            guard response.count == 0 else { return fail(.malformed) }
            state = .finished
            return .acceptedSCRAM(user: scramUser)
        case .user, .lookUp, .finished:
            return fail(.outOfSequence)
        }
    }

    private var scramUser: Range<Int> { ScramPlaces.user..<(ScramPlaces.user &+ userSize) }

    // MARK: client-first

    private mutating func clientFirst(_ message: Span<UInt8>, memory: UnsafeMutableRawBufferPointer) -> ServerStep {
        guard message.count > 2 else { return fail(.malformed) }
        if message[0] == 112, message[1] == 61 { return fail(.channelBinding) }
        guard message[0] == 110 || message[0] == 121, message[1] == ScramMessage.comma else { return fail(.malformed) }
        let authorization = ScramMessage.value(97, in: message, at: 2)
        let headerSize = (authorization?.upperBound ?? 2) &+ 1
        guard headerSize <= message.count, message[headerSize &- 1] == ScramMessage.comma,
            let name = ScramMessage.value(110, in: message, at: headerSize),
            let nonce = ScramMessage.value(114, in: message, at: name.upperBound &+ 1),
            ScramMessage.isNonce(message.extracting(nonce)),
            ScramMessage.skipExtensions(in: message, from: nonce.upperBound) == message.count
        else { return fail(.malformed) }
        guard nonce.count <= Limits.nonce else { return fail(.tooLong) }
        if let failure = keepUser(message, name, authorization, memory) { return fail(failure) }
        let start = scramUser.upperBound
        var kept = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[start...]))
        kept.append(message)
        guard !kept.overflowed, let size = UInt16(exactly: message.count) else { return fail(.tooLong) }
        scramPlaces.clientFirstSize = size
        scramPlaces.headerSize = UInt16(truncatingIfNeeded: headerSize)
        scramPlaces.nonceSize = UInt16(truncatingIfNeeded: nonce.count)
        state = .lookUp
        return .lookUpSCRAM(user: scramUser)
    }

    /// Keeps the name, decoded. Whom to act for may be named if it is the user itself.
    private mutating func keepUser(
        _ message: Span<UInt8>, _ name: Range<Int>, _ authorization: Range<Int>?, _ memory: UnsafeMutableRawBufferPointer
    ) -> ServerFailure? {
        guard memory.count > ScramPlaces.user else { return .tooLong }
        var kept = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[ScramPlaces.user...]))
        guard ScramMessage.appendName(decoding: message.extracting(name), into: &kept) else { return .malformed }
        guard !kept.overflowed, kept.count <= Limits.name else { return .tooLong }
        userSize = kept.count
        let user = kept.written.bindMemory(to: UInt8.self)
        guard ScramMessage.isNameClean(user.span) else { return .badName }
        guard let authorization else { return nil }
        guard ScramMessage.appendName(decoding: message.extracting(authorization), into: &kept) else { return .malformed }
        guard !kept.overflowed else { return .tooLong }
        let other = UnsafeRawBufferPointer(rebasing: kept.written[userSize...]).bindMemory(to: UInt8.self)
        return Bytes.equalsIgnoringCase(user.span, other.span) ? nil : .authorization
    }

    // MARK: server-first

    /// Answers `.lookUpSCRAM`: keeps the verifier's keys and appends the challenge.
    /// - Parameters:
    ///   - verifier: of the user, or of nobody, for a user without one.
    ///   - random: from the kernel, new for each exchange.
    public mutating func challengeSCRAM(
        _ verifier: SCRAMVerifier, random: (UInt64, UInt64), memory: UnsafeMutableRawBufferPointer,
        into writer: inout ByteWriter
    ) -> ServerStep {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { room in
            var nonce = ByteWriter(room)
            ScramMessage.appendNonce(random, into: &nonce)
            return challengeSCRAM(verifier, nonce: nonce.written, memory: memory, into: &writer)
        }
    }

    mutating func challengeSCRAM(
        _ verifier: SCRAMVerifier, nonce: UnsafeRawBufferPointer, memory: UnsafeMutableRawBufferPointer,
        into writer: inout ByteWriter
    ) -> ServerStep {
        guard mechanism == .scramSHA256, state == .lookUp else { return fail(.outOfSequence) }
        let clientEnd = scramUser.upperBound &+ Int(scramPlaces.clientFirstSize)
        guard clientEnd <= memory.count, let clientNonce = clientNonce(memory) else { return fail(.tooLong) }
        var keys = ByteWriter(memory)
        verifier.storedKey.withSpan { keys.append($0) }
        verifier.serverKey.withSpan { keys.append($0) }
        var kept = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[clientEnd...]))
        kept.append(",r=")
        kept.append(clientNonce)
        kept.append(nonce)
        kept.append(",s=")
        verifier.salt.withSpan { $0.withUnsafeBytes { Base64.encode($0, into: &kept) } }
        kept.append(",i=")
        kept.append(decimal: UInt64(verifier.iterations))
        guard !kept.overflowed else { return fail(.tooLong) }
        let mark = writer.count
        writer.append(UnsafeRawBufferPointer(rebasing: kept.written[1...]))
        guard !writer.overflowed else {
            writer.truncate(to: mark)
            return fail(.tooLong)
        }
        scramPlaces.nonceSize = UInt16(clamping: clientNonce.count &+ nonce.count)
        scramPlaces.serverFirstSize = UInt16(clamping: kept.count &- 1)
        state = .password
        return .challenge
    }

    /// The client's nonce, read again from the client-first that was kept.
    private func clientNonce(_ memory: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
        let bareStart = scramUser.upperBound &+ Int(scramPlaces.headerSize)
        let end = scramUser.upperBound &+ Int(scramPlaces.clientFirstSize)
        guard bareStart <= end, end <= memory.count else { return nil }
        let bare = UnsafeRawBufferPointer(rebasing: memory[bareStart..<end])
        let octets = bare.bindMemory(to: UInt8.self)
        guard let name = ScramMessage.value(110, in: octets.span, at: 0),
            let nonce = ScramMessage.value(114, in: octets.span, at: name.upperBound &+ 1)
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: bare[nonce])
    }

    // MARK: client-final and server-final

    private mutating func clientFinal(
        _ message: Span<UInt8>, memory: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter
    ) -> ServerStep {
        let firstStart = scramUser.upperBound
        let bareStart = firstStart &+ Int(scramPlaces.headerSize)
        let serverStart = firstStart &+ Int(scramPlaces.clientFirstSize) &+ 1
        let end = serverStart &+ Int(scramPlaces.serverFirstSize)
        let nonceEnd = serverStart &+ 2 &+ Int(scramPlaces.nonceSize)
        guard bareStart <= end, nonceEnd <= end, end <= memory.count else { return fail(.tooLong) }
        let octets = UnsafeRawBufferPointer(memory).bindMemory(to: UInt8.self)
        let kept = octets.span
        guard let binding = ScramMessage.value(99, in: message, at: 0),
            let nonce = ScramMessage.value(114, in: message, at: binding.upperBound &+ 1),
            let proofStart = ScramMessage.skipExtensions(in: message, from: nonce.upperBound),
            let proofText = ScramMessage.value(112, in: message, at: proofStart &+ 1), proofText.upperBound == message.count,
            let proof = ScramMessage.digest(base64: message.extracting(proofText)),
            isHeader(message.extracting(binding), kept.extracting(firstStart..<bareStart)),
            Bytes.equalsInConstantTime(message.extracting(nonce), kept.extracting((serverStart &+ 2)..<nonceEnd)),
            let storedKey = Digest32(kept.extracting(0..<Digest32.octetCount)),
            let serverKey = Digest32(kept.extracting(Digest32.octetCount..<ScramPlaces.user))
        else { return fail(.malformed) }
        let firsts = kept.extracting(bareStart..<end)
        let final = message.extracting(0..<proofStart)
        let signature = ScramSignature.make(key: storedKey, firsts: firsts, final: final)
        guard SCRAMVerifier.accepts(proof: proof, signature: signature, storedKey: storedKey) else { return fail(.wrongProof) }
        let mark = writer.count
        writer.append("v=")
        ScramMessage.append(base64: ScramSignature.make(key: serverKey, firsts: firsts, final: final), into: &writer)
        guard !writer.overflowed else {
            writer.truncate(to: mark)
            return fail(.tooLong)
        }
        state = .proven
        return .challenge
    }

    /// Whether `c=` holds the GS2 header of client-first, octet for octet.
    private func isHeader(_ binding: Span<UInt8>, _ header: Span<UInt8>) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: header.count, alignment: 8) { room in
            var writer = ByteWriter(room)
            guard Base64.decode(binding, into: &writer) else { return false }
            let octets = writer.written.bindMemory(to: UInt8.self)
            return Bytes.equalsInConstantTime(octets.span, header)
        }
    }
}

/// HMAC over the AuthMessage: both first messages as they were sent, then client-final without its proof.
enum ScramSignature {
    static func make(key: Digest32, firsts: Span<UInt8>, final: Span<UInt8>) -> Digest32 {
        var state = HMACSHA256(key: key)
        state.update(firsts)
        state.update(",")
        state.update(final)
        return state.finalize()
    }
}
