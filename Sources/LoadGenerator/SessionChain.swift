// The chain of a session's logons: which link is tried next, on this connection or on a new one, and how the session ends when
// there is none. A link that the server does not offer is passed over without a trace: only what was tried can be refused.
// Invariant: a wrong password that is let in ends the session as wrong_admit, whatever the chain.

import POP3
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    /// No link has been refused.
    static let noLink = UInt8.max

    var currentLink: LogonLink { script.chain[link] }
    var methodInUse: AuthMethod { currentLink.method }
    /// The first method that was refused, once another one is tried.
    var fallbackFrom: AuthMethod? {
        refusedLink == Self.noLink || refusedLink == link ? nil : script.chain[refusedLink].method
    }
    /// Whether the planned logon is meant to be refused.
    var refusalIsAsked: Bool { script.first.usesWrongPassword }

    /// Begins the first link, or on a new connection the one that is due.
    mutating func startChain(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) {
        if startLink(from: dueLink, nowNs, &output, &context) { return }
        // The server offers nothing that this client could try.
        if refusedLink == Self.noLink { pending = .stepFailed(.auth, method, .auth, sinceNs: 0) }
        leave(ending(of: .auth), &output)
    }

    /// Begins the first link from `index` on that the server offers. False when there is none.
    mutating func startLink(
        from index: UInt8, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> Bool {
        guard let next = eligibleLink(from: index) else { return false }
        link = next
        if !hasBegunLogon {
            hasBegunLogon = true
            logonStartNs = nowNs
        } else if refusedLink != Self.noLink {
            fallbackLostNs = nowNs &- logonStartNs
        }
        stepStartNs = nowNs
        isFresh = true
        writeFirst(&output, &context)
        return true
    }

    private func eligibleLink(from index: UInt8) -> UInt8? {
        var next = index
        while next < script.chain.count {
            if isEligible(script.chain[next]) { return next }
            next &+= 1
        }
        return nil
    }

    private func isEligible(_ link: LogonLink) -> Bool {
        if knowsPasswordAlone { return link.method == .basic }
        if link.method == .apop, apopDigest == nil { return false }
        switch link.rule {
        case .always: return true
        case .listed: return link.method == .apop || offer.lists(link.method)
        case .listedOrOnly: return offer.lists(link.method) || refusedLink == Self.noLink
        }
    }

    // MARK: Verdicts

    mutating func admitted(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext) -> SessionEvent {
        if currentLink.usesWrongPassword {
            let event = SessionEvent.stepFailed(step, currentLink.method, .wrongAdmit, sinceNs: stepStartNs)
            isLoggedOn = true
            leave(.failed(.wrongAdmit), &output)
            return event
        }
        let step = step
        isLoggedOn = true
        let event = finish(step, nowNs)
        if script.habits.contains(.asksAgainAfterLogon) {
            ClientCommand.write(.capa, into: &output)
            state = .probe
        } else {
            startMailbox(nowNs, &output, context)
        }
        return event
    }

    mutating func refusedOrOdd(
        _ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        reply.status == .error ? refused(reply, nowNs, &output, &context) : fault(.protocolViolation)
    }

    /// `-ERR` to a logon. A locked maildrop is no matter of the password: no other method would help.
    mutating func refused(
        _ reply: ClientReply, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let kind: ErrorClass = reply.code == .inUse ? .inUse : .auth
        let event = SessionEvent.stepFailed(step, currentLink.method, kind, sinceNs: stepStartNs)
        if kind == .inUse {
            leave(.failed(.inUse), &output)
        } else {
            nextLink(.auth, nowNs, &output, &context)
        }
        return event
    }

    /// Goes on with the next link as the persona does; without one the session leaves, well if the refusal was asked for.
    mutating func nextLink(
        _ kind: ErrorClass, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) {
        noteRefusal()
        let givesUp = kind == .auth && script.afterRefusal == .giveUp
        if !givesUp, script.afterRefusal == .newConnection, let next = eligibleLink(from: link &+ 1) {
            dueLink = next
            state = .reconnecting
            return
        }
        if !givesUp, startLink(from: link &+ 1, nowNs, &output, &context) { return }
        leave(ending(of: kind), &output)
    }

    private mutating func noteRefusal() {
        if refusedLink == Self.noLink { refusedLink = link }
        wasRefusedHere = true
    }

    private func ending(of kind: ErrorClass) -> SessionOutcome {
        script.expected == .refused && kind == .auth && refusedLink != Self.noLink ? .expectedRefusal : .failed(kind)
    }

    // MARK: A connection that is gone

    /// The connection ended while a logon stood unanswered. A client that connects again goes on with the link that was to
    /// follow the refusal, or takes the end itself for one. Nil: the session fails as any other.
    mutating func reconnectInstead(_ kind: ErrorClass) -> SessionEvent? {
        guard script.habits.contains(.reconnectsWhenClosed), isLoggingOn else { return nil }
        if isFresh, wasRefusedHere {
            dueLink = link
            state = .reconnecting
            return .needsInput
        }
        guard script.afterRefusal != .giveUp, let next = eligibleLink(from: link &+ 1) else { return nil }
        let event = SessionEvent.stepFailed(step, currentLink.method, kind, sinceNs: stepStartNs)
        noteRefusal()
        dueLink = next
        state = .reconnecting
        return event
    }
}
