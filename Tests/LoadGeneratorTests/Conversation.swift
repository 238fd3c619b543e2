// A scripted server for one session machine: what it answers to each command, cut at will. Tells what came of it as
// text, so that a test reads as a dialogue.

import POP3
import PoplarCore
import Telemetry

@testable import LoadGenerator
@testable import Reactor
@testable import Workload

/// Scripts as a profile's loader would compile them.
enum Scripts {
    static let fetch = MailboxWork(
        index: 0, stat: true, list: true, uidl: true, topMessages: 0, topLines: 0, retrieveMessages: .max, deletesRetrieved: true,
        quits: true)
    static let check = MailboxWork(
        index: 0, stat: true, list: false, uidl: false, topMessages: 0, topLines: 0, retrieveMessages: 0, deletesRetrieved: false,
        quits: true)

    static func script(
        _ persona: Persona, transport: Transport = .pop3, probe: CapabilityProbe = .none, first: LogonLink,
        fallback: LogonLink? = nil, afterRefusal: RefusalRule = .nextMethod, habits: Habits = [],
        expected: ExpectedResult = .admitted, work: MailboxWork = check
    ) -> SessionScript {
        SessionScript(
            client: 0, persona: persona, transport: transport, probe: probe,
            chain: LogonChain([first] + (fallback.map { [$0] } ?? [])),
            plannedLink: 0, afterRefusal: afterRefusal, habits: habits, ntlmVersion: .v2, tlsVersion: .tls13, resumesTLS: false,
            expected: expected, work: work)
    }

    static func link(_ method: AuthMethod, _ identity: Identity, wrong: Bool = false) -> LogonLink {
        LogonLink(method: method, identity: identity, usesWrongPassword: wrong)
    }

    static func basic(wrong: Bool = false, expected: ExpectedResult = .admitted, work: MailboxWork = check) -> SessionScript {
        script(.basic, first: link(.basic, .account, wrong: wrong), expected: expected, work: work)
    }

    static func internetMail(wrong: Bool = false, work: MailboxWork = check) -> SessionScript {
        script(
            .internetMail3, probe: .bareAuth, first: link(.ntlm, .ntUser, wrong: wrong), fallback: link(.basic, .account),
            work: work)
    }
}

final class Conversation {
    /// What the machine told, e.g. "greeting basic", "auth basic: auth", "ended succeeded".
    private(set) var events: [String] = []
    /// How long each failed step had run, nanoseconds; nil where it never began.
    private(set) var failedAfterNs: [UInt64?] = []
    /// What is kept for people of each failed step.
    private(set) var excerpts: [String] = []
    /// What the machine wrote, command by command, without line ends.
    private(set) var commands: [String] = []
    private(set) var machine: SessionMachine
    private var context: SessionContext
    private let table: CredentialTable
    private var held: [UInt8] = []
    private var now: UInt64 = 1_000

    init(
        _ script: SessionScript, messageBytes: UInt64 = 0, seen: SeenMail = SeenMail(), draw: UInt64 = 0,
        checks: ReplyChecks = .all
    ) {
        table = CredentialTable(.embedded(users: 4), needed: .all)
        context = SessionContext(
            credentials: table.view, random: KernelRandom(fixed: 0x0123_4567_89AB_CDEF), knownMessageBytes: messageBytes,
            checks: checks,
            seen: SeenTable(users: 1))
        context.seen?[0] = seen
        machine = SessionMachine(script: script, user: 0, nowNs: now, draw: draw)
        tick()
        note(machine.connected(nowNs: now))
        if script.transport == .pop3s { note(machine.encrypted(resumed: false, nowNs: now)) }
    }

    private func tick() { now += 1_000 }

    private func note(_ event: SessionEvent) {
        switch event {
        case .needsInput: return
        case .step(let step, let method, _): events.append("\(step.name) \(method.name)")
        case .stepFailed(let step, let method, let kind, let sinceNs):
            events.append("\(step.name) \(method.name): \(kind.name)")
            failedAfterNs.append(sinceNs == 0 ? nil : now - sinceNs)
            excerpts.append(String(decoding: context.excerpt.octets, as: UTF8.self))
        case .ended(let outcome):
            switch outcome {
            case .failed(let kind): events.append("failed \(kind.name)")
            default: events.append("\(outcome)")
            }
        }
    }

    /// Something other than octets happened; then whatever is left to tell.
    func happen(_ body: (inout SessionMachine) -> SessionEvent) {
        tick()
        note(body(&machine))
        note(machine.ending())
    }

    /// What was let pass.
    var passed: PassedReplies { context.passed }

    /// What the user has seen by now.
    var seen: SeenMail { context.seen?[0] ?? SeenMail() }

    /// Time passes while the session is idle; what it says then.
    func pause(_ ns: UInt64) {
        now += ns
        var memory = [UInt8](repeating: 0, count: 64)
        let text = memory.withUnsafeMutableBytes { room in
            var writer = ByteWriter(room)
            machine.wake(now, &writer)
            return String(decoding: writer.written, as: UTF8.self)
        }
        commands += text.split(separator: "\r\n").map(String.init)
        note(machine.ending())
    }

