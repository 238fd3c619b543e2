// The server's limits by their names in `Limits`, each one below, at, and one above its bound.

import POP3
import Reactor
import Testing

@testable import Server

private let unknown = "-ERR Unknown command\r\n"
private let tooMany = "-ERR Too many bad commands\r\n"
private let tooLong = "-ERR Command line too long\r\n"

@Suite("Each limit at n - 1, n and n + 1")
struct LimitTests {
    private func bench(_ change: (inout Limits) -> Void) throws -> Bench {
        var setting = Setting()
        change(&setting.limits)
        return try Bench(setting)
    }

    private func logOn(_ client: Conversation) { client.say(["USER user00001", "PASS secret"]) }

    @Test("command-line-bytes counts the line with its line end", arguments: [255, 512, 513, 4096])
    func commandLine(limit: Int) throws {
        let bench = try bench { $0.commandLineBytes = limit }
        for whole in [limit - 1, limit, limit + 1] {
            let client = bench.connect()
            let line = "NOOP" + String(repeating: " ", count: whole - 6)
            #expect(client.say("QUIT" + String(repeating: "x", count: whole - 6)) == (whole <= limit ? unknown : tooLong))
            logOn(client)
            #expect(client.say(line) == (whole <= limit ? "+OK\r\n" : tooLong), "\(whole) of \(limit)")
            #expect(client.say("NOOP") == "+OK\r\n")
        }
    }

    @Test("sasl-line-bytes counts a line inside an exchange with its line end", arguments: [1024, 4098, 12_288])
    func saslLine(limit: Int) throws {
        let bench = try bench { $0.saslLineBytes = limit }
        for whole in [limit - 1, limit, limit + 1] {
            let client = bench.connect()
            client.say("AUTH PLAIN")
            // A message without its NULs, which base64 can spell: what is refused inside the limit is counted as a logon.
            let answer = client.say(String(repeating: "A", count: whole - 2))
            #expect(answer == LogonText.malformed)
            #expect(client.connection.logonFailures == (whole <= limit ? 1 : 0))
            #expect(client.connection.session.badCommands == (whole <= limit ? 0 : 1))
            logOn(client)
            #expect(client.connection.maildrop != nil)
        }
    }

    @Test("the longest PLAIN response that sasl-line-bytes lets through is taken")
    func longestResponse() throws {
        let client = try bench { $0.saslLineBytes = 1024 }.connect()
        client.say("AUTH PLAIN")
        let password = String(repeating: "p", count: 512)
        let response = base64("\0user00001\0" + password)
        #expect(response.utf8.count + 2 <= 1024)
        #expect(client.say(response) == LogonText.refused)
    }

