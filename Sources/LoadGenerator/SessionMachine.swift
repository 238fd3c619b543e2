// One client session without its descriptor: replies in, commands out, and an event for each step that ended. Time is
// passed in, randomness comes from the context, so the same octets give the same session. It checks every reply, and
// comes to exactly one outcome, which is told once.
//
//   connecting -> handshaking -> greeting -> probe -> logon links -> STAT, LIST, UIDL, TOP, RETR (DELE) -> QUIT -> over
//        |             |             |         |          |                 |                               ^
//        +-------------+-------------+---------+----------+---- fault ------+---- refused: QUIT (leaving) --+
//
// With STLS: greeting -> probe -> stls -> handshaking -> secured -> probe -> logon links. A persona that goes on over a new
// connection passes through `reconnecting` back to `connecting`; the session, its user and its record stay the same.
// Commands are not pipelined: a reply that brings more than itself is a protocol error, since nothing else was asked.

import Digest
import POP3
import PoplarCore
import SASL
import Telemetry
import Workload

/// What came of a call of the machine.
enum SessionEvent: Equatable {
    /// Nothing more without new input.
    case needsInput
    /// A step ended well, `latencyNs` after its command was written.
    case step(Step, AuthMethod, latencyNs: UInt64)
    /// A step failed, which began at `sinceNs`, or never began (0); the session may go on by a fallback.
    case stepFailed(Step, AuthMethod, ErrorClass, sinceNs: UInt64)
    /// The session is over: told once, as the last event.
    case ended(SessionOutcome)
}

struct SessionMachine {
    enum State: UInt8 {
        case connecting, handshaking, greeting
        /// The handshake behind STLS is done, and the client is to speak.
        case secured
        /// A new connection is to be opened.
        case reconnecting
        case probe, probeRows, stls
        /// AUTH DPA, and `*` behind it, have been sent.
        case dpaStarted, dpaCancelled
        /// AUTH NTLM, the type 1 and the type 3 have been sent.
        case ntlmStarted, ntlmNegotiated, ntlmAuthenticated
        /// `*` has been sent.
        case cancelling
        case user, password, apop
        /// AUTH with a mechanism other than NTLM has been sent; its exchange knows how far it is.
        case saslStarted
        case stat, list, listRows, uidl, uidlRows, top, topBody, retr, retrBody, dele, quit
        /// Logged on with nothing to ask, and NOOP in between.
        case idle, noop
        /// The outcome stands; QUIT has been sent out of politeness.
        case leaving
        case over
    }

    let script: SessionScript
    let user: UInt32
    var state = State.connecting
    var reader = ClientReplyReader()
    /// When the command of the running step was written.
    var stepStartNs: UInt64
    /// Which link of the script's chain is tried, or has let the session in.
    var link: UInt8 = 0
    /// Where the chain begins on a new connection.
    var dueLink: UInt8 = 0
    /// The first link that was refused.
    var refusedLink = SessionMachine.noLink
    /// A refusal came on this connection; nothing has been answered since the current link began.
    var wasRefusedHere = false
    var isFresh = false
    var isLoggedOn = false
    var hasBegunLogon = false
    var logonStartNs: UInt64 = 0
    /// Set once a link begins after a refusal.
    var fallbackLostNs: UInt64 = 0
    /// What the probe's answer listed.
    var offer: ServerOffer = []
    /// STLS is done.
    var isSecured = false
    /// The probe was refused, and the client knows no better than USER and PASS.
    var knowsPasswordAlone = false
    var apopDigest: Digest16?
    /// What `*` was sent for.
    var cancelKind = ErrorClass.protocolViolation
    /// The first connection stood.
    private(set) var hasConnected = false
    /// To be told before anything else.
    var pending: SessionEvent?
    var exchange: SASL.ClientExchange?
    /// Of the TLS connection, for NTLM with channel bindings.
    var channelBinding: Digest16?
    /// Messages in the maildrop, once known; and octets by STAT or LIST.
    var messageCount: UInt32?
    var maildropOctets: UInt64?
    /// Rows and octets of the listing that is coming in.
    var rows: UInt32 = 0
    var rowOctets: UInt64 = 0
    /// The message of TOP, RETR or DELE: of the oldest command without an answer, of which there are `unanswered`.
    var message: UInt32 = 0
    var unanswered: UInt16 = 0
    var batchStartNs: UInt64 = 0
    /// What decides which messages are chosen.
    let draw: UInt64
    /// The user's last look, where this one ended, and the messages that were there before.
    var lastSeen = SeenMail()
    var newestSeen = SeenMail()
    var oldCount: UInt32 = 0
    /// When the idle stretch ends, and when its next pause does.
    var idleEndNs: UInt64?
    var wakeNs: UInt64 = 0
    var announcedOctets: UInt64?
    var messagesRetrieved: UInt32 = 0
    var retrievedOctets: UInt64 = 0
    var payloadBytes: UInt64 = 0
    /// Of the TOP or RETR that ended last.
    var lastPayloadBytes: UInt64 = 0
    /// Decided; told when the session is over.
    var verdict: SessionOutcome?
    private var isTold = false

