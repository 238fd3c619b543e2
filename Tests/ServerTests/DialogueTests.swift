// Golden dialogues of one connection in process: what RFC 1939 and RFC 2449 prescribe, at every split of the input.

import Foundation
import Maildrop
import PoplarCore
import Testing

@testable import Server

private let greeting = "+OK Poplar POP3 server ready\r\n"
private let ready = "+OK Password required\r\n"
private let loggedOn = "+OK User successfully logged on\r\n"
private let refused = "-ERR [AUTH] Logon failure: unknown user name or bad password\r\n"
private let goodbye = "+OK Poplar POP3 server signing off\r\n"
private let unknown = "-ERR Unknown command\r\n"

@Suite("A session follows RFC 1939 line by line")
struct DialogueTests {
    @Test("the whole of a session in the clear")
    func session() throws {
        let bench = try Bench()
        let client = bench.connect()
        #expect(client.received == greeting)
        #expect(client.say("USER user00001") == ready)
        #expect(client.say("PASS secret") == loggedOn)
        #expect(client.say("STAT") == "+OK 3 900\r\n")
        #expect(client.say("LIST") == "+OK 3 messages (900 octets)\r\n1 300\r\n2 300\r\n3 300\r\n.\r\n")
        #expect(client.say("LIST 2") == "+OK 2 300\r\n")
        #expect(client.say("NOOP") == "+OK\r\n")
        #expect(client.say("DELE 2") == "+OK Message marked for deletion\r\n")
        #expect(client.say("DELE 2") == "-ERR Message is already marked for deletion\r\n")
        #expect(client.say("RETR 2") == "-ERR Message is already marked for deletion\r\n")
        #expect(client.say("STAT") == "+OK 2 600\r\n")
        #expect(client.say("LIST") == "+OK 2 messages (600 octets)\r\n1 300\r\n3 300\r\n.\r\n")
        #expect(client.say("RSET") == "+OK Maildrop as it was at logon\r\n")
        #expect(client.say("STAT") == "+OK 3 900\r\n")
        #expect(client.say("QUIT") == goodbye)
        #expect(client.isClosed)
    }

    @Test("a message comes with its octet count, dot-stuffed, and ends in a line with a dot alone")
    func retrieval() throws {
        let client = try Bench().connect()
        client.say(["USER user00001", "PASS secret"])
        let reply = client.say("RETR 1")
        #expect(reply.hasPrefix("+OK 300 octets\r\nSubject: 1\r\n"))
        #expect(reply.hasSuffix("\r\n.\r\n"))
        let body = reply.dropFirst("+OK 300 octets\r\n".count).dropLast(".\r\n".count)
        let lines = body.split(separator: "\r\n", omittingEmptySubsequences: false)
        let unstuffed = lines.map { $0.hasPrefix(".") ? $0.dropFirst() : $0 }.joined(separator: "\r\n")
        #expect(unstuffed.utf8.count == 300)
    }

    @Test("TOP gives the headers, the blank line and exactly the lines that were asked for")
    func top() throws {
        let client = try Bench(Setting(bytes: 1000)).connect()
        client.say(["USER user00001", "PASS secret"])
        let message = client.say("RETR 1").dropFirst("+OK 1000 octets\r\n".count)
        let blank = try #require(message.range(of: "\r\n\r\n"))
        let header = String(message[..<blank.upperBound])
        #expect(client.say("TOP 1 0") == "+OK\r\n" + header + ".\r\n")
        let firstLine = message[blank.upperBound...].split(separator: "\r\n")[0]
        #expect(client.say("TOP 1 1") == "+OK\r\n" + header + firstLine + "\r\n.\r\n")
        #expect(client.say("TOP 1 18446744073709551615") == "+OK\r\n" + message)
    }

    @Test("unique ids are different in a mailbox and between mailboxes, and the same in every session")
    func uniqueIDs() throws {
        let bench = try Bench()
        func ids(_ user: String) -> [Substring] {
            let client = bench.connect()
            client.say(["USER \(user)", "PASS secret"])
            return client.say("UIDL").split(separator: "\r\n").dropFirst().dropLast().map { $0.split(separator: " ")[1] }
        }
        let first = ids("user00001")
        #expect(first.count == 3)
        #expect(first.allSatisfy { $0.utf8.count <= 70 && $0.utf8.allSatisfy { $0 >= 0x21 && $0 <= 0x7E } })
        #expect(ids("user00001") == first)
        #expect(Set(first + ids("user00002")).count == 6)
    }

