// The logon of a session: the links of its chain, one after the other on one connection (protocol: MS-POP3, RFC 1939
// section 7, RFC 5034). A link that is refused hands over to the next; the refusal stands in its step's errors.
// Invariant: a wrong password that is let in ends the session as wrong_admit, whatever the chain.

import Digest
import NTLM
import POP3
import PoplarCore
import SASL
import Telemetry
import Workload

extension SessionMachine {
    /// What makes a right password wrong.
    private static let wrongSuffix: StaticString = "-wrong"

    /// Begins the current link: writes its first command.
    mutating func startLink(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) {
        if link == 0 { logonStartNs = nowNs } else { fallbackLostNs = nowNs &- logonStartNs }
        stepStartNs = nowNs
        let link = currentLink
        switch link.method {
        case .ntlm, .membership:
            exchange = SASL.ClientExchange(mechanism: .ntlm, variant: variant)
            state = .ntlmStarted
            _ = ClientCommand.auth("NTLM", into: &output)
        case .plain:
            state = .saslVerdict
            writePlain(link, &output, &context)
        case .login:
            state = .loginStarted
            _ = ClientCommand.auth("LOGIN", into: &output)
        case .basic, .apop, .cramMD5, .scramSHA256:
            // The profile's loader lets no other method through; USER and PASS stand for what it may grow.
            state = .user
            if !ClientCommand.user(octets(context.credentials.name(user, link.identity)).span, into: &output) { abort() }
        }
    }

    mutating func logonReply(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        switch state {
        case .ntlmStarted:
            // `+`, `+ `, `+OK` and `+OK text` all mean "go on" (MS-POP3 2.2.1, MS-OXPOP3 2.2.1).
            if reply.status == .error { return refused(reply, nowNs, &output, &context) }
            return sendNegotiate(&output, &context)
        case .ntlmNegotiated:
            switch reply.status {
            case .error: return refused(reply, nowNs, &output, &context)
            case .ok: return fault(.protocolViolation)
            case .continuation: return answerChallenge(reply, line, nowNs, &output, &context)
            }
        case .cancelling:
            // Exactly one reply to `*`; then the next link, or the end.
            return nextLink(.protocolViolation, nowNs, &output, &context)
        case .user:
            guard reply.status == .ok else { return refusedOrOdd(reply, nowNs, &output, &context) }
            let link = currentLink
            let password = octets(context.credentials.password(user, link.identity))
            guard ClientCommand.pass(password.span, suffix: link.usesWrongPassword ? Self.wrongSuffix : "", into: &output) else {
                return fault(.auth)
            }
            state = .password
            return nil
        case .loginStarted, .loginName:
            guard reply.status == .continuation else { return refusedOrOdd(reply, nowNs, &output, &context) }
            return sendLogin(&output, &context)
        case .ntlmAuthenticated, .password, .saslVerdict:
            guard reply.status == .ok else { return refusedOrOdd(reply, nowNs, &output, &context) }
            return admitted(nowNs, &output, &context)
        default:
            return nil
        }
    }

    // MARK: Verdicts

    private mutating func admitted(
        _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        if currentLink.usesWrongPassword {
            let event = SessionEvent.stepFailed(step, currentLink.method, .wrongAdmit)
            isLoggedOn = true
            leave(.failed(.wrongAdmit), &output)
            return event
        }
        let step = step
        isLoggedOn = true
        let event = finish(step, nowNs)
        startMailbox(nowNs, &output, context)
        return event
    }

    private mutating func refusedOrOdd(
        _ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        reply.status == .error ? refused(reply, nowNs, &output, &context) : fault(.protocolViolation)
    }

    /// `-ERR` to a logon. A locked maildrop is no matter of the password: no other method would help.
    private mutating func refused(
        _ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let kind: ErrorClass = reply.code == .inUse ? .inUse : .auth
        let event = SessionEvent.stepFailed(step, currentLink.method, kind)
        if kind == .inUse {
            leave(.failed(.inUse), &output)
        } else {
            _ = nextLink(.auth, nowNs, &output, &context)
        }
        return event
    }

    /// Goes on with the next link; without one the session leaves, well if the refusal was asked for.
    private mutating func nextLink(
        _ kind: ErrorClass, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        if link == 0, script.fallback != nil {
            link = 1
            startLink(nowNs, &output, &context)
        } else {
            let isAsked = script.expected == .refused && kind == .auth
            leave(isAsked ? .expectedRefusal : .failed(kind), &output)
        }
        return nil
    }

