// The classes of checks: each lets pass what it names, counts it, and leaves the others as they are.

import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

@Suite("Checks by class") struct ChecksTests {
    private func talk(
        _ replies: [String], checks: ReplyChecks, _ change: (inout MailboxWork) -> Void = { _ in }
    ) -> Conversation {
        var work = Scripts.check
        change(&work)
        let told = Conversation(Scripts.basic(work: work), checks: checks)
        for reply in ["+OK ready\r\n", "+OK\r\n", "+OK\r\n"] + replies { told.receive(Array(reply.utf8)) }
        return told
    }

    /// A reply that one class of checks refuses: the work that asks for it, and the replies up to QUIT's.
    struct Lax: Sendable, CustomTestStringConvertible {
        let rule: String
        let check: ReplyChecks
        let replies: [String]
        var uidl = false
        var list = false
        var retrieves: UInt32 = 0
        var count: UInt64 = 1
        var testDescription: String { rule }
    }

    static let lax: [Lax] = [
        Lax(
            rule: "UIDL rows with three blanks, tabs, long and strange identifiers", check: .listing,
            replies: ["+OK 4 9\r\n", "+OK\r\n1   a\r\n 2\tb\r\n3 \(String(repeating: "x", count: 90))\r\n4 a b\u{e9}\r\n.\r\n"],
            uidl: true, count: 4),
        Lax(
            rule: "a UIDL row without a number is passed over, one without an identifier is a row", check: .listing,
            replies: ["+OK 2 9\r\n", "+OK\r\n1 a\r\ntotal\r\n2\r\n.\r\n"], uidl: true, count: 2),
        Lax(
            rule: "LIST rows of another form", check: .listing,
            replies: ["+OK 2 9\r\n", "+OK\r\n1  4\r\n2\t5 octets\r\n.\r\n"], list: true, count: 2),
        Lax(
            rule: "more rows than STAT says", check: .listing, replies: ["+OK 1 9\r\n", "+OK\r\n1 4\r\n2 5\r\n.\r\n"], list: true),
        Lax(rule: "STAT in another form", check: .listing, replies: ["+OK  2\t9\r\n"]),
        Lax(rule: "STAT without figures", check: .listing, replies: ["+OK maildrop ready\r\n"]),
        Lax(
            rule: "sizes that LIST estimates", check: .size, replies: ["+OK 2 9\r\n", "+OK\r\n1 400\r\n2 500\r\n.\r\n"],
            list: true),
        Lax(
            rule: "another size than RETR announced", check: .size, replies: ["+OK 2 9\r\n", "+OK 4 octets\r\nabcdef\r\n.\r\n"],
            retrieves: 1),
        Lax(
            rule: "a message that ends in LF, dot, LF", check: .terminator,
            replies: ["+OK 2 9\r\n", "+OK 4 octets\r\nabc\n.\n"], retrieves: 1),
        Lax(rule: "STAT refused", check: .status, replies: ["-ERR no\r\n"]),
        Lax(rule: "LIST refused", check: .status, replies: ["+OK 2 9\r\n", "-ERR no\r\n"], list: true),
        Lax(rule: "UIDL refused", check: .status, replies: ["+OK 2 9\r\n", "-ERR no\r\n"], uidl: true),
        Lax(rule: "RETR refused", check: .status, replies: ["+OK 2 9\r\n", "-ERR no\r\n"], retrieves: 1),
    ]

    private func talk(_ row: Lax, checks: ReplyChecks) -> Conversation {
        talk(row.replies, checks: checks) {
            $0.uidl = row.uidl
            $0.list = row.list
            $0.retrieveMessages = row.retrieves
        }
    }

    @Test("each class lets pass what it names, and counts it; the others do not", arguments: lax)
    func classes(row: Lax) {
        for (_, check) in ReplyChecks.named {
            let told = talk(row, checks: ReplyChecks.all.subtracting(check))
            if check == row.check {
                told.receive(Array("+OK\r\n".utf8))
                #expect(told.events.last == "succeeded", "\(told.events)")
                let passed = told.passed
                let counts = [passed.status, passed.size, passed.terminator, passed.listing]
                #expect(counts == ReplyChecks.named.map { $0.check == check ? row.count : 0 })
            } else {
                #expect(told.events.last == "failed content", "\(told.events)")
                #expect(told.passed == PassedReplies())
            }
        }
        #expect(talk(row, checks: []).passed != PassedReplies())
    }

    @Test("messages that a lenient reading of UIDL found are retrieved")
    func retrieved() {
        let told = talk(["+OK\r\n1   a\r\n2   b\r\n.\r\n"], checks: [.status, .size, .terminator]) {
            $0.stat = false
            $0.uidl = true
            $0.retrieveMessages = MailboxWork.allMessages
        }
        #expect(told.commands.last == "RETR 1")
        told.receive(Array("+OK 5 octets\r\nabc\r\n.\r\n".utf8))
        #expect(told.commands.last == "RETR 2")
    }

    @Test("a refusal that is let pass is a failed step of a session that goes on, also in a batch")
    func refusedStep() {
        let told = talk(["+OK 3 12\r\n"], checks: [.size, .terminator, .listing]) {
            $0.retrieveMessages = MailboxWork.allMessages
            $0.depth = 4
        }
        told.receive(Array("+OK 5 octets\r\nabc\r\n.\r\n-ERR gone\r\n+OK 5 octets\r\nabc\r\n.\r\n".utf8))
        #expect(told.events.suffix(3) == ["retr basic", "retr basic: content", "retr basic"])
        #expect(told.commands.last == "QUIT")
        told.receive(Array("-ERR some messages not removed\r\n".utf8))
        #expect(told.events.last == "succeeded")
        #expect(told.passed.status == 2 && told.machine.messagesRetrieved == 2)
    }

    @Test("what is no reply at all is never let pass")
    func noReply() {
        #expect(talk(["garbage\r\n"], checks: []).events.last == "failed protocol")
        #expect(talk(["+ more\r\n"], checks: []).events.last == "failed protocol")
    }
}
