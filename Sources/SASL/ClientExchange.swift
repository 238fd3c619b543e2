// One SASL exchange as the client sees it: a response for each challenge. The first step takes an empty challenge; its
// response may go out as the initial response. The texts of PLAIN's and LOGIN's challenges are not looked at.

public import Digest
public import NTLM
public import PoplarCore

public struct ClientExchange: Sendable {
    enum State: UInt8 { case initial, second, third, finished }

    public let mechanism: Mechanism
    var state = State.initial
    let ntlm: NTLM.ClientExchange
    var scramState = ScramClientState()

    /// - Parameters:
    ///   - variant, isUnicode: for NTLM alone; see `NTLM.ClientExchange`.
    public init(mechanism: Mechanism, variant: NTLMVariant = .v2, isUnicode: Bool = true) {
        self.mechanism = mechanism
        ntlm = NTLM.ClientExchange(variant: variant, isUnicode: isUnicode)
    }

    /// Whether the last response has been made. A server that says yes before SCRAM's is finished has not shown who it is.
    public var isFinished: Bool { state == .finished }

    /// The response of a password mechanism, PLAIN or LOGIN.
    public mutating func step(
        authorization: Span<UInt8> = Span(), user: Span<UInt8>, password: Span<UInt8>, into writer: inout ByteWriter
    ) -> ClientStep {
        let mark = writer.count
        let step: ClientStep
        switch mechanism {
        case .plain: step = plain(authorization: authorization, user: user, password: password, into: &writer)
        case .login: step = login(user: user, password: password, into: &writer)
        case .ntlm, .cramMD5, .scramSHA256: step = fail(.outOfSequence)
        }
        return settle(step, mark: mark, writer: &writer)
    }

    /// The response of CRAM-MD5 or SCRAM-SHA-256 to `challenge`, whose text is not looked at in SCRAM's first step.
    /// - Parameters:
    ///   - authorization: for SCRAM alone: whom to act for; empty for the user itself.
    ///   - random: SCRAM's nonce, from the kernel; looked at in the first step.
    ///   - keys: what SCRAM derived from this password before, if anything; new ones are left here.
    ///   - writer: SCRAM needs room for both first messages beside its response.
    public mutating func step(
        challenge: Span<UInt8>, authorization: Span<UInt8> = Span(), user: Span<UInt8>, password: Span<UInt8>,
        random: (UInt64, UInt64), keys: inout SCRAMClientKeys?, into writer: inout ByteWriter
    ) -> ClientStep {
        let mark = writer.count
        let step: ClientStep
        switch mechanism {
        case .cramMD5:
            step = cram(challenge: challenge, user: user, password: password, into: &writer)
        case .scramSHA256:
            step = scram(
                challenge: challenge, authorization: authorization, user: user, password: password, random: random, keys: &keys,
                into: &writer)
        case .plain, .login, .ntlm:
            step = fail(.outOfSequence)
        }
        return settle(step, mark: mark, writer: &writer)
    }

    /// The response of NTLM to `challenge`, whose text is not looked at in the first step. Names are UTF-8.
    public mutating func step(
        challenge: Span<UInt8>, domain: Span<UInt8>, user: Span<UInt8>, workstation: Span<UInt8>,
        servicePrincipalName: Span<UInt8> = Span(), secrets: ClientSecrets, into writer: inout ByteWriter
    ) -> ClientStep {
        let mark = writer.count
        guard mechanism == .ntlm else { return fail(.outOfSequence) }
        let step = ntlmStep(
            challenge: challenge, domain: domain, user: user, workstation: workstation,
            servicePrincipalName: servicePrincipalName, secrets: secrets, into: &writer)
        return settle(step, mark: mark, writer: &writer)
    }

    mutating func fail(_ failure: ClientFailure) -> ClientStep {
        state = .finished
        return .failed(failure)
    }

    /// A response that did not fit is none.
    private mutating func settle(_ step: ClientStep, mark: Int, writer: inout ByteWriter) -> ClientStep {
        let overflowed = writer.overflowed
        guard step == .respond, !overflowed else {
            writer.truncate(to: mark)
            return step == .respond ? fail(.noRoom) : step
        }
        return step
    }
}
