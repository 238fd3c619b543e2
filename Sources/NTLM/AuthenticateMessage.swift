// AUTHENTICATE_MESSAGE, "type 3" (MS-NLMP 2.2.1.3), as the server reads it. The header's size is not stated in it: it is
// inferred from where the payload begins (52 octets from Windows 9x, 64, 72 with a version, 88 with a MIC).
// Invariant: what was parsed lies inside the message, names are well formed, and the responses have lengths that exist.

import Digest

struct AuthenticateMessage: Sendable, Equatable {
    /// What kind of response there is to check (protocol order: NT length, then whether ESS was agreed on).
    enum Kind: UInt8, Sendable {
        /// No NT response: LM or LMv2 in the LM field.
        case lanManager
        case ntlm1
        case ntlm2Session
        case ntlm2
    }

    var size: UInt32
    var lm: Field
    var nt: Field
    var domain: Field
    var user: Field
    var sessionKey = Field()
    /// As the message says, for who shows it. JavaMail and Jakarta Mail write 0 here whatever was agreed on.
    var flags: NegotiateFlags
    /// What the challenge settled: it holds for both sides, whatever `flags` says.
    let agreed: NegotiateFlags
    /// Whether the header has room for a MIC, at octets 72..<88.
    var hasMICField = false
    var kind = Kind.lanManager
    /// Of NTLMv2's blob: the client's FILETIME and pairs.
    var timestamp: UInt64 = 0
    var pairs = AVPairs()

    static let micRange = 72..<88
    /// NTProofStr, and where the blob's pairs begin, from the start of the NT response.
    static let proofSize = 16
    static let pairsStart = 44

    var isUnicode: Bool { agreed.contains(.unicode) }

    /// User, NT response and LM response empty (the LM response may be one zero octet).
    var isAnonymous: Bool { user.isEmpty && nt.isEmpty && lm.count <= 1 }

    /// `negotiated` are the flags of our challenge. Nil for who only looks at a message of others: its own flags are
    /// taken then, and Unicode where they name no encoding.
    init(_ bytes: Span<UInt8>, negotiated: NegotiateFlags?) throws(MessageFault) {
        try MessageReader.expect(MessageType.authenticate, in: bytes, atLeast: 52, atMost: Limits.authenticate)
        size = UInt32(truncatingIfNeeded: bytes.count)
        var said = negotiated ?? .unicode
        lm = try MessageReader.field(bytes, at: 12, header: 52)
        nt = try MessageReader.field(bytes, at: 20, header: 52)
        domain = try MessageReader.field(bytes, at: 28, header: 52)
        user = try MessageReader.field(bytes, at: 36, header: 52)
        let workstation = try MessageReader.field(bytes, at: 44, header: 52)
        var payload = UInt32(truncatingIfNeeded: bytes.count)
        let fields: InlineArray<5, Field> = [lm, nt, domain, user, workstation]
        for index in fields.indices { Self.lower(&payload, to: fields[index]) }
        if payload >= 64 {
            sessionKey = try MessageReader.field(bytes, at: 52, header: 64)
            said = NegotiateFlags(rawValue: try MessageReader.word32(bytes, at: 60))
            Self.lower(&payload, to: sessionKey)
        }
        hasMICField = payload >= 88
        flags = said
        agreed = negotiated ?? (said.namesEncoding ? said : said.union(.unicode))
        if isAnonymous { return }
        try checkName(domain, in: bytes)
        try checkName(user, in: bytes)
        try checkName(workstation, in: bytes)
        guard !user.isEmpty else { throw .badName }
        try takeResponses(bytes)
    }

    private static func lower(_ payload: inout UInt32, to field: Field) {
        if !field.isEmpty { payload = min(payload, field.offset) }
    }

    private func checkName(_ field: Field, in bytes: Span<UInt8>) throws(MessageFault) {
        guard field.count <= Limits.name else { throw .tooLong }
        guard Name.isWellFormed(bytes.extracting(field.range), isUnicode: isUnicode) else { throw .badName }
    }

    private mutating func takeResponses(_ bytes: Span<UInt8>) throws(MessageFault) {
        guard lm.count == 0 || lm.count == 24 else { throw .badResponse }
        switch nt.count {
        case 0:
            guard lm.count == 24 else { throw .badResponse }
            kind = .lanManager
        case 24:
            // Under NTLM2 session the LM field carries the client's half of the nonce; without one it is NTLMv1.
            kind = agreed.contains(.extendedSessionSecurity) && lm.count == 24 ? .ntlm2Session : .ntlm1
        case Self.pairsStart...:
            kind = .ntlm2
            guard try MessageReader.word16(bytes, at: nt.start &+ 16) == 0x0101 else { throw .badResponse }
            timestamp = try MessageReader.word64(bytes, at: nt.start &+ 24)
            let list = (nt.start &+ Self.pairsStart)..<nt.end
            if !list.isEmpty { pairs = try AVPairs(bytes.extracting(list)) }
        default:
            throw .badResponse
        }
    }
}
