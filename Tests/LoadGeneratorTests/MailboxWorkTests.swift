// What a session does in its maildrop beyond one command at a time: pipelining, choosing, remembering, idling, going away. Each
// rule is a dialogue: the client's lines and what the machine told of them.

import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

@Suite struct MailboxWorkTests {
    private func work(_ change: (inout MailboxWork) -> Void) -> SessionScript {
        var work = Scripts.check
        change(&work)
        return Scripts.basic(work: work)
    }

    /// Up to the first batch: the greeting and the answers to USER, PASS and STAT.
    private func begin(_ script: SessionScript, _ stat: String = "+OK 2 9\r\n") -> Conversation {
        let conversation = Conversation(script)
        for reply in ["+OK ready\r\n", "+OK\r\n", "+OK\r\n", stat] { conversation.receive(Array(reply.utf8)) }
        return conversation
    }

    private static let batch = "+OK 5 octets\r\nabc\r\n.\r\n+OK\r\n+OK 4 octets\r\n..x\r\n.\r\n+OK\r\n"

    @Test(arguments: [Int.max, 1, 2, 3, 7])
    func `a batch is written as a whole, and its replies are matched in order wherever they are cut`(piece: Int) {
        let told = begin(
            work {
                $0.retrieveMessages = .max
                $0.deletesRetrieved = true
                $0.depth = 16
            })
        #expect(told.commands == ["USER user00002", "PASS secret", "STAT", "RETR 1", "DELE 1", "RETR 2", "DELE 2"])
        told.receive(Array(Self.batch.utf8), piece: piece)
        #expect(told.commands.last == "QUIT")
        told.receive(Array("+OK\r\n".utf8))
        #expect(
            told.events.suffix(6) == ["retr basic", "dele basic", "retr basic", "dele basic", "quit basic", "succeeded"])
        #expect(told.machine.messagesRetrieved == 2 && told.machine.payloadBytes == 9)
    }

    @Test func `a batch is as deep as the script says, and the next one waits for all of it`() {
        let told = begin(
            work {
                $0.topMessages = 5
                $0.depth = 2
            }, "+OK 5 25\r\n")
        #expect(told.commands.suffix(2) == ["TOP 1 0", "TOP 2 0"])
        told.receive(Array("+OK\r\nabc\r\n.\r\n".utf8))
        #expect(told.commands.last == "TOP 2 0")
        told.receive(Array("+OK\r\nabc\r\n.\r\n".utf8))
        #expect(told.commands.suffix(2) == ["TOP 3 0", "TOP 4 0"])
    }

    @Test func `a reply behind the last one of a batch was not asked for`() {
        let told = begin(
            work {
                $0.retrieveMessages = .max
                $0.deletesRetrieved = true
                $0.depth = 16
            })
        told.receive(Array((Self.batch + "+OK\r\n").utf8))
        #expect(told.events.last == "failed protocol")
        #expect(told.commands.last == "DELE 2")
    }

    @Test func `a refusal in a batch fails the session at its step`() {
        let told = begin(
            work {
                $0.retrieveMessages = .max
                $0.depth = 16
            })
        told.receive(Array("+OK 5 octets\r\nabc\r\n.\r\n".utf8))
        told.receive(Array("-ERR no such message\r\n".utf8))
        #expect(told.events.suffix(2) == ["retr basic: content", "failed content"])
        #expect(told.failedAfterNs == [2_000], "the batch was written at once")
    }

    @Test(arguments: [(0, []), (65_536, ["RETR 1", "RETR 2"])] as [(UInt32, [String])])
    func `of the messages looked at, the share that is chosen is retrieved`(share: UInt32, retrievals: [String]) {
        let told = Conversation.run(
            work {
                $0.topMessages = 9
                $0.chosenShare = share
            }, replies: Replies.good)
        #expect(told.commands.filter { $0.hasPrefix("TOP") } == ["TOP 1 0", "TOP 2 0"])
        #expect(told.commands.filter { $0.hasPrefix("RETR") } == retrievals)
        #expect(told.events.last == "succeeded")
    }

    @Test func `which messages are chosen depends on the session's draw alone, and half are half`() {
        func chosen(_ draw: UInt64) -> [String] {
            let script = work {
                $0.topMessages = 1000
                $0.chosenShare = 32_768
                $0.depth = 512
            }
            let told = Conversation(script, draw: draw)
            for reply in ["+OK\r\n", "+OK\r\n", "+OK\r\n", "+OK 1000 5000\r\n"] { told.receive(Array(reply.utf8)) }
            for _ in 0..<1000 { told.receive(Array("+OK\r\nabc\r\n.\r\n".utf8)) }
            for _ in 0..<400 { told.receive(Array("+OK 5 octets\r\nabc\r\n.\r\n".utf8)) }
            return told.commands.filter { $0.hasPrefix("RETR") }
        }
        #expect(chosen(7) == chosen(7))
        #expect(chosen(7) != chosen(8))
        #expect((400...600).contains(chosen(7).count))
    }

    @Test func `what an earlier session saw is old, and what came since is new`() {
        let script = work {
            $0.uidl = true
            $0.retrievesNew = true
        }
        let first = Conversation.run(script, replies: Replies.good)
        #expect(first.commands.suffix(3) == ["RETR 1", "RETR 2", "QUIT"])
        func again(_ list: String, _ stat: String) -> [String] {
            let told = Conversation(script, seen: first.seen)
            for reply in ["+OK\r\n", "+OK\r\n", "+OK\r\n", stat, list] { told.receive(Array(reply.utf8)) }
            return Array(told.commands.dropFirst(4))
        }
        #expect(again("+OK\r\n1 a\r\n2 b\r\n.\r\n", "+OK 2 9\r\n") == ["QUIT"])
        #expect(again("+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n", "+OK 3 9\r\n") == ["RETR 3"])
        #expect(again("+OK\r\n1 b\r\n2 c\r\n.\r\n", "+OK 2 9\r\n") == ["RETR 2"])
        #expect(again("+OK\r\n1 c\r\n2 d\r\n.\r\n", "+OK 2 9\r\n") == ["RETR 1"])
    }

    @Test func `a session that failed has seen nothing`() {
        let script = work {
            $0.uidl = true
            $0.retrievesNew = true
        }
        let told = Conversation.run(script, replies: Replies.good(but: ["RETR 2": ["-ERR\r\n"]]))
        #expect(told.events.last == "failed content")
        #expect(told.seen == SeenMail())
    }

    @Test(
        arguments: [
            (.greeting, []), (.logon, ["USER user00002"]), (.maildrop, ["USER user00002", "PASS secret"]),
            (.retrieval, ["USER user00002", "PASS secret", "STAT", "RETR 1"]),
        ] as [(AbandonPoint, [String])])
    func `a client that goes away does so where the script says, and that is a success`(point: AbandonPoint, commands: [String]) {
        let script = work {
            $0.retrieveMessages = 1
            $0.abandon = point
        }
        let told = Conversation.run(script, replies: Replies.good(but: ["RETR 1": ["+OK 5 octets\r\nab"]]))
        #expect(told.commands == commands)
        #expect(told.events.last == "succeeded")
        #expect(!told.machine.saidQuit)
    }

    @Test func `an idle client says NOOP in its intervals, and QUIT at the end`() {
        let script = work {
            $0.idleNs = 10_000_000
            $0.noopEveryNs = 4_000_000
        }
        let told = begin(script)
        #expect(told.machine.state == .idle)
        told.pause(1_000_000)
        #expect(told.commands.last == "STAT")
        for _ in 0..<2 {
            told.pause(4_000_000)
            #expect(told.commands.last == "NOOP")
            told.receive(Array("+OK\r\n".utf8))
        }
        told.pause(4_000_000)
        #expect(told.commands.last == "QUIT")
        told.receive(Array("+OK\r\n".utf8))
        #expect(told.events.suffix(4) == ["noop basic", "noop basic", "quit basic", "succeeded"])
    }

    @Test func `what a server says to an idle client was not asked for`() {
        let told = begin(work { $0.idleNs = 10_000_000 })
        told.receive(Array("+OK hello\r\n".utf8))
        #expect(told.events.last == "failed protocol")
    }

    @Test(arguments: [
        ("read_rate: 6000", "slow reader"), ("pipeline: 16", "pipelining"), ("idle: 100ms, noop_every: 30ms", "idle"),
        ("abandon: retrieval, close: reset", "abandon"), ("uidl: on, retrieve: new", "new"),
        ("top: {messages: 1}, choose: 50%", "choose"),
    ])
    func `over real sockets every kind of work ends well`(keys: String, name: String) throws {
        let server = try StubServer(.answers)
        defer { server.stop() }
        let retrieve = keys.contains("new") || keys.contains("choose") ? "" : ", retrieve: all"
        let profile = try ProfileLoader.load(
            text: """
                name: test
                rate: 100
                phases: [{name: steady, duration: 300ms}]
                clients: [{persona: basic}]
                mailbox_work: [{name: work, \(keys)\(retrieve)}]
                population: {users: 2000, messages: 1, bytes: 256}
                """, file: "test.yaml")
        let users = UserTable.embedded(users: profile.population.users)
        let run = try LoadRun(LoadConfiguration(profile: profile, users: users, pop3: server.address, pop3s: nil))
        try run.start()
        while !run.isFinished { run.poll() }
        run.wait()
        let totals = run.collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.planned > 0)
        #expect(totals.allPhases.succeeded == totals.allPhases.planned, "\(name): \(totals.allPhases.errors)")
    }
}
