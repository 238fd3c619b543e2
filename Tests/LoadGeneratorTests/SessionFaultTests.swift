// Each way to fail has one class, told once; a wrong password that is let in is caught; a refusal that was asked for
// is a success.

import Glibc
import PoplarCore
import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

@Suite struct SessionFaultTests {
    /// "endless" stands for more octets than a line may have, without an end.
    private static func wire(_ text: String) -> String { text == "endless" ? String(repeating: "a", count: 20_000) : text }

    @Test(arguments: [
        ("STAT", "+OK two 9\r\n"), ("STAT", "-ERR\r\n"), ("LIST", "+OK\r\n1 5\r\n.\r\n"), ("LIST", "+OK\r\n1 5\r\n2 5\r\n.\r\n"),
        ("LIST", "+OK\r\nx\r\n.\r\n"), ("UIDL", "+OK\r\n1 a\r\n.\r\n"), ("UIDL", "+OK\r\n1\r\n.\r\n"),
        ("RETR 1", "+OK 5 octets\r\nab\r\n.\r\n"),
        ("RETR 1", "-ERR no such message\r\n"), ("RETR 1", "+OK\r\nabc\r\n.\n"), ("DELE", "-ERR\r\n"),
        ("RETR 2", "+OK\r\nabcd\r\n.\r\n"), ("QUIT", "-ERR\r\n"),
    ])
    func `a reply whose status, figures, octets or terminator are wrong is content`(command: String, reply: String) {
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: Replies.good(but: [command: [reply]]))
        #expect(told.events.last == "failed content")
        #expect(told.events.filter { $0.hasPrefix("failed") }.count == 1)
    }

    @Test(arguments: [
        ("STAT", "+OK two 9", "+OK two 9"), ("STAT", "+ two", "+ two"), ("LIST", "+OK\r\nx\r\n.", "x"),
        ("UIDL", "+OK\r\n1\r\n.", "1"), ("DELE", "-ERR no", "-ERR no"),
        ("LIST", "+OK\r\n1 5\r\n.", "messages until now: 2, rows here: 1"),
        ("LIST", "+OK\r\n1 5\r\n2 5\r\n.", "octets by STAT: 9, sum of the rows: 10"),
        ("RETR 1", "+OK 5 octets\r\nab\r\n.", "octets announced: 5, octets sent: 4"),
        ("RETR 2", "+OK\r\nabcd0\r\n.", "octets of the maildrop: 9, octets of all messages: 12"),
    ])
    func `what is wrong is kept: the line, or the two figures that do not agree`(command: String, reply: String, kept: String) {
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: Replies.good(but: [command: [reply + "\r\n"]]))
        #expect(told.excerpts == [kept])
    }

    @Test func `a row with another size than every message has is kept`() {
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: Replies.good, messageBytes: 6)
        #expect(told.excerpts == ["1 5"])
    }

    @Test func `a message that has not its known size is content, also when the server says so itself`() {
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: Replies.good, messageBytes: 6)
        #expect(told.events.suffix(2) == ["list basic: content", "failed content"])
    }

    @Test(arguments: ["hello\r\n", "+OKAY\r\n", "\r\n", "endless", "+ go on\r\n"])
    func `a reply that is none is a protocol error`(reply: String) {
        let told = Conversation.run(Scripts.basic(), replies: Replies.good(but: ["STAT": [Self.wire(reply)]]))
        #expect(told.events.suffix(2) == ["stat basic: protocol", "failed protocol"])
    }

    @Test func `more than was asked for is a protocol error`() {
        let told = Conversation.run(Scripts.basic(), replies: Replies.good(but: ["USER": ["+OK\r\n+OK\r\n"]]))
        #expect(told.events.last == "failed protocol")
        #expect(told.commands == ["USER user00002"])
    }

    @Test(arguments: ["-ERR busy\r\n", "220 mail.example ESMTP\r\n", "+ \r\n", "endless"])
    func `a greeting that is none is the class greeting`(greeting: String) {
        let told = Conversation.run(Scripts.basic(), replies: [:], greeting: Self.wire(greeting))
        #expect(told.events == ["connect basic", "greeting basic: greeting", "failed greeting"])
    }

    @Test func `a refused logon without a fallback is auth, said goodbye to`() {
        let told = Conversation.run(Scripts.basic(), replies: Replies.good(but: ["PASS": ["-ERR [AUTH] no\r\n"]]))
        #expect(told.commands == ["USER user00002", "PASS secret", "QUIT"])
        #expect(told.events.suffix(2) == ["auth basic: auth", "failed auth"])
        #expect(told.machine.saidQuit)
    }

    @Test func `a refusal that was asked for is a success`() {
        let script = Scripts.basic(wrong: true, expected: .refused)
        let told = Conversation.run(script, replies: Replies.good(but: ["PASS": ["-ERR no\r\n"]]))
        #expect(told.commands[1] == "PASS secret-wrong")
        #expect(told.events.last == "expectedRefusal")
    }

    @Test func `a wrong password that is let in is wrong_admit, with Basic and with NTLM`() {
        let basic = Conversation.run(Scripts.basic(wrong: true, expected: .refused), replies: Replies.good)
        #expect(basic.events.suffix(2) == ["auth basic: wrong_admit", "failed wrong_admit"])
        let ntlm = Conversation.run(Scripts.internetMail(wrong: true), replies: Replies.good)
        #expect(ntlm.events.suffix(2) == ["ntlm_authenticate ntlm: wrong_admit", "failed wrong_admit"])
    }

    @Test func `a wrong password makes another NTLM response`() {
        let right = Conversation.run(Scripts.internetMail(), replies: Replies.good)
        let wrong = Conversation.run(Scripts.internetMail(wrong: true), replies: Replies.good)
        #expect(right.commands[2] == wrong.commands[2])
        #expect(right.commands[3] != wrong.commands[3])
    }

    @Test func `a locked maildrop is in_use, and no other method is tried`() {
        let replies = Replies.good(but: ["base64": [Replies.challenge, "-ERR [IN-USE] locked\r\n"]])
        let told = Conversation.run(Scripts.internetMail(), replies: replies)
        #expect(told.events.suffix(2) == ["ntlm_authenticate ntlm: in_use", "failed in_use"])
        #expect(!told.commands.contains("USER user00002"))
    }

    @Test(arguments: [
        (ECONNREFUSED, "refused"), (ENETUNREACH, "refused"), (ETIMEDOUT, "connect_timeout"), (ECONNRESET, "reset"),
        (EADDRNOTAVAIL, "own_ports"), (EMFILE, "own_descriptors"), (ENFILE, "own_descriptors"),
    ])
    func `a failed connect has its class, and our own limits are never the server's`(code: Int32, name: String) {
        var machine = SessionMachine(script: Scripts.basic(), user: 0, nowNs: 1)
        guard case .stepFailed(.connect, .basic, let kind, sinceNs: 1) = machine.connectionFailed(code) else {
            Issue.record("no failed step")
            return
        }
        #expect(kind.name == name)
        #expect(machine.ending() == .ended(.failed(kind)))
        #expect(machine.ending() == .needsInput)
        #expect(machine.streamEnded() == .needsInput)
    }

    @Test func `the end of the stream, a reset, a broken channel and a time-out have their classes at every step`() {
        let commands = ["USER", "PASS", "STAT", "QUIT"]
        for cut in 0...commands.count - 1 {
            var replies = Replies.good
            replies[commands[cut]] = nil
            func end(_ body: (inout SessionMachine) -> SessionEvent) -> String? {
                let told = Conversation.run(Scripts.basic(), replies: replies)
                #expect(told.commands.last?.hasPrefix(commands[cut]) == true)
                told.happen(body)
                return told.events.last
            }
            #expect(end { $0.streamEnded() } == "failed early_close")
            #expect(end { $0.connectionFailed(ECONNRESET) } == "failed reset")
            #expect(end { $0.connectionFailed(EPIPE) } == "failed reset")
            #expect(end { $0.timedOut() } == "failed timeout")
            #expect(end { $0.encryptionFailed() } == "failed tls")
        }
    }

    // The server takes 1,000 ns for each reply.
    @Test func `a failed step is timed from its own beginning, whatever the session does then`() {
        let refused = Conversation.run(Scripts.basic(wrong: true), replies: Replies.good(but: ["PASS": ["-ERR no\r\n"]]))
        #expect(refused.failedAfterNs == [2_000], "USER and PASS are one step")
        let saved = Conversation.run(
            Scripts.internetMail(wrong: true), replies: Replies.good(but: ["base64": [Replies.challenge, "-ERR no\r\n"]]))
        #expect(saved.events.contains("ntlm_authenticate ntlm: auth") && saved.events.last == "succeeded")
        #expect(saved.failedAfterNs == [1_000], "neither what came before nor the fallback counts")
        var silent = Replies.good
        silent["STAT"] = nil
        let late = Conversation.run(Scripts.basic(), replies: silent)
        late.happen { $0.timedOut() }
        #expect(late.failedAfterNs == [1_000])
    }

    @Test func `once the outcome stands, a lost goodbye does not change it`() {
        var replies = Replies.good(but: ["PASS": ["-ERR no\r\n"]])
        replies["QUIT"] = nil
        let told = Conversation.run(Scripts.basic(wrong: true, expected: .refused), replies: replies)
        told.happen { $0.streamEnded() }
        #expect(told.events.last == "expectedRefusal")
    }

    @Test func `deadlines: connect, step and session, whichever comes first`() {
        let limits = Profile.RunLimits(
            inFlight: 1, connectTimeoutNs: 100, stepTimeoutNs: 1_000, sessionTimeoutNs: 5_000, drainTimeoutNs: 1)
        var machine = SessionMachine(script: Scripts.basic(), user: 0, nowNs: 10)
        #expect(machine.deadlineNs(startNs: 10, limits: limits) == 110)
        _ = machine.connected(nowNs: 60)
        #expect(machine.deadlineNs(startNs: 10, limits: limits) == 1_060)
        machine.stepStartNs = 4_500
        #expect(machine.deadlineNs(startNs: 10, limits: limits) == 5_010)
    }
}
