// Building a type 3 (MS-NLMP 2.2.1.3) in place: room for the header, the payload in the order LM, NT, domain, user,
// workstation, then the digests over what stands there, and the header last. Nothing is copied twice.

import Digest
import PoplarCore

struct AnswerBuilder {
    private let variant: NTLMVariant
    private let requested: NegotiateFlags
    private let challenge: ChallengeMessage
    private let flags: NegotiateFlags
    private let pairs: AVPairs
    /// Where the message begins in the writer.
    private let start: Int
    private var lm = Field()
    private var nt = Field()
    private var domain = Field()
    private var user = Field()
    private var workstation = Field()

    private var hasMIC: Bool { variant == .v2WithMIC || variant == .v2WithChannelBinding }
    private var isVersion2: Bool { variant == .v2 || hasMIC }
    private var isUnicode: Bool { flags.contains(.unicode) }
    private var headerSize: Int { hasMIC ? 88 : 64 }

    init(exchange: ClientExchange, challenge message: Span<UInt8>, start: Int) throws(MessageFault) {
        self.start = start
        variant = exchange.variant
        requested = exchange.requested
        challenge = try ChallengeMessage(message)
        // A server that names no encoding gets OEM names, as it does from Samba, curl and Firefox.
        let granted = challenge.flags.namesEncoding ? challenge.flags : challenge.flags.union(.oem)
        flags = requested.intersection(granted)
        pairs = challenge.targetInfo.isEmpty ? AVPairs() : try AVPairs(message.extracting(challenge.targetInfo.range))
        guard flags.contains(.unicode) || flags.contains(.oem) else { throw .noEncoding }
    }

    mutating func build(
        challenge message: Span<UInt8>, domain: Span<UInt8>, user: Span<UInt8>, workstation: Span<UInt8>,
        servicePrincipalName: Span<UInt8>, secrets: ClientSecrets, into writer: inout ByteWriter
    ) throws(MessageFault) {
        guard let header = writer.reserve(headerSize) else { throw .noRoom }
        let lmPlace = writer.reserve(24)
        let ntPlace = writer.reserve(isVersion2 ? 16 : 24)
        guard let lmPlace, let ntPlace else { throw .noRoom }
        lm = Field(offset: UInt32(truncatingIfNeeded: headerSize), length: 24)
        let ntStart = headerSize &+ 24
        if isVersion2 {
            try appendBlob(message, servicePrincipalName: servicePrincipalName, secrets: secrets, into: &writer)
        }
        nt = Field(
            offset: UInt32(truncatingIfNeeded: ntStart), length: UInt32(truncatingIfNeeded: writer.count &- start &- ntStart))
        guard nt.count <= Int(UInt16.max) else { throw .tooLong }
        self.domain = try appendName(domain, into: &writer)
        self.user = try appendName(user, into: &writer)
        self.workstation = try appendName(workstation, into: &writer)
        guard !writer.overflowed else { throw .noRoom }
        writeHeader(header)
        if isVersion2 {
            answerVersion2(message, secrets: secrets, header: header, lmPlace: lmPlace, ntPlace: ntPlace, writer: writer)
        } else {
            answerVersion1(secrets: secrets, lmPlace: lmPlace, ntPlace: ntPlace)
        }
    }

    /// Everything of the NT response behind its proof.
    private func appendBlob(
        _ message: Span<UInt8>, servicePrincipalName: Span<UInt8>, secrets: ClientSecrets, into writer: inout ByteWriter
    ) throws(MessageFault) {
        writer.append(littleEndian: UInt64(0x0101))
        writer.append(littleEndian: pairs.timestamp ?? secrets.nowFileTime)
        writer.append(littleEndian: secrets.clientChallenge)
        writer.append(littleEndian: UInt32(0))
        var keep: UInt16 = .max
        func drop(_ id: AVIdentifier) { keep &= ~(1 << id.rawValue) }
        // What a server says of MICs and bindings is not for the client to repeat.
        drop(.flags)
        drop(.channelBindings)
        if !servicePrincipalName.isEmpty { drop(.targetName) }
        AVPairs.copy(message.extracting(challenge.targetInfo.range), keep: keep, into: &writer)
        let said = (pairs.flags ?? 0) & ~AVPairs.hasMIC | (hasMIC ? AVPairs.hasMIC : 0)
        if said != 0 { AVPairs.append(.flags, said, into: &writer) }
        if variant == .v2WithChannelBinding { AVPairs.append(.channelBindings, secrets.channelBinding ?? .zero, into: &writer) }
        if !servicePrincipalName.isEmpty {
            guard let size = Name.wireCount(utf8: servicePrincipalName, isUnicode: true) else { throw .badName }
            guard size <= Limits.name else { throw .tooLong }
            AVPairs.append(.targetName, length: size, into: &writer)
            guard Name.appendWire(utf8: servicePrincipalName, isUnicode: true, into: &writer) else { throw .noRoom }
        }
        AVPairs.append(.endOfList, length: 0, into: &writer)
        writer.append(littleEndian: UInt32(0))
    }

