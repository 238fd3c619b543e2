// However the client's octets are cut, the same octets come back. The scripts together use every command and every mechanism
// that can be said without an answer to a challenge; the exchanges that need one are cut in LogonSequenceTests' manner below.

import Administration
import POP3
import TLS
import Testing

@testable import Server

private let logOn = "USER user00001\r\nPASS secret\r\n"

struct Script: Sendable, CustomStringConvertible {
    let name: String
    let text: String
    var personality = Personality.modern
    var description: String { name }

    static let all: [Script] = [
        Script(name: "reading", text: logOn + "STAT\r\nLIST\r\nLIST 2\r\nUIDL\r\nUIDL 3\r\nRETR 1\r\nRETR 3\r\nQUIT\r\n"),
        Script(name: "TOP", text: logOn + "TOP 1 0\r\nTOP 2 1\r\nTOP 3 2\r\nTOP 1 99\r\nQUIT\r\n"),
        Script(
            name: "deleting", text: logOn + "DELE 1\r\nDELE 1\r\nLIST\r\nSTAT\r\nRETR 1\r\nRSET\r\nSTAT\r\nDELE 3\r\nQUIT\r\n"),
        Script(
            name: "capabilities",
            text: "CAPA\r\nAUTH\r\nLANG\r\nLANG en\r\nLANG x\r\nUTF8\r\nCAPA\r\n" + logOn + "CAPA\r\nNOOP\r\nQUIT\r\n"),
        Script(name: "PLAIN", text: "AUTH PLAIN\r\nAHVzZXIwMDAwMQBzZWNyZXQ=\r\nSTAT\r\nQUIT\r\n"),
        Script(name: "PLAIN at once", text: "auth plain AHVzZXIwMDAwMQBzZWNyZXQ=\r\nSTAT\r\nQUIT\r\n"),
        Script(
            name: "PLAIN refused",
            text: "AUTH PLAIN AHVzZXIwMDAwMQBTZWNyZXQ=\r\nAUTH PLAIN =\r\nAUTH PLAIN\r\n!\r\nAUTH PLAIN\r\n*\r\n" + logOn
                + "QUIT\r\n"),
        Script(name: "LOGIN", text: "AUTH LOGIN\r\ndXNlcjAwMDAx\r\nc2VjcmV0\r\nNOOP\r\nQUIT\r\n"),
        Script(
            name: "LOGIN broken off",
            text: "AUTH LOGIN dXNlcjAwMDAx\r\n*\r\nAUTH LOGIN\r\n\r\nAUTH LOGIN dXNlcjAwMDAx\r\nU2VjcmV0\r\n" + logOn + "QUIT\r\n"
        ),
        // CRAM-MD5's challenge never comes twice, so that the exchange is left by way of its initial response.
        Script(
            name: "CRAM-MD5 and SCRAM-SHA-256 refused",
            text: "AUTH CRAM-MD5 dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\nAUTH SCRAM-SHA-256\r\nbiwsbj0=\r\n"
                + "AUTH SCRAM-SHA-256 eSwsbj11c2VyMDAwMDE=\r\nAUTH SCRAM-SHA-256\r\n*\r\n" + logOn + "QUIT\r\n"),
        Script(
            name: "NTLM refused",
            text: "AUTH NTLM\r\nTlRMTVNTUAAC\r\nAUTH NTLM\r\n*\r\nAUTH NTLM TlRMTVNTUAADAAAA\r\nAUTH NTLM\r\n\r\n" + logOn
                + "QUIT\r\n"),
        Script(name: "APOP", text: "APOP user00001 x\r\nAPOP\r\nAPOP a b c\r\n" + logOn + "APOP a b\r\nQUIT\r\n"),
        Script(
            name: "mistakes",
            text: "STAT\r\nPASS secret\r\n" + logOn + "\r\nXYZZY\r\nRETR\r\nTOP 1\r\nLIST 9\r\nUSER x\r\nQUIT\r\n"),
        Script(name: "too many mistakes", text: "X\r\nY\r\nNOOP\r\nNOOP\r\n"),
        Script(
            name: "spoilt lines",
            text: logOn + "NOOP\nNOOP\r\nNO\rOP\r\nNOOP\r\n\nNOOP " + String(repeating: "x", count: 600) + "\r\nNOOP\r\nQUIT\r\n"),
        Script(name: "a NUL", text: logOn + "NOOP\r\nNO\0OP\r\nNOOP\r\n"),
        Script(name: "a browser", text: "GET / HTTP/1.1\r\nHost: x\r\n\r\nQUIT\r\n"),
        Script(
            name: "Exchange 5.5",
            text: "CAPA\r\nAUTH\r\nAUTH NTLM\r\n*\r\nAUTH PLAIN\r\n" + logOn
                + "LIST\r\nDELE 2\r\nRETR 2\r\nRSET\r\nTOP 2 1\r\nQUIT\r\n",
            personality: .exchange55),
    ]
}

@Suite("Every cut of every script gives the same octets")
struct EveryCutTests {
    private func bench(_ script: Script) throws -> Bench {
        var setting = Setting()
        setting.methods = MethodSwitches.all.union([.cramMD5, .scramSHA256])
        setting.limits.badCommandsBeforeLogon = script.name == "too many mistakes" ? 3 : 10
        setting.behaviour.personality = script.personality
        return try Bench(setting, tls: try TestTLS.context())
    }

