// Time: refusals that are held back, and the deadline of each phase, on a clock that the tests move by hand.

import Administration
import POP3
import TLS
import Testing

@testable import Server

private let millisecond: UInt64 = 1_000_000
private let start: UInt64 = 1_000 * millisecond

private func makeBench(tls: TLSContext? = nil, _ change: (inout Limits) -> Void) throws -> Bench {
    var setting = Setting()
    change(&setting.limits)
    let bench = try Bench(setting, tls: tls)
    bench.resources.nowNs = start
    return bench
}

@Suite("failure-delay-ms: a wrong password is answered later, and nothing overtakes the answer")
struct FailureDelayTests {
    private static let wrong = ["USER user00001", "PASS wrong"]

    @Test(
        "doubled with each failure up to failure-delay-maximum-ms",
        arguments: [(2_000, 15_000), (1, 4), (100, 100), (50, 10), (1, 120_000)])
    func doubling(delay: Int, maximum: Int) throws {
        let bench = try makeBench {
            $0.failureDelayMs = delay
            $0.failureDelayMaximumMs = maximum
            $0.logonFailures = 30
        }
        let client = bench.connect()
        var now = start
        for number in 0..<20 {
            #expect(client.say(Self.wrong) == "+OK Password required\r\n")
            let expected = UInt64(min(delay << min(number, 16), max(delay, maximum))) * millisecond
            #expect(client.connection.heldUntilNs == now + expected, "failure \(number)")
            #expect(client.wait(untilNs: now + expected - 1).isEmpty)
            now += expected
            #expect(client.wait(untilNs: now) == LogonText.refused)
            #expect(client.connection.held == nil)
        }
    }

    @Test("0 holds nothing back; another connection's failures count for nothing")
    func perConnection() throws {
        let none = try makeBench { $0.failureDelayMs = 0 }
        #expect(none.connect().say(Self.wrong).hasSuffix(LogonText.refused))
        let bench = try makeBench { $0.failureDelayMs = 10 }
        for _ in 0..<3 {
            let client = bench.connect()
            client.say(Self.wrong)
            #expect(client.connection.heldUntilNs == start + 10 * millisecond)
        }
    }

    @Test("what was pipelined behind the refused PASS waits, and is answered after it, in order")
    func pipelined() throws {
        let bench = try makeBench { $0.failureDelayMs = 10 }
        let client = bench.connect()
        let text = "USER user00001\r\nPASS wrong\r\nCAPA\r\nUSER user00001\r\nPASS secret\r\nSTAT\r\nQUIT\r\n"
        #expect(client.send(text) == "+OK Password required\r\n")
        #expect(client.send("NOOP\r\n").isEmpty)
        #expect(!client.connection.wantsInput && !client.connection.hasMore())
        #expect(client.wait(untilNs: start + 10 * millisecond - 1).isEmpty)
        let rest = client.wait(untilNs: start + 10 * millisecond)
        #expect(rest.hasPrefix(LogonText.refused + "+OK Capability list follows\r\n"))
        #expect(rest.hasSuffix(LogonText.loggedOn + "+OK 3 900\r\n+OK Poplar POP3 server signing off\r\n"))
        #expect(client.isClosed)
    }

    @Test("cut at every octet: the same octets before and after the delay")
    func everyCut() throws {
        let bench = try makeBench { $0.failureDelayMs = 10 }
        let octets = Array("USER user00001\r\nPASS wrong\r\nUSER user00001\r\nPASS secret\r\nQUIT\r\n".utf8)
        for cut in 0...octets.count {
            bench.resources.nowNs = start
            let client = bench.connect()
            client.send(Array(octets[..<cut]))
            let isEarly = client.connection.held == nil
            client.send(Array(octets[cut...]))
            client.wait(untilNs: start + 10 * millisecond)
            #expect(
                client.received.hasSuffix(
                    "ready\r\n+OK Password required\r\n" + LogonText.refused + "+OK Password required\r\n" + LogonText.loggedOn
                        + "+OK Poplar POP3 server signing off\r\n"), "cut at \(cut), early \(isEarly)")
        }
    }

    @Test("every method is held back alike", arguments: Way.allCases)
    func methods(way: Way) throws {
        var setting = Setting()
        setting.methods = .all.union(.beyondThePage)
        setting.limits.failureDelayMs = 10
        let bench = try Bench(setting)
        let client = bench.connect()
        let answer = LogonClient().attempt(way, .wrong, on: client)
        #expect(!answer.contains("-ERR") && client.connection.held == .logonFailure)
        #expect(client.wait(untilNs: client.connection.heldUntilNs) == LogonText.refused)
        #expect(LogonClient().attempt(way, .right, on: client) == LogonText.loggedOn)
    }

    @Test("the last failure is held back too, and then closes")
    func last() throws {
        let bench = try makeBench {
            $0.failureDelayMs = 10
            $0.logonFailures = 1
        }
        let client = bench.connect()
        client.send("USER user00001\r\nPASS wrong\r\nUSER user00001\r\nPASS secret\r\n")
        #expect(!client.isClosed)
        #expect(client.wait(untilNs: start + 10 * millisecond) == LogonText.refused)
        #expect(client.isClosed && client.connection.maildrop == nil)
    }

    @Test("under TLS what was pipelined waits encrypted, and is answered")
    func encrypted() throws {
        let bench = try makeBench(tls: try TestTLS.context()) { $0.failureDelayMs = 10 }
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        #expect(client.send("USER user00001\r\nPASS wrong\r\nUSER user00001\r\n") == "+OK Password required\r\n")
        #expect(client.send("PASS secret\r\n").isEmpty)
        #expect(client.wait(untilNs: start + 10 * millisecond - 1).isEmpty)
        #expect(
            client.wait(untilNs: start + 10 * millisecond)
                == LogonText.refused + "+OK Password required\r\n" + LogonText.loggedOn)
    }
}