    @Test(
        "what is wrong is refused and leaves the session as it was",
        arguments: [
            ("STAT", "-ERR Log on first\r\n"), ("RETR 1", "-ERR Log on first\r\n"),
            ("PASS secret", "-ERR USER must come before PASS\r\n"),
            ("XYZZY", unknown), ("", unknown), ("US", unknown), ("USERS x", unknown),
            ("USER", "-ERR Arguments are missing or not valid for this command\r\n"),
        ])
    func refusedBeforeLogon(line: String, answer: String) throws {
        let client = try Bench().connect()
        #expect(client.say(line) == answer)
        #expect(client.say(["USER user00001", "PASS secret"]) == ready + loggedOn)
    }

    @Test(
        "numbers that name no message",
        arguments: [
            ("RETR 0", "-ERR No such message\r\n"), ("RETR 4", "-ERR No such message\r\n"),
            ("RETR 4294967297", "-ERR No such message\r\n"), ("DELE 99999999999999999999999999", "-ERR No such message\r\n"),
            ("LIST 4", "-ERR No such message\r\n"), ("UIDL 0", "-ERR No such message\r\n"),
            ("TOP 7 1", "-ERR No such message\r\n"),
            ("RETR", "-ERR Arguments are missing or not valid for this command\r\n"),
            ("RETR -1", "-ERR Arguments are missing or not valid for this command\r\n"),
            ("RETR 1 2", "-ERR Arguments are missing or not valid for this command\r\n"),
            ("TOP 1", "-ERR Arguments are missing or not valid for this command\r\n"),
            ("STAT 1", "-ERR Arguments are missing or not valid for this command\r\n"),
            ("USER user00002", "-ERR Already logged on\r\n"), ("AUTH PLAIN", "-ERR Already logged on\r\n"),
        ])
    func refusedAfterLogon(line: String, answer: String) throws {
        let client = try Bench().connect()
        client.say(["USER user00001", "PASS secret"])
        #expect(client.say(line) == answer)
        #expect(client.say("STAT") == "+OK 3 900\r\n")
    }

    @Test("a wrong password and an unknown user get the same answer, and the connection goes on")
    func wrongPassword() throws {
        let client = try Bench().connect()
        #expect(client.say(["USER user00001", "PASS wrong"]) == ready + refused)
        #expect(client.say(["USER nobody", "PASS secret"]) == ready + refused)
        #expect(client.say("PASS secret") == "-ERR USER must come before PASS\r\n")
        #expect(client.say(["user user00001", "pass secret"]) == ready + loggedOn)
    }

    @Test("a maildrop is locked for one session, and free again after it, however it ended")
    func lock() throws {
        let bench = try Bench()
        var first: Conversation? = bench.connect()
        first?.say(["USER user00001", "PASS secret"])
        let second = bench.connect()
        let inUse = "-ERR [IN-USE] The maildrop is locked by another session\r\n"
        #expect(second.say(["USER user00001", "PASS secret"]) == ready + inUse)
        #expect(second.say(["USER user00002", "PASS secret"]) == ready + loggedOn)
        first = nil
        #expect(bench.session("USER user00001", "PASS secret", "QUIT") == ready + loggedOn + goodbye)
        #expect(bench.session("USER user00001", "PASS secret") == ready + loggedOn)
    }

    @Test("deletions take effect at QUIT alone, and only where the population keeps them")
    func deletion() throws {
        let kept = try Bench(Setting(deleted: .gone))
        var dropped: Conversation? = kept.connect()
        dropped?.say(["USER user00001", "PASS secret", "DELE 1"])
        dropped = nil
        let before = kept.connect()
        #expect(before.say(["USER user00001", "PASS secret", "STAT"]).hasSuffix("+OK 3 900\r\n"))
        let second = before.say("UIDL 2").split(separator: " ")[2]
        before.say(["DELE 1", "DELE 3", "QUIT"])
        let after = kept.connect()
        after.say(["USER user00001", "PASS secret"])
        #expect(after.say("STAT") == "+OK 1 300\r\n")
        #expect(after.say("UIDL 1").split(separator: " ")[2] == second)
        #expect(after.say("RETR 2") == "-ERR No such message\r\n")

        let restored = try Bench()
        _ = restored.session("USER user00001", "PASS secret", "DELE 1", "QUIT")
        #expect(restored.session("USER user00001", "PASS secret", "STAT").hasSuffix("+OK 3 900\r\n"))
    }

