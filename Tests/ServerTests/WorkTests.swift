// The bound on what one connection gets done in one turn: it changes when octets come, never which.

import POP3
import Testing

@testable import Server

@Suite("Work of one connection in one turn")
struct WorkTests {
    private func bench(
        _ work: Int, messages: Int = 1000, _ change: (inout Setting) -> Void = { _ in }
    ) throws -> Bench {
        var setting = Setting()
        setting.messages = messages
        setting.bytes = 64
        setting.limits.workPerTurn = work
        change(&setting)
        return try Bench(setting)
    }

    private let logOn = "USER user00001\r\nPASS secret\r\n"

    @Test(
        "one unit a turn and a million give the same octets",
        arguments: [
            "LIST\r\nUIDL\r\nSTAT\r\n", "TOP 1 1\r\nTOP 2 0\r\nRETR 3\r\nNOOP\r\n",
            "DELE 1\r\nDELE 65\r\nLIST\r\nRSET\r\nLIST 65\r\n", "CAPA\r\nXYZZY\r\nLANG\r\nLIST 0\r\n",
        ])
    func sameOctets(commands: String) throws {
        let text = logOn + commands + "QUIT\r\n"
        let whole = try bench(1_000_000).connect().send(text)
        let client = try bench(1).connect()
        #expect(client.send(text) == whole)
        #expect(client.isClosed && client.turns >= commands.split(separator: "\r\n").count)
    }

    @Test("cut at every octet, the bound changes nothing")
    func everyCut() throws {
        let text = Array((logOn + "DELE 2\r\nLIST\r\nUIDL\r\nTOP 1 1\r\nQUIT\r\n").utf8)
        let whole = try bench(1_000_000, messages: 5).connect().exchange(text)
        for cut in 1..<text.count {
            let client = try bench(1, messages: 5).connect()
            #expect(
                client.exchange(Array(text[..<cut])) + client.exchange(Array(text[cut...])) == whole, "cut at \(cut)")
        }
    }

    @Test(
        "a listing of messages that are all marked is spread over turns though it writes nothing, and so are its commands"
    )
    func marked() throws {
        let client = try bench(64, messages: 60_000).connect()
        client.say(["USER user00001", "PASS secret"])
        for start in stride(from: 1, through: 60_000, by: 1000) {
            client.send((start..<start + 1000).map { "DELE \($0)\r\n" }.joined())
        }
        let answer = client.send(String(repeating: "LIST\r\n", count: 1000))
        #expect(answer == String(repeating: "+OK 0 messages (0 octets)\r\n.\r\n", count: 1000))
        // A row's worth for the command and one for the search, which goes through 938 words of marks: 14 units.
        #expect(client.turns >= 1000 * (1 + 1 + 14) / 64)
    }

    @Test("logons cost more than commands")
    func logons() throws {
        let refused = "AUTH PLAIN AHVzZXIwMDAwMQB3cm9uZw==\r\n"
        let client = try bench(64) { $0.limits.logonFailures = 60_000 }.connect()
        client.send(String(repeating: refused, count: 100))
        #expect(client.turns >= 100)
    }

    @Test("what a turn leaves over is owed to a client that has half-closed")
    func halfClose() throws {
        let client = try bench(1).connect()
        client.hasEnded = true
        let answer = client.send(logOn + "STAT\r\nLIST\r\nNOOP\r\nNO")
        #expect(answer.hasSuffix(".\r\n+OK\r\n") && client.isClosed)
    }
}
