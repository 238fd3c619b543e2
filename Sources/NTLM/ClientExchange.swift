// One NTLM logon as the client sees it (MS-NLMP 3.1.5): write a type 1, take the challenge, write a type 3. A trivial value;
// it writes straight into the caller's memory and keeps nothing but its choices, since its type 1 can be written again.

public import Digest
public import PoplarCore

public enum ClientOutcome: Sendable, Equatable {
    /// The type 3 has been appended.
    case answered
    case refused(MessageFault)
}

/// What one answer needs beside the names.
public struct ClientSecrets: Sendable {
    public var hash: NTHash
    /// For the LM response of NTLMv1; nil repeats the NT response in its place, as Windows does.
    public var lmHash: LMHash?
    /// Eight random octets.
    public var clientChallenge: UInt64
    /// 100 ns since 1601; used when the challenge brings no time.
    public var nowFileTime: UInt64
    /// Of the connection's certificate; for `v2WithChannelBinding`. nil sends zeros: aware of bindings, without one.
    public var channelBinding: Digest16?

    public init(
        hash: NTHash, lmHash: LMHash? = nil, clientChallenge: UInt64, nowFileTime: UInt64, channelBinding: Digest16? = nil
    ) {
        self.hash = hash
        self.lmHash = lmHash
        self.clientChallenge = clientChallenge
        self.nowFileTime = nowFileTime
        self.channelBinding = channelBinding
    }
}

public struct ClientExchange: Sendable {
    public let variant: NTLMVariant
    let requested: NegotiateFlags

    /// - Parameter isUnicode: false offers OEM alone, as curl does.
    public init(variant: NTLMVariant, isUnicode: Bool = true) {
        self.variant = variant
        var flags: NegotiateFlags = [.oem, .requestTarget, .ntlm, .alwaysSign]
        if isUnicode { flags.insert(.unicode) }
        if variant != .v1 { flags.insert(.extendedSessionSecurity) }
        requested = flags
    }

    /// Appends the type 1: 32 octets. False when they do not fit.
    public func negotiate(into writer: inout ByteWriter) -> Bool {
        let mark = writer.count
        NegotiateMessage(flags: requested).write(into: &writer)
        guard !writer.overflowed else {
            writer.truncate(to: mark)
            return false
        }
        return true
    }

    /// Takes a type 2 and appends a type 3. Names are UTF-8; an empty service principal name is left out.
    /// On refusal the writer is as it was.
    public func authenticate(
        challenge message: Span<UInt8>, domain: Span<UInt8>, user: Span<UInt8>, workstation: Span<UInt8>,
        servicePrincipalName: Span<UInt8> = Span(), secrets: ClientSecrets, into writer: inout ByteWriter
    ) -> ClientOutcome {
        let mark = writer.count
        do throws(MessageFault) {
            var builder = try AnswerBuilder(exchange: self, challenge: message, start: mark)
            try builder.build(
                challenge: message, domain: domain, user: user, workstation: workstation,
                servicePrincipalName: servicePrincipalName, secrets: secrets, into: &writer)
            return .answered
        } catch {
            writer.truncate(to: mark)
            return .refused(error)
        }
    }
}