    /// A session whose connect is being called at `nowNs`.
    init(script: SessionScript, user: UInt32, nowNs: UInt64, draw: UInt64 = 0) {
        self.script = script
        self.draw = draw
        self.user = user
        stepStartNs = nowNs
        link = script.plannedLink
    }

    /// Whether the outcome has been told: nothing more comes of this machine.
    var isOver: Bool { isTold }
    /// Whether QUIT was answered, or sent: the server is the one to close.
    private(set) var saidQuit = false

    /// The first method planned before the logon, the one in use afterwards.
    var method: AuthMethod { isLoggedOn || state == .leaving && hasBegunLogon ? currentLink.method : script.first.method }

    // MARK: Events of the connection

    /// The connection stands. With TLS the handshake is next, else the greeting.
    mutating func connected(nowNs: UInt64) -> SessionEvent {
        guard state == .connecting else { return .needsInput }
        hasConnected = true
        let event = finish(.connect, nowNs)
        state = script.transport == .pop3s ? .handshaking : .greeting
        return event
    }

    /// The TLS handshake is done.
    mutating func encrypted(resumed: Bool, nowNs: UInt64) -> SessionEvent {
        guard state == .handshaking else { return .needsInput }
        let event = finish(resumed ? .tlsResumed : .tlsFull, nowNs)
        state = script.transport == .stls ? .secured : .greeting
        return event
    }

    /// The next thing that `input` from `cursor` on makes happen. Commands go to `output`. Call until `.needsInput`;
    /// what stands behind `cursor` then must come again in front of the next input.
    mutating func next(
        _ input: UnsafeRawBufferPointer, cursor: inout Int, nowNs: UInt64, output: inout ByteWriter, context: inout SessionContext
    ) -> SessionEvent {
        while true {
            if pending != nil || state == .over { return ending() }
            if isBetweenReplies { return .needsInput }
            let mark = output.count
            let event: SessionEvent?
            switch reader.next(input, cursor: &cursor) {
            case .needsInput: return breaksOff ? ending() : .needsInput
            case .line(let range):
                let line = octets(UnsafeRawBufferPointer(rebasing: input[range]))
                event = receive(line.span, nowNs, &output, &context)
            case .endOfRows: event = endOfRows(nowNs, &output, &context)
            case .endOfPayload(let octets, let isExact): event = endOfPayload(octets, isExact, nowNs, &output, &context)
            case .failed: event = fault(.protocolViolation)
            }
            if output.overflowed { return fault(.protocolViolation) }
            if output.count > mark || state == .handshaking, cursor < input.count {
                output.truncate(to: mark)
                if state == .handshaking { state = .stls }
                return fault(.protocolViolation)
            }
            if let event { return event }
        }
    }

    private mutating func receive(
        _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        switch state {
        case .probeRows:
            offer.note(line, of: isLoggedOn ? .capa : script.probe)
            return nil
        case .listRows, .uidlRows: return row(line, &context)
        default: break
        }
        if state == .ntlmAuthenticated, script.habits.contains(.takesAnyOK), holdsOK(line) {
            return admitted(nowNs, &output, &context)
        }
        guard let reply = ClientReply(line), state != .idle else {
            context.excerpt.keep(line)
            return fault(.protocolViolation)
        }
        if reply.status == .error { context.excerpt.keep(line) }
        switch state {
        case .greeting: return greeted(reply, line, nowNs, &output, &context)
        case .probe:
            guard reply.status == .ok else { return probed(isRefused: true, nowNs, &output, &context) }
            reader.beginRows()
            state = .probeRows
            return nil
        case .stls: return stlsReply(reply, nowNs, &output)
        case .dpaStarted, .dpaCancelled: return dpaReply(reply, nowNs, &output, &context)
        case .ntlmStarted, .ntlmNegotiated, .ntlmAuthenticated, .cancelling, .user, .password, .apop, .saslStarted:
            if script.work.abandon == .logon {
                abandon()
                return nil
            }
            return logonReply(reply, line, nowNs, &output, &context)
        case .stat, .list, .uidl, .top, .retr, .dele, .noop:
            return mailboxReply(reply, line, nowNs, &output, &context)
        case .quit:
            // Refused or not: behind QUIT there is nothing.
            guard reply.status == .ok || (reply.status == .error && context.lets(.status)) else { return fault(.content) }
            saidQuit = true
            let event = finish(.quit, nowNs)
            // What was retrieved and deleted is gone: then the last look still ends where it did.
            if script.work.retrievesNew, !script.work.deletesRetrieved { context.seen?[user] = newestSeen }
            verdict = .succeeded
            state = .over
            return event
        case .leaving:
            saidQuit = true
            state = .over
            return nil
        case .connecting, .handshaking, .secured, .reconnecting, .probeRows, .listRows, .uidlRows, .topBody, .retrBody,
            .idle, .over:
            return nil
        }
    }