    // MARK: NTLM

    private var variant: NTLMVariant {
        switch script.ntlmVersion {
        case .v1: .v1
        case .ntlm2Session: .ntlm2Session
        case .v2: .v2
        case .v2MIC: .v2WithMIC
        case .v2ChannelBinding: .v2WithChannelBinding
        }
    }

    private mutating func sendNegotiate(_ output: inout ByteWriter, _ context: inout SessionContext) -> SessionEvent? {
        guard let count = ntlmResponse(Span(), 0, &context),
            ClientCommand.response(UnsafeRawBufferPointer(rebasing: context.response[0..<count]), into: &output)
        else { return fault(.protocolViolation) }
        state = .ntlmNegotiated
        return nil
    }

    private mutating func answerChallenge(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        var decoded = ByteWriter(context.challenge)
        let text = line.extracting(min(reply.text, line.count)..<line.count)
        guard Base64.decode(text, into: &decoded), !decoded.overflowed,
            let count = ntlmResponse(octets(decoded.written).span, nowNs, &context),
            ClientCommand.response(UnsafeRawBufferPointer(rebasing: context.response[0..<count]), into: &output)
        else {
            // A challenge that cannot be answered: leave the exchange, then go on as after a refusal.
            let event = SessionEvent.stepFailed(.ntlmNegotiate, currentLink.method, .protocolViolation)
            ClientCommand.write(.cancel, into: &output)
            state = .cancelling
            return event
        }
        let latency = nowNs > stepStartNs ? nowNs &- stepStartNs : 0
        stepStartNs = nowNs
        state = .ntlmAuthenticated
        return .step(.ntlmNegotiate, currentLink.method, latencyNs: latency)
    }

    /// The exchange's next message into `context.response`; nil when the challenge is unusable.
    private mutating func ntlmResponse(_ challenge: Span<UInt8>, _ nowNs: UInt64, _ context: inout SessionContext) -> Int? {
        let link = currentLink
        var hash = context.credentials.hash(user, link.identity)
        if link.usesWrongPassword { hash = hash.spoiled }
        let secrets = ClientSecrets(
            hash: hash, clientChallenge: context.random.next(), nowFileTime: context.fileTimeBase &+ nowNs / 100,
            channelBinding: channelBinding)
        let workstation: StaticString = "POPLAR"
        let station = UnsafeBufferPointer(start: workstation.utf8Start, count: workstation.utf8CodeUnitCount)
        let domain = octets(context.credentials.domain(user, link.identity))
        let name = octets(context.credentials.name(user, link.identity))
        var writer = ByteWriter(context.response)
        guard var exchange else { return nil }
        let step = exchange.step(
            challenge: challenge, domain: domain.span, user: name.span, workstation: station.span, secrets: secrets, into: &writer
        )
        self.exchange = exchange
        return step == .respond && !writer.overflowed ? writer.count : nil
    }

    // MARK: PLAIN and LOGIN

    private mutating func writePlain(_ link: LogonLink, _ output: inout ByteWriter, _ context: inout SessionContext) {
        var writer = ByteWriter(context.response)
        writer.append(0)
        writer.append(context.credentials.name(user, link.identity))
        writer.append(0)
        writer.append(context.credentials.password(user, link.identity))
        if link.usesWrongPassword { writer.append(Self.wrongSuffix) }
        if writer.overflowed || !ClientCommand.auth("PLAIN", initial: writer.written, into: &output) { abort() }
    }

    private mutating func sendLogin(_ output: inout ByteWriter, _ context: inout SessionContext) -> SessionEvent? {
        let link = currentLink
        var writer = ByteWriter(context.response)
        if state == .loginStarted {
            writer.append(context.credentials.name(user, link.identity))
            state = .loginName
        } else {
            writer.append(context.credentials.password(user, link.identity))
            if link.usesWrongPassword { writer.append(Self.wrongSuffix) }
            state = .saslVerdict
        }
        return ClientCommand.response(writer.written, into: &output) ? nil : fault(.auth)
    }

    /// A name that no command can carry (a CR or NUL in the user table): the session fails as a logon.
    private mutating func abort() {
        verdict = .failed(.auth)
        state = .over
    }
}

extension NTHash {
    /// The hash of some other password.
    var spoiled: NTHash { NTHash(Digest16(low: ~digest.lowWord, high: digest.highWord)) }
}