    @Test("more messages than one word of marks: deletion, listing and numbering hold")
    func manyMessages() throws {
        let bench = try Bench(Setting(messages: 1000, bytes: 64, deleted: .gone))
        let client = bench.connect()
        client.say(["USER user00001", "PASS secret"])
        let list = client.say("LIST").split(separator: "\r\n")
        #expect(list.count == 1002)
        #expect(list[1000] == "1000 64")
        for number in stride(from: 1, through: 999, by: 2) { client.say("DELE \(number)") }
        #expect(client.say("STAT") == "+OK 500 32000\r\n")
        let uidl = client.say("UIDL").split(separator: "\r\n")
        #expect(uidl.count == 502)
        client.say("QUIT")
        let again = bench.connect()
        again.say(["USER user00001", "PASS secret"])
        #expect(again.say("UIDL 3").split(separator: " ")[2] == uidl[3].split(separator: " ")[1] + "\r\n")
    }
}

@Suite("Input is taken as it comes, however it is cut")
struct SegmentTests {
    static let script =
        "USER user00001\r\nPASS secret\r\nSTAT\r\nLIST\r\nRETR 1\r\nTOP 2 1\r\nXYZZY\r\nDELE 3\r\nRSET\r\nQUIT\r\n"

    @Test("pipelined commands are answered in order and in one write")
    func pipelined() throws {
        let bench = try Bench()
        let reference = bench.connect()
        for line in Self.script.split(separator: "\r\n") { reference.say(String(line)) }
        let client = bench.connect()
        client.send(Self.script)
        #expect(client.writes == 1)
        #expect(client.received == reference.received)
    }

    @Test("cut in two at every octet: the same octets out")
    func everySplit() throws {
        let bench = try Bench()
        let whole = bench.connect()
        whole.send(Self.script)
        let octets = Array(Self.script.utf8)
        for cut in 1..<octets.count {
            let client = bench.connect()
            client.send(Array(octets[..<cut]))
            client.send(Array(octets[cut...]))
            #expect(client.received == whole.received)
        }
    }

    @Test("one octet at a time: the same octets out")
    func octetByOctet() throws {
        let bench = try Bench()
        let whole = bench.connect()
        whole.send(Self.script)
        let client = bench.connect()
        for octet in Self.script.utf8 { client.send([octet]) }
        #expect(client.received == whole.received)
    }

    @Test("a thousand pipelined retrievals are all answered, in order")
    func manyPipelined() throws {
        let client = try Bench().connect()
        client.say(["USER user00001", "PASS secret"])
        let one = client.say("RETR 2")
        let all = client.send(String(repeating: "RETR 2\r\n", count: 1000))
        #expect(all == String(repeating: one, count: 1000))
    }

    @Test(
        "a line of the limit is taken, one octet more is refused once, and the next line is understood",
        arguments: [510, 511, 600, 5000, 70_000])
    func longLine(length: Int) throws {
        let client = try Bench().connect()
        client.say(["USER user00001", "PASS secret"])
        let line = "NOOP " + String(repeating: " ", count: length - 5)
        let answer = client.say(line)
        #expect(answer == (length <= 510 ? "+OK\r\n" : "-ERR Command line too long\r\n"))
        #expect(client.say("NOOP") == "+OK\r\n")
    }

    @Test("bad commands are counted, and the last one allowed closes the connection")
    func badCommands() throws {
        let client = try Bench().connect()
        #expect(client.say(["X", "Y"]) == unknown + unknown)
        #expect(client.say("Z") == "-ERR Too many bad commands\r\n")
        #expect(client.isClosed)
        let logged = try Bench().connect()
        logged.say(["USER user00001", "PASS secret"])
        for _ in 0..<19 { logged.say("X") }
        #expect(!logged.isClosed)
        logged.say("X")
        #expect(logged.isClosed)
    }

    @Test("nothing borrowed stays borrowed after a session")
    func noLeaks() throws {
        let bench = try Bench()
        for script in [
            Self.script, "USER user00001\r\nPASS", "AUTH NTLM\r\n", "AUTH LOGIN\r\ndXNlcg==\r\n", "AUTH PLAIN\r\n*\r\n",
        ] {
            let client = bench.connect()
            client.send(script)
        }
        let borrowed = [
            bench.resources.inputPool.borrowed, bench.resources.outputPool.borrowed, bench.resources.exchangePool.borrowed,
            bench.resources.markPool.borrowed, bench.resources.namePool.borrowed, bench.resources.shortNamePool.borrowed,
        ]
        #expect(borrowed == [0, 0, 0, 0, 0, 0])
    }
}
