// The exchanges of a logon, one link of the chain at a time (MS-POP3; RFC 1939, section 7; RFC 5034): NTLM, USER and PASS,
// APOP, and the SASL mechanisms. Every client leaves an exchange that it cannot follow with `*`. A server that cannot show
// in SCRAM that it knows the password is a protocol error and gets nothing more: the next method could tell it the password.

import Digest
import NTLM
import POP3
import PoplarCore
import Reactor
import SASL
import Telemetry
import Workload

extension SessionMachine {
    /// What makes a right password wrong.
    private static let wrongSuffix: StaticString = "-wrong"

    /// Writes the first command of the current link.
    mutating func writeFirst(_ output: inout ByteWriter, _ context: inout SessionContext) {
        let link = currentLink
        let speaksFirst = script.habits.contains(.sendsInitialResponse)
        switch link.method {
        case .ntlm, .membership:
            exchange = SASL.ClientExchange(
                mechanism: .ntlm, variant: variant, isUnicode: !script.habits.contains(.speaksOEM))
            if speaksFirst {
                state = .ntlmNegotiated
                guard let count = ntlmResponse(Span(), 0, &context), begin("NTLM", count, &output, context) else {
                    return abort()
                }
            } else {
                state = .ntlmStarted
                _ = ClientCommand.auth("NTLM", into: &output)
            }
        case .plain, .scramSHA256:
            let name: StaticString = link.method == .plain ? "PLAIN" : "SCRAM-SHA-256"
            exchange = SASL.ClientExchange(mechanism: link.method == .plain ? .plain : .scramSHA256)
            state = .saslStarted
            if speaksFirst {
                guard case .respond(let count) = saslResponse(Span(), &context), begin(name, count, &output, context) else {
                    return abort()
                }
            } else {
                _ = ClientCommand.auth(name, into: &output)
            }
        case .cramMD5:
            exchange = SASL.ClientExchange(mechanism: .cramMD5)
            state = .saslStarted
            _ = ClientCommand.auth("CRAM-MD5", into: &output)
        case .login:
            exchange = SASL.ClientExchange(mechanism: .login)
            state = .saslStarted
            _ = ClientCommand.auth("LOGIN", into: &output)
        case .apop:
            state = .apop
            guard let apopDigest else { return abort() }
            let name = octets(context.credentials.name(user, link.identity))
            if !apopDigest.withSpan({ ClientCommand.apop(name.span, digest: $0, into: &output) }) { abort() }
        case .basic:
            state = .user
            if !ClientCommand.user(octets(context.credentials.name(user, link.identity)).span, into: &output) { abort() }
        }
    }

    /// AUTH with the first `count` octets of the response.
    private func begin(
        _ mechanism: StaticString, _ count: Int, _ output: inout ByteWriter, _ context: borrowing SessionContext
    ) -> Bool {
        ClientCommand.auth(mechanism, initial: UnsafeRawBufferPointer(rebasing: context.response[0..<count]), into: &output)
    }

    /// The password of `link`, as it is to be sent.
    func secret(_ link: LogonLink, _ context: inout SessionContext) -> UnsafeRawBufferPointer {
        let password = context.credentials.password(user, link.identity)
        guard link.usesWrongPassword else { return password }
        var writer = ByteWriter(context.secret)
        writer.append(password)
        writer.append(Self.wrongSuffix)
        return writer.written
    }