    /// The server sends `octets`, in pieces of `piece`.
    func receive(_ octets: [UInt8], piece: Int = .max) {
        var start = 0
        while start < octets.count {
            let end = piece < octets.count - start ? start + piece : octets.count
            take(octets[start..<end])
            start = end
        }
    }

    private func take(_ octets: ArraySlice<UInt8>) {
        tick()
        held += octets
        var cursor = 0
        var memory = [UInt8](repeating: 0, count: 16_384)
        let written = memory.withUnsafeMutableBytes { room -> String in
            var writer = ByteWriter(room)
            held.withUnsafeBytes { input in
                while true {
                    let event = machine.next(input, cursor: &cursor, nowNs: now, output: &writer, context: &context)
                    if event == .needsInput { break }
                    note(event)
                }
            }
            return String(decoding: writer.written, as: UTF8.self)
        }
        held.removeFirst(min(cursor, held.count))
        add(written)
        if machine.state == .handshaking { beginTLS() }
    }

    private func add(_ written: String) {
        for line in written.split(separator: "\r\n", omittingEmptySubsequences: false) where !line.isEmpty {
            commands.append(String(line))
        }
    }

    /// The handshake behind STLS; then the client speaks.
    private func beginTLS() {
        tick()
        note(machine.encrypted(resumed: false, nowNs: now))
        var memory = [UInt8](repeating: 0, count: 4096)
        add(
            memory.withUnsafeMutableBytes { room in
                var writer = ByteWriter(room)
                machine.resumeInsideTLS(now, &writer, &context)
                return String(decoding: writer.written, as: UTF8.self)
            })
        note(machine.ending())
    }

    /// The session's new connection stands; the greeting is next.
    func connectAgain() {
        tick()
        held = []
        answered = commands.count
        machine.reconnect(nowNs: now)
        tick()
        note(machine.connected(nowNs: now))
    }

    /// Greets, and answers to the end.
    func finish(replies: [String: [String]]) {
        receive(Array("+OK ready\r\n".utf8))
        answer(replies, piece: .max)
    }

    /// The whole dialogue: the greeting, then a reply for each command, looked up by its first word; a list of replies is
    /// used up in turn. Without an answer the dialogue stops.
    static func run(
        _ script: SessionScript, replies: [String: [String]], greeting: String = "+OK ready\r\n", piece: Int = .max,
        messageBytes: UInt64 = 0
    ) -> Conversation {
        let conversation = Conversation(script, messageBytes: messageBytes)
        conversation.receive(Array(greeting.utf8), piece: piece)
        conversation.answer(replies, piece: piece)
        return conversation
    }

    /// Commands that have been answered.
    private var answered = 0

    private func answer(_ replies: [String: [String]], piece: Int) {
        var left = replies
        while answered < commands.count {
            let command = commands[answered]
            answered += 1
            let word = Self.word(command)
            let key = left[command] != nil ? command : word
            guard let reply = left[key]?.first else { break }
            if (left[key]?.count ?? 0) > 1 { left[key]?.removeFirst() }
            receive(Array(reply.utf8), piece: piece)
        }
    }

    /// A line within an exchange has no word of its own: NTLM's are "base64", CRAM-MD5's answer, which names user00002, is "cram".
    private static func word(_ command: String) -> String {
        if command.hasPrefix("TlRM") || command.hasPrefix("AUTH NTLM TlRM") { return "base64" }
        if command.hasPrefix("dXNlcjAwMDAyI") { return "cram" }
        return String(command.prefix { $0 != " " })
    }
}

/// Replies of a server that holds two messages, of 5 and of 4 octets.
enum Replies {
    /// MS-NLMP's challenge 0123456789abcdef, target name "Server".
    static let challenge =
        "+ TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwA"
        + "RABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAAAAAA=\r\n"

    static let good: [String: [String]] = [
        "AUTH": ["+OK\r\nNTLM\r\n.\r\n"], "AUTH NTLM": ["+ \r\n"], "base64": [challenge, "+OK logged on\r\n"],
        "CAPA": ["+OK\r\nTOP\r\n.\r\n"],
        "USER": ["+OK\r\n"], "PASS": ["+OK\r\n"], "STAT": ["+OK 2 9\r\n"], "LIST": ["+OK\r\n1 5\r\n2 4\r\n.\r\n"],
        "UIDL": ["+OK\r\n1 a\r\n2 b\r\n.\r\n"], "RETR 1": ["+OK 5 octets\r\nabc\r\n.\r\n"],
        "RETR 2": ["+OK 4 octets\r\n..x\r\n.\r\n"],
        "TOP": ["+OK\r\nabc\r\n.\r\n"], "DELE": ["+OK\r\n"], "QUIT": ["+OK bye\r\n"],
    ]

    static func good(but changes: [String: [String]]) -> [String: [String]] { good.merging(changes) { $1 } }
}