    /// Whether no reply is due.
    private var isBetweenReplies: Bool {
        state == .connecting || state == .handshaking || state == .secured || state == .reconnecting
    }

    /// Whether the letters OK stand anywhere in the line.
    private func holdsOK(_ line: Span<UInt8>) -> Bool {
        var index = 1
        while index < line.count {
            if line[index &- 1] == 79, line[index] == 75 { return true }
            index &+= 1
        }
        return false
    }

    private mutating func endOfRows(
        _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        if state == .probeRows { return probed(isRefused: false, nowNs, &output, &context) }
        return endOfListing(nowNs, &output, &context)
    }

    // MARK: Steps and outcomes

    /// The running step ended well; the next one begins now.
    mutating func finish(_ step: Step, _ nowNs: UInt64) -> SessionEvent {
        let latency = nowNs > stepStartNs ? nowNs &- stepStartNs : 0
        stepStartNs = nowNs
        return .step(step, method, latencyNs: latency)
    }

    /// The session fails at the running step.
    mutating func fault(_ kind: ErrorClass) -> SessionEvent {
        if state == .over { return tell() }
        if state == .leaving {
            state = .over
            return tell()
        }
        let kind = state == .greeting && kind == .protocolViolation ? ErrorClass.greeting : kind
        let event = SessionEvent.stepFailed(step, methodOfStep, kind, sinceNs: stepSinceNs)
        verdict = .failed(kind)
        state = .over
        return event
    }

    /// The session ends with `outcome`, after a QUIT whose answer changes nothing.
    mutating func leave(_ outcome: SessionOutcome, _ output: inout ByteWriter) {
        verdict = outcome
        state = .leaving
        ClientCommand.write(.quit, into: &output)
    }

    /// Whether the client goes away here, in the middle of its first message.
    private var breaksOff: Bool {
        mutating get {
            guard state == .retrBody, script.work.abandon == .retrieval, reader.payloadOctets > 0 else { return false }
            abandon()
            return true
        }
    }

    /// The session ends well without QUIT.
    mutating func abandon() {
        verdict = .succeeded
        state = .over
    }

    /// What is left to tell once the session is over.
    mutating func ending() -> SessionEvent {
        if let event = pending {
            pending = nil
            return event
        }
        return state == .over ? tell() : .needsInput
    }

    private mutating func tell() -> SessionEvent {
        guard !isTold, let verdict else { return .needsInput }
        isTold = true
        return .ended(verdict)
    }

    /// The step that is running.
    var step: Step {
        switch state {
        case .connecting, .reconnecting: .connect
        case .handshaking, .secured: .tlsFull
        case .greeting: .greeting
        case .probe, .probeRows, .dpaStarted, .dpaCancelled: .capa
        case .stls: .stls
        case .ntlmStarted, .ntlmNegotiated: .ntlmNegotiate
        case .ntlmAuthenticated: .ntlmAuthenticate
        case .cancelling: currentLink.method.isNTLM ? .ntlmNegotiate : .auth
        case .user, .password, .apop, .saslStarted: .auth
        case .stat: .stat
        case .list, .listRows: .list
        case .uidl, .uidlRows: .uidl
        case .top, .topBody: .top
        case .retr, .retrBody: .retr
        case .dele: .dele
        case .noop, .idle: .noop
        case .quit, .leaving, .over: .quit
        }
    }

    /// Steps of the logon carry the method that they try.
    private var methodOfStep: AuthMethod { isLoggingOn ? currentLink.method : method }
}