    private func appendName(_ text: Span<UInt8>, into writer: inout ByteWriter) throws(MessageFault) -> Field {
        guard text.count <= Limits.name &* 2 else { throw .tooLong }
        guard let size = Name.wireCount(utf8: text, isUnicode: isUnicode) else { throw .badName }
        guard size <= Limits.name else { throw .tooLong }
        let offset = writer.count &- start
        guard Name.appendWire(utf8: text, isUnicode: isUnicode, into: &writer) else {
            throw writer.overflowed ? .noRoom : .badName
        }
        return Field(offset: UInt32(truncatingIfNeeded: offset), length: UInt32(truncatingIfNeeded: size))
    }

    private func writeHeader(_ memory: UnsafeMutableRawBufferPointer) {
        var header = ByteWriter(memory)
        header.append(littleEndian: MessageReader.signature)
        header.append(littleEndian: MessageType.authenticate)
        let fields: InlineArray<5, Field> = [lm, nt, domain, user, workstation]
        for index in fields.indices {
            ChallengeMessage.appendField(size: fields[index].count, offset: fields[index].start, into: &header)
        }
        ChallengeMessage.appendField(size: 0, offset: headerSize, into: &header)
        header.append(littleEndian: flags.rawValue)
        header.append(repeating: 0, count: header.remaining)  // no version; the MIC comes last
    }

    private func answerVersion1(
        secrets: ClientSecrets, lmPlace: UnsafeMutableRawBufferPointer, ntPlace: UnsafeMutableRawBufferPointer
    ) {
        var lmWriter = ByteWriter(lmPlace)
        var ntWriter = ByteWriter(ntPlace)
        let server = challenge.serverChallenge
        // Without extended session security there is no NTLM2 session: clients that would use it answer with NTLMv1
        // then.
        if flags.contains(.extendedSessionSecurity) {
            lmWriter.append(littleEndian: secrets.clientChallenge)
            lmWriter.append(repeating: 0, count: 16)
            let nonce = Responses.sessionChallenge(server: server, client: secrets.clientChallenge)
            Responses.desl(secrets.hash.digest, challenge: nonce).write(into: &ntWriter)
        } else {
            let response = Responses.desl(secrets.hash.digest, challenge: server)
            response.write(into: &ntWriter)
            (secrets.lmHash.map { Responses.desl($0.digest, challenge: server) } ?? response).write(into: &lmWriter)
        }
    }

    private func answerVersion2(
        _ message: Span<UInt8>, secrets: ClientSecrets, header: UnsafeMutableRawBufferPointer,
        lmPlace: UnsafeMutableRawBufferPointer, ntPlace: UnsafeMutableRawBufferPointer, writer: ByteWriter
    ) {
        let whole = UnsafeRawBufferPointer(rebasing: writer.written[start...]).assumingMemoryBound(to: UInt8.self)
        let answer = whole.span
        let key = Responses.ntowf2(
            secrets.hash, user: answer.extracting(user.range), domain: answer.extracting(domain.range), isUnicode: isUnicode)
        let blob = answer.extracting((nt.start &+ AuthenticateMessage.proofSize)..<nt.end)
        let proof = Responses.proof(key, challenge: challenge.serverChallenge, blob: blob)
        var ntWriter = ByteWriter(ntPlace)
        proof.withSpan { ntWriter.append($0) }
        var lmWriter = ByteWriter(lmPlace)
        // A challenge with a time asks for a MIC, and then for no LMv2 response (MS-NLMP 3.1.5.1.2).
        if hasMIC || pairs.timestamp != nil {
            lmWriter.append(repeating: 0, count: 24)
        } else {
            let response = Responses.lm2(key, server: challenge.serverChallenge, client: secrets.clientChallenge)
            response.withSpan { lmWriter.append($0) }
            lmWriter.append(littleEndian: secrets.clientChallenge)
        }
        guard hasMIC else { return }
        var first: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let code = withUnsafeMutableBytes(of: &first) { memory in
            var type1 = ByteWriter(memory)
            NegotiateMessage(flags: requested).write(into: &type1)
            return message.withUnsafeBytes {
                MessageIntegrity.code(
                    Responses.sessionKey(key, proof: proof), before: type1.written, challenge: $0, message: answer)
            }
        }
        var mic = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: header[AuthenticateMessage.micRange]))
        code.withSpan { mic.append($0) }
    }
}

extension Response24 {
    func write(into writer: inout ByteWriter) {
        writer.append(littleEndian: first)
        writer.append(littleEndian: second)
        writer.append(littleEndian: third)
    }
}