    @Test("line by line, as one segment, cut in two at every octet, octet by octet", arguments: Script.all)
    func cuts(script: Script) throws {
        let bench = try bench(script)
        let octets = Array(script.text.utf8)
        let whole = play([octets], bench)
        func compare(_ segments: [[UInt8]], _ how: String) {
            let received = play(segments, bench)
            if received != whole { Issue.record("\(how): \(received.debugDescription)") }
        }
        for cut in 1..<octets.count { compare([Array(octets[..<cut]), Array(octets[cut...])], "cut at \(cut)") }
        compare(octets.map { [$0] }, "octet by octet")
        let lines = octets.split(separator: 10, omittingEmptySubsequences: false).dropLast().map { Array($0) + [10] }
        compare(lines, "line by line")
        for size in [2, 3, 7] {
            compare(
                stride(from: 0, to: lines.count, by: size).map { Array(lines[$0..<min($0 + size, lines.count)].joined()) },
                "\(size) lines in a segment")
        }
    }

    /// What a connection answers, from its greeting to its end.
    private func play(_ segments: [[UInt8]], _ bench: Bench) -> String {
        let client = bench.connect()
        for segment in segments { client.send(segment) }
        if !client.isClosed { Issue.record("\(segments.count) segments leave the connection open") }
        return client.received
    }

    @Test("a socket that takes a few octets at a time gets the same octets", arguments: Script.all)
    func shortWrites(script: Script) throws {
        let bench = try bench(script)
        let octets = Array(script.text.utf8)
        let whole = play([octets], bench)
        for grain in [1, 2, 3, 7, 100, 4_000] {
            let client = bench.connect()
            client.sendOctets = grain
            client.send(octets)
            #expect(client.received == whole, "\(grain) octets at a time")
        }
    }

    @Test("under TLS, ciphertext in segments of any size gives the same octets", arguments: Script.all)
    func ciphertext(script: Script) throws {
        let bench = try bench(script)
        // What is offered is the same, but for STLS itself.
        let whole = play([Array(script.text.utf8)], bench).replacing("STLS\r\n", with: "")
        for size in Array(1...24) + [100, 1_000] {
            let client = try SecureConversation(bench, encrypted: true)
            client.segment = size
            try #require(client.handshake())
            let received = client.read() + client.send(script.text)
            #expect(received == whole, "segments of \(size)")
        }
    }

    @Test("listings of any length are the same however little the socket takes")
    func longListings() throws {
        var setting = Setting()
        setting.messages = 2_000
        setting.bytes = 64
        let bench = try Bench(setting)
        let script = Array((logOn + "LIST\r\nUIDL\r\nLIST\r\nQUIT\r\n").utf8)
        let whole = play([script], bench)
        #expect(whole.split(separator: "\r\n").count == 3 + 3 * 2_002 + 1)
        for grain in [1, 97, 1_000, 14_000] {
            let client = bench.connect()
            client.sendOctets = grain
            client.send(script)
            #expect(client.received == whole, "\(grain) octets at a time")
        }
    }

    @Test("the scripts use every command")
    func complete() {
        let lines = Script.all.map(\.text).joined().uppercased().split(separator: "\r\n")
        for word in [
            "USER", "PASS", "APOP", "AUTH", "CAPA", "UTF8", "LANG", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET", "NOOP",
            "QUIT",
        ] { #expect(lines.contains { $0.hasPrefix(word) }, "\(word)") }
    }

    /// Sends octets one at a time wherever the logon's code sends a line.
    @Test("the exchanges that answer a challenge, octet by octet", arguments: Way.allCases, Conduct.allCases)
    func exchanges(way: Way, conduct: Conduct) throws {
        var setting = Setting()
        setting.methods = MethodSwitches.all.union(.beyondThePage)
        let conversation = try Bench(setting).connect()
        conversation.isSlow = true
        #expect(LogonClient().attempt(way, conduct, on: conversation) == LogonText.expected(way, conduct))
    }

    @Test("what is answered does not depend on how much waits to be sent: logons behind any number of pipelined commands")
    func behindMany() throws {
        var setting = Setting()
        setting.methods = MethodSwitches.all.union([.cramMD5, .scramSHA256])
        let bench = try Bench(setting)
        let exchanges = [
            "AUTH LOGIN\r\n*\r\n", "AUTH NTLM TlRMTVNTUAABAAAABoIIAA==\r\n*\r\n", "AUTH CRAM-MD5\r\n*\r\n",
            "AUTH SCRAM-SHA-256 biwsbj11c2VyMDAwMDEscj1hYmM=\r\n*\r\n",
        ]
        for exchange in exchanges {
            for commands in 1...60 {
                let client = bench.connect()
                client.send(String(repeating: "CAPA\r\nLANG en\r\n", count: commands) + exchange)
                let lines = client.received.split(separator: "\r\n")
                #expect(lines.last == "-ERR The AUTH protocol exchange was canceled by the client", "\(commands), \(exchange)")
            }
        }
    }
}