    @Test("bad-commands-before-logon: the n-th is answered so and closes", arguments: [1, 2, 3, 50])
    func badBeforeLogon(limit: Int) throws {
        let bench = try bench { $0.badCommandsBeforeLogon = limit }
        let client = bench.connect()
        for _ in 0..<limit - 1 { #expect(client.say("X") == unknown) }
        #expect(!client.isClosed)
        #expect(client.send("X\r\nX\r\n") == tooMany)
        #expect(client.isClosed && client.connection.ending == .badCommands)
        if limit > 1 {
            let other = bench.connect()
            for _ in 0..<limit - 1 { other.say("X") }
            logOn(other)
            #expect(other.connection.maildrop != nil)
        }
    }

    @Test("bad-commands-after-logon counts those before it too", arguments: [1, 2, 20])
    func badAfterLogon(limit: Int) throws {
        let bench = try bench {
            $0.badCommandsBeforeLogon = 3
            $0.badCommandsAfterLogon = limit
        }
        for before in 0..<min(3, limit) {
            let client = bench.connect()
            for _ in 0..<before { client.say("X") }
            logOn(client)
            for _ in before..<limit - 1 { #expect(client.say("X") == unknown) }
            #expect(!client.isClosed && client.say("NOOP") == "+OK\r\n")
            #expect(client.send("X\r\nNOOP\r\n") == tooMany)
            #expect(client.isClosed)
        }
    }

    @Test("a line that was too long, one without its CR and a NUL are bad commands", arguments: 0..<3)
    func spoilt(kind: Int) throws {
        let line = ["NOOP " + String(repeating: "x", count: 600) + "\r\n", "NOOP\n", "NO\rOP\r\n"][kind]
        let bench = try bench { $0.badCommandsBeforeLogon = 3 }
        let client = bench.connect()
        client.send(line)
        client.send(line)
        #expect(!client.isClosed)
        #expect(client.send(line) == tooMany)
        #expect(client.isClosed)
    }

    @Test("logon-failures: the n-th is answered and closes, however it failed", arguments: [1, 2, 10])
    func logonFailures(limit: Int) throws {
        let bench = try bench { $0.logonFailures = limit }
        let failures: [([String], String)] = [
            (["USER user00001", "PASS x"], LogonText.refused), (["AUTH PLAIN ="], LogonText.malformed),
            (["AUTH NTLM", "*"], LogonText.cancelled), (["AUTH LOGIN", "!"], LogonText.malformed),
        ]
        let client = bench.connect()
        for number in 1...limit {
            #expect(!client.isClosed)
            let (lines, answer) = failures[number % failures.count]
            #expect(client.send(lines.map { $0 + "\r\n" }.joined() + "CAPA\r\n").contains(answer))
            #expect(client.isClosed == (number == limit))
        }
        #expect(client.connection.ending == .logonFailures)
        #expect(client.received.hasSuffix("\r\n") && !client.received.hasSuffix(".\r\n"))
        if limit > 1 {
            let other = bench.connect()
            for _ in 0..<limit - 1 { other.say(["USER user00001", "PASS x"]) }
            logOn(other)
            #expect(other.connection.maildrop != nil)
        }
    }

    @Test("a maildrop in use counts as a failed logon too: nobody waits for it on one connection for ever")
    func inUse() throws {
        let bench = try bench { $0.logonFailures = 2 }
        let first = bench.connect()
        logOn(first)
        let second = bench.connect()
        let inUse = "-ERR [IN-USE] The maildrop is locked by another session\r\n"
        #expect(second.say(["USER user00001", "PASS secret"]).hasSuffix(inUse) && !second.isClosed)
        #expect(second.say(["USER user00001", "PASS secret"]).hasSuffix(inUse) && second.isClosed)
    }

    @Test("login-delay-s runs from logon to logon, and is over after exactly that time", arguments: [1, 2, 86_400])
    func loginDelay(seconds: Int) throws {
        let bench = try bench { $0.loginDelayS = seconds }
        let start: UInt64 = 5_000_000_000
        let delay = UInt64(seconds) * 1_000_000_000
        let tooSoon = "-ERR [LOGIN-DELAY] Too soon after the last logon to this maildrop; wait\r\n"
        func answer(at nowNs: UInt64, _ user: String = "user00001") -> String {
            bench.resources.nowNs = nowNs
            let client = bench.connect()
            client.say("USER \(user)")
            let answer = client.say("PASS secret")
            #expect(client.say("CAPA").contains("\r\nLOGIN-DELAY \(seconds)\r\n"))
            client.say("QUIT")
            return answer
        }
        #expect(answer(at: start) == LogonText.loggedOn)
        #expect(answer(at: start) == tooSoon)
        #expect(answer(at: start, "user00002") == LogonText.loggedOn)
        #expect(answer(at: start + delay - 1_000_000) == tooSoon)
        #expect(answer(at: start + delay) == LogonText.loggedOn)
        #expect(answer(at: start + delay + 1_000_000) == tooSoon)
        #expect(answer(at: start + 2 * delay + 1_000_000) == LogonText.loggedOn)
    }

    @Test("connections-per-source: so many of one source, others beside it, and room again when one goes")
    func connectionsPerSource() throws {
        let table = SourceTable(key0: 1, key1: 2)
        let one = SourceTable.Place(first: 7, second: 9)
        let other = SourceTable.Place(first: 8, second: 10)
        for cap in [1, 2, 10] {
            for _ in 0..<cap { #expect(table.admit(one, cap: cap)) }
            #expect(!table.admit(one, cap: cap))
            #expect(!table.admit(one, cap: cap))
            #expect(table.admit(other, cap: cap))
            table.giveBack(one)
            #expect(table.admit(one, cap: cap))
            #expect(!table.admit(one, cap: cap))
            for _ in 0..<cap { table.giveBack(one) }
            table.giveBack(other)
        }
        // Who shares one counter with a full source is not taken for it.
        for _ in 0..<5 { #expect(table.admit(one, cap: 5)) }
        let neighbour = SourceTable.Place(first: one.first, second: 11)
        for _ in 0..<5 { #expect(table.admit(neighbour, cap: 5)) }
        #expect(!table.admit(neighbour, cap: 5))
    }

    @Test("every limit refuses a value one below its range and one above, and takes both ends")
    func ranges() {
        for field in Limits.fields {
            for (value, isTaken) in [
                (field.range.lowerBound - 1, false), (field.range.lowerBound, true), (field.range.upperBound, true),
                (field.range.upperBound + 1, false),
            ] {
                var limits = Limits()
                let isSet = (try? limits.set("\(field.name)=\(value)")) != nil
                #expect(isSet == isTaken, "\(field.name)=\(value)")
                if isTaken { #expect(limits[field] == value) }
            }
        }
    }
}

@Suite("Who makes room when all seats are taken")
struct PendingListTests {
    @Test("the oldest first, in the order of their coming, whoever left in between")
    func order() {
        var list = PendingList(capacity: 8)
        #expect(list.oldest == nil)
        for slot in [3, 1, 7, 0, 5] { list.append(slot) }
        #expect(list.oldest == 3)
        list.remove(7)
        list.remove(3)
        #expect(list.oldest == 1)
        list.append(3)
        list.remove(5)
        var order: [Int] = []
        while let oldest = list.oldest {
            order.append(oldest)
            list.remove(oldest)
        }
        #expect(order == [1, 0, 3])
        list.append(2)
        #expect(list.oldest == 2)
    }

    @Test("any order of coming and going gives what a plain array gives")
    func model() {
        var list = PendingList(capacity: 16)
        var model: [Int] = []
        var state: UInt32 = 1
        for _ in 0..<20_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let slot = Int(state >> 20) % 16
            if let index = model.firstIndex(of: slot) {
                list.remove(slot)
                model.remove(at: index)
            } else {
                list.append(slot)
                model.append(slot)
            }
            guard list.oldest == model.first else {
                Issue.record("\(String(describing: list.oldest)) is not \(String(describing: model.first))")
                return
            }
        }
        list.append(99)
        #expect(list.oldest == model.first)
    }
}