    mutating func logonReply(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        isFresh = false
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
            nextLink(cancelKind, nowNs, &output, &context)
            return nil
        case .user:
            guard reply.status == .ok else { return refusedOrOdd(reply, nowNs, &output, &context) }
            guard ClientCommand.pass(octets(secret(currentLink, &context)).span, into: &output) else { return fault(.auth) }
            state = .password
            return nil
        case .saslStarted:
            switch reply.status {
            case .error: return refused(reply, nowNs, &output, &context)
            case .continuation: return answerSASL(reply, line, nowNs, &output, &context)
            case .ok:
                // Before the client has said all, or SCRAM's server has shown itself, there is nothing to say yes to.
                guard exchange?.isFinished == true else { return fault(.protocolViolation) }
                return admitted(nowNs, &output, &context)
            }
        case .ntlmAuthenticated, .password, .apop:
            guard reply.status == .ok else { return refusedOrOdd(reply, nowNs, &output, &context) }
            return admitted(nowNs, &output, &context)
        default:
            return nil
        }
    }

    /// Whether a logon stands unanswered.
    var isLoggingOn: Bool {
        switch state {
        case .ntlmStarted, .ntlmNegotiated, .ntlmAuthenticated, .cancelling, .user, .password, .apop, .saslStarted: true
        case .connecting, .handshaking, .secured, .reconnecting, .greeting, .probe, .probeRows, .stls, .dpaStarted, .dpaCancelled,
            .stat, .list, .listRows, .uidl, .uidlRows, .top, .topBody, .retr, .retrBody, .dele, .quit, .idle, .noop, .leaving,
            .over:
            false
        }
    }

    /// Leaves the exchange with `*`, whose one reply is `-ERR`; then the next link as after a refusal.
    private mutating func cancel(
        _ kind: ErrorClass, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let event = SessionEvent.stepFailed(step, currentLink.method, kind, sinceNs: stepStartNs)
        ClientCommand.write(.cancel, into: &output)
        if script.habits.contains(.leavesCancelUnread) {
            nextLink(kind, nowNs, &output, &context)
        } else {
            cancelKind = kind
            state = .cancelling
        }
        return event
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
        else { return cancel(.protocolViolation, nowNs, &output, &context) }
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

    // MARK: SASL

    private enum SASLStep {
        /// Octets of `context.response`.
        case respond(Int)
        case failed(ClientFailure)
    }

    private mutating func answerSASL(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        var decoded = ByteWriter(context.challenge)
        let text = line.extracting(min(reply.text, line.count)..<line.count)
        // What PLAIN's and LOGIN's prompts say, and in which form, is not looked at.
        let isPrompt = exchange?.mechanism == .plain || exchange?.mechanism == .login
        guard isPrompt || Base64.decode(text, into: &decoded) && !decoded.overflowed else {
            return cancel(.protocolViolation, nowNs, &output, &context)
        }
        switch saslResponse(octets(decoded.written).span, &context) {
        case .respond(let count):
            let isWritten = ClientCommand.response(UnsafeRawBufferPointer(rebasing: context.response[0..<count]), into: &output)
            return isWritten ? nil : fault(.auth)
        case .failed(.serverSignature): return fault(.protocolViolation)
        case .failed(.serverRefused): return cancel(.auth, nowNs, &output, &context)
        case .failed(.badName), .failed(.noRoom): return fault(.auth)
        case .failed: return cancel(.protocolViolation, nowNs, &output, &context)
        }
    }

    /// The exchange's next message into `context.response`.
    private mutating func saslResponse(_ challenge: Span<UInt8>, _ context: inout SessionContext) -> SASLStep {
        guard var exchange else { return .failed(.outOfSequence) }
        let link = currentLink
        let name = octets(context.credentials.name(user, link.identity))
        let password = octets(secret(link, &context))
        var writer = ByteWriter(context.response)
        let step: ClientStep
        switch exchange.mechanism {
        case .plain, .login:
            step = exchange.step(user: name.span, password: password.span, into: &writer)
        case .cramMD5, .scramSHA256, .ntlm:
            let isWrong = link.usesWrongPassword
            var keys = exchange.mechanism == .scramSHA256 ? context.scramKeys(user, isWrong: isWrong) : nil
            let random = (context.random.next(), context.random.next())
            step = exchange.step(
                challenge: challenge, user: name.span, password: password.span, random: random, keys: &keys, into: &writer)
            if let keys { context.keep(keys, user, isWrong: isWrong) }
        }
        self.exchange = exchange
        if case .failed(let failure) = step { return .failed(failure) }
        return .respond(writer.count)
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
