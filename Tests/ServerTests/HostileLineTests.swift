// What no honest client sends, in each state of the session: NUL, CR and LF in the wrong place, lines without an end, HTTP.

import Maildrop
import POP3
import PoplarCore
import TLS
import Testing

@testable import Server

private enum State: CaseIterable, Sendable {
    case authorization, userGiven, exchange, transaction

    var setUp: [String] {
        switch self {
        case .authorization: []
        case .userGiven: ["USER user00002"]
        case .exchange: ["AUTH PLAIN"]
        case .transaction: ["USER user00001", "PASS secret"]
        }
    }
}

@Suite("Lines that no honest client sends")
struct HostileLineTests {
    private let bench: Bench

    init() throws { bench = try Bench(tls: try TestTLS.context()) }

    private func connect(_ state: State) -> Conversation {
        let client = bench.connect()
        client.say(state.setUp)
        return client
    }

    /// Whether the session goes on where it was, or before the logon.
    private func isUsable(_ client: Conversation, _ state: State) -> Bool {
        if state == .transaction { return client.say("STAT") == "+OK 3 900\r\n" }
        return client.say(["USER user00003", "PASS secret"]) == "+OK Password required\r\n" + LogonText.loggedOn
    }

    @Test("a NUL anywhere in a line is answered once and ends the connection", arguments: State.allCases)
    fileprivate func nul(state: State) throws {
        for line in ["NOOP", "USER user00001", "AHVzZXIwMDAwMQBzZWNyZXQ="] {
            for place in 0...line.utf8.count {
                let client = connect(state)
                var octets = Array((line + "\r\nNOOP\r\nQUIT\r\n").utf8)
                octets.insert(0, at: place)
                #expect(client.send(octets) == "-ERR A line must not hold a NUL\r\n")
                #expect(client.isClosed && client.connection.ending == .protocolError)
            }
        }
    }

    @Test("a CR inside a line spoils that line alone, and ends an exchange", arguments: State.allCases)
    fileprivate func bareReturn(state: State) throws {
        for line in ["\rNOOP", "NO\rOP", "NOOP\r", "\r", "*\r", "NOOP\r\r"] {
            let client = connect(state)
            let answer = client.say(line)
            #expect(
                answer == (state == .exchange ? LogonText.malformed : "-ERR A line must not hold a CR but at its end\r\n"),
                "\(line)")
            #expect(client.connection.sasl == nil && client.connection.exchange == nil)
            #expect(isUsable(client, state))
        }
    }

    @Test("LF alone ends a line that is refused; the next is a line of its own", arguments: State.allCases)
    fileprivate func bareLineFeed(state: State) throws {
        for line in ["NOOP\n", "\n", "*\n", "AHVzZXIwMDAwMQBzZWNyZXQ=\n"] {
            let client = connect(state)
            let answer = client.send(line)
            #expect(
                answer
                    == (state == .exchange ? LogonText.malformed : "-ERR A line must end in CR LF, not in LF alone\r\n"),
                "\(line)")
            #expect(client.connection.exchange == nil && client.connection.sasl == nil)
            #expect(isUsable(client, state))
        }
    }

    @Test("mail smuggled behind LF . LF or CR . CR is no end of anything")
    func smuggling() throws {
        let client = connect(.transaction)
        let answer = client.send("NOOP\r\n.\nDELE 1\r\n\r.\rDELE 2\r\nSTAT\r\n")
        #expect(answer.hasPrefix("+OK\r\n-ERR A line must end in CR LF, not in LF alone\r\n+OK Message marked"))
        #expect(answer.hasSuffix("-ERR A line must not hold a CR but at its end\r\n+OK 2 600\r\n"))
    }

    @Test("16 MiB without a line end: one answer, one chunk, and the next line is understood", arguments: State.allCases)
    fileprivate func endless(state: State) throws {
        let client = connect(state)
        let block = [UInt8](repeating: 65, count: 65_536)
        let allocated = bench.resources.inputPool.allocated
        var answer = ""
        for _ in 0..<256 { answer += client.send(block) }
        #expect(answer == (state == .exchange ? LogonText.malformed : "-ERR Command line too long\r\n"))
        #expect(bench.resources.inputPool.allocated == max(allocated, 1) && bench.resources.inputPool.borrowed <= 1)
        #expect(client.send("\r\n").isEmpty)
        #expect(isUsable(client, state))
    }

    @Test("a line without an end under TLS: one answer, and the memory of one connection")
    func endlessEncrypted() throws {
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        let block = String(repeating: "A", count: 16_384)
        var answer = ""
        for _ in 0..<64 { answer += client.send(block) }
        #expect(answer == "-ERR Command line too long\r\n")
        #expect(bench.resources.inputPool.allocated <= 1 && bench.resources.cipherPool.allocated <= 2)
        #expect(client.say(["", "USER user00001", "PASS secret"]).hasSuffix(LogonText.loggedOn))
    }

    @Test(
        "a browser's request ends the connection before a logon, at the first line",
        arguments: ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "get"])
    func http(verb: String) throws {
        for state in [State.authorization, .userGiven] {
            let client = connect(state)
            let answer = client.send("\(verb) / HTTP/1.1\r\nHost: localhost\r\n\r\nUSER user00001\r\nPASS secret\r\nDELE 1\r\n")
            #expect(answer == "-ERR Unknown command\r\n")
            #expect(client.isClosed && client.connection.maildrop == nil)
        }
        let logged = connect(.transaction)
        #expect(logged.say(["\(verb) / HTTP/1.1", "NOOP"]) == "-ERR Unknown command\r\n+OK\r\n")
        let alone = connect(.authorization)
        #expect(alone.say([verb, "NOOP"]) == "-ERR Unknown command\r\n-ERR Log on first\r\n")
    }

    @Test("an end at every octet of a session, in the clear, gives everything back and removes nothing")
    func everyEnd() throws {
        var setting = Setting()
        setting.deleted = .gone
        let bench = try Bench(setting)
        let script =
            "CAPA\r\nAUTH LOGIN\r\ndXNlcjAwMDAx\r\nU2VjcmV0\r\nAUTH NTLM TlRMTVNTUAABAAAABoIIAA==\r\n*\r\nUSER user00001\r\n"
            + "PASS secret\r\nLIST\r\nRETR 1\r\nDELE 1\r\nTOP 2 1\r\nSTAT\r\n"
        let octets = Array(script.utf8)
        for end in 0...octets.count {
            do {
                let client = bench.connect()
                client.send(Array(octets[..<end]))
            }
            if bench.borrowed != Bench.nothing { Issue.record("an end at \(end) leaves \(bench.borrowed)") }
        }
        #expect(bench.session("USER user00001", "PASS secret", "STAT").hasSuffix("+OK 3 900\r\n"))
    }
}