@Suite("The deadline of each phase")
struct DeadlineTests {
    private func limits(_ bench: Bench) -> Limits { bench.resources.snapshot.limits }

    private func deadline(_ client: Conversation, isBlocked: Bool = false) -> (atNs: UInt64, phase: Phase) {
        client.connection.deadline(limits(client.bench), isBlocked: isBlocked)
    }

    @Test("logon-ms runs from accept to the logon, and no command puts it off")
    func logon() throws {
        let bench = try makeBench { $0.logonMs = 500 }
        let client = bench.connect()
        for step in 0..<10 as Range<UInt64> {
            bench.resources.nowNs = start + step * millisecond
            client.say("CAPA")
            #expect(deadline(client) == (start + 500 * millisecond, .logon))
        }
        client.say(["USER user00001", "PASS wrong", "AUTH NTLM"])
        #expect(deadline(client) == (start + 500 * millisecond, .logon))
    }

    @Test("idle-ms runs from the last command or the last octet taken")
    func idle() throws {
        let bench = try makeBench { $0.idleMs = 700 }
        let client = bench.connect()
        client.say(["USER user00001", "PASS secret"])
        #expect(deadline(client) == (start + 700 * millisecond, .idle))
        bench.resources.nowNs = start + 100 * millisecond
        client.say("NOOP")
        #expect(deadline(client) == (start + 800 * millisecond, .idle))
        bench.resources.nowNs = start + 200 * millisecond
        client.send("NOO")
        #expect(deadline(client) == (start + 800 * millisecond, .idle), "half a line is no command")
    }

    @Test("handshake-ms runs from accept, or after STLS from its answer; logon-ms goes on beside it")
    func handshake() throws {
        let bench = try makeBench(tls: try TestTLS.context()) {
            $0.handshakeMs = 300
            $0.logonMs = 500
        }
        let implicit = Conversation(bench, encrypted: true)
        #expect(deadline(implicit) == (start + 300 * millisecond, .handshake))
        let client = bench.connect()
        #expect(deadline(client) == (start + 500 * millisecond, .logon))
        bench.resources.nowNs = start + 100 * millisecond
        client.say("STLS")
        #expect(deadline(client) == (start + 400 * millisecond, .handshake))
        let late = bench.connect()
        bench.resources.nowNs = start + 350 * millisecond
        late.say("STLS")
        #expect(deadline(late) == (start + 600 * millisecond, .logon))
        bench.resources.nowNs = start
        let secure = try SecureConversation(bench, encrypted: true)
        #expect(secure.handshake())
        #expect(deadline(secure.clear) == (start + 500 * millisecond, .logon))
    }

    @Test("a held refusal has its own time, and a blocked socket comes before everything")
    func order() throws {
        let bench = try makeBench {
            $0.failureDelayMs = 10
            $0.stallMs = 40
        }
        let client = bench.connect()
        client.say(["USER user00001", "PASS wrong"])
        #expect(deadline(client) == (start + 10 * millisecond, .held))
        client.connection.openWindow(start + 5 * millisecond, waiting: 0)
        #expect(deadline(client, isBlocked: true) == (start + 45 * millisecond, .stall))
    }

    @Test(
        "reader-bytes-per-s over stall-ms: one octet too few ends it, the exact number renews it",
        arguments: [(512, 120_000, 61_440), (1, 1_000, 1), (1_000_000, 10, 10_000), (0, 120_000, 1)])
    func stall(rate: Int, stall: Int, wanted: Int) throws {
        let bench = try makeBench {
            $0.readerBytesPerS = rate
            $0.stallMs = stall
        }
        let client = bench.connect()
        let end = start + UInt64(stall) * millisecond
        // What the reader takes: `before` octets waited in its socket, `sent` came to them, `after` are left there.
        for (before, sent, after) in [(0, wanted, 0), (wanted, 0, 0), (7, wanted, 7), (wanted + 7, 0, 7), (3, wanted + 2, 5)] {
            for (missing, isRenewed) in [(1, false), (0, true), (-1, true)] {
                client.connection.openWindow(start, waiting: before)
                #expect(deadline(client, isBlocked: true) == (end, .stall))
                client.connection.countProgress(sent / 2)
                client.connection.countProgress(sent - sent / 2)
                guard after + missing >= 0 else { continue }
                let renewed = client.connection.renewWindow(limits(bench), end, waiting: after + missing)
                #expect(renewed == isRenewed, "\(before) + \(sent) - \(after + missing), of \(wanted)")
                guard isRenewed else { continue }
                #expect(deadline(client, isBlocked: true) == (end + UInt64(stall) * millisecond, .stall))
                let again = client.connection.renewWindow(limits(bench), end, waiting: after + missing)
                #expect(!again, "progress counts in one window alone")
            }
        }
    }
}
