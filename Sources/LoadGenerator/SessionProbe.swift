// From the greeting to the first logon: what the client asks the server, the switch to TLS by STLS (RFC 2595, section 4), and
// what it asks again inside. A server that does not offer STLS, or refuses it, gets no secret in the clear: the session
// fails with the class tls (CVE-2021-22946 is a client that went on). An octet behind the `+OK` of STLS is a protocol
// error (CVE-2021-22947), and what comes later in the clear breaks the handshake.

import Digest
import POP3
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    mutating func greeted(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        guard reply.status == .ok else { return fault(reply.code == .inUse ? .inUse : .greeting) }
        let event = finish(.greeting, nowNs)
        if script.work.abandon == .greeting {
            abandon()
            return event
        }
        if script.chain.contains(.apop), let place = GreetingTimestamp.find(in: line) {
            digestTimestamp(line.extracting(place), &context)
        }
        ask(nowNs, &output, &context)
        return event
    }

    /// The digest of APOP, made here since the greeting does not stay.
    private mutating func digestTimestamp(_ timestamp: Span<UInt8>, _ context: inout SessionContext) {
        for index in 0..<script.chain.count where script.chain[index].method == .apop {
            var state = MD5()
            state.update(timestamp)
            state.update(secret(script.chain[index], &context))
            apopDigest = state.finalize()
            return
        }
    }

    /// Sends the persona's question, if it has one.
    private mutating func ask(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) {
        guard !knowsPasswordAlone else { return afterProbe(nowNs, &output, &context) }
        switch script.probe {
        case .none: return afterProbe(nowNs, &output, &context)
        case .bareAuth: ClientCommand.write(.bareAuth, into: &output)
        case .capa: ClientCommand.write(.capa, into: &output)
        }
        offer = []
        state = .probe
    }

    /// The probe's answer is complete; `isRefused`: it was `-ERR`, which old servers say to what they do not know.
    mutating func probed(
        isRefused: Bool, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let event = finish(.capa, nowNs)
        if isLoggedOn {
            startMailbox(nowNs, &output, context)
            return event
        }
        if isRefused {
            offer = .user
            if script.habits.contains(.repollsWithPassword), script.transport != .stls {
                knowsPasswordAlone = true
                state = .reconnecting
                return event
            }
        }
        afterProbe(nowNs, &output, &context)
        return event
    }

    private mutating func afterProbe(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) {
        if script.transport == .stls, !isSecured {
            state = .stls
            if script.probe != .capa || offer.contains(.stls) {
                ClientCommand.write(.stls, into: &output)
            } else {
                refuseClearText(sinceNs: 0, &output)
            }
        } else if script.habits.contains(.triesDPA), offer.contains(.dpa) {
            state = .dpaStarted
            _ = ClientCommand.auth("DPA", into: &output)
        } else {
            startChain(nowNs, &output, &context)
        }
    }

    /// No TLS, no logon. `sinceNs`: when STLS was sent; 0 where the server does not offer it.
    private mutating func refuseClearText(sinceNs: UInt64, _ output: inout ByteWriter) {
        pending = .stepFailed(.stls, method, .tls, sinceNs: sinceNs)
        leave(.failed(.tls), &output)
    }

    mutating func stlsReply(_ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter) -> SessionEvent? {
        switch reply.status {
        case .ok:
            let event = finish(.stls, nowNs)
            state = .handshaking
            return event
        case .error:
            refuseClearText(sinceNs: stepStartNs, &output)
            return nil
        case .continuation: return fault(.protocolViolation)
        }
    }

    /// The client speaks first behind STLS: it asks again, or logs on.
    mutating func resumeInsideTLS(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) {
        guard state == .secured else { return }
        isSecured = true
        if script.habits.contains(.asksAgainInsideTLS) {
            ask(nowNs, &output, &context)
        } else {
            afterProbe(nowNs, &output, &context)
        }
    }

    /// Outlook Express's detour: AUTH DPA is answered by `-ERR`, or left with `*`. It counts as asking.
    mutating func dpaReply(
        _ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        if state == .dpaStarted, reply.status != .error {
            ClientCommand.write(.cancel, into: &output)
            state = .dpaCancelled
            return nil
        }
        guard reply.status == .error else { return fault(.protocolViolation) }
        let event = finish(.capa, nowNs)
        startChain(nowNs, &output, &context)
        return event
    }

    // MARK: A new connection

    /// The client goes on over a new connection, which the caller is to open.
    var wantsConnection: Bool { state == .reconnecting }

    /// connect(2) is being called again. Everything that the old connection said is void.
    mutating func reconnect(nowNs: UInt64) {
        reader = ClientReplyReader()
        state = .connecting
        stepStartNs = nowNs
        exchange = nil
        offer = []
        apopDigest = nil
        channelBinding = nil
        isSecured = false
        wasRefusedHere = false
    }
}
