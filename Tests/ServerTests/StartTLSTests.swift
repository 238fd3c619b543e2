// STLS (RFC 2595, section 4): nothing that was said in the clear, before it or behind it, has any effect under TLS.

import Administration
import POP3
import TLS
import Testing

@testable import Server

private let begin = "+OK Begin TLS negotiation\r\n"
private let pipelined = "-ERR Nothing may follow STLS before the TLS negotiation\r\n"
private let greeting = "+OK Poplar POP3 server ready\r\n"

@Suite("STLS begins a new session")
struct StartTLSTests {
    /// What somebody on the way may put behind STLS. Each line would be answered if it were taken.
    private static let injected = [
        "N", "\n", "\r\n", "NOOP\r\n", "CAPA\r\n", "USER user00001\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n",
    ]

    @Test(
        "CVE-2021-38084, CVE-2011-0411, CVE-2011-1926, CVE-2014-3556, CVE-2021-33515: what comes behind STLS is never answered",
        arguments: injected)
    func behind(text: String) throws {
        let bench = try Bench(tls: try TestTLS.context())
        for command in ["STLS\r\n", "stls \r\n", "CAPA\r\nSTLS\r\n"] {
            let octets = Array((command + text).utf8)
            for cut in 0..<octets.count {
                let client = bench.connect()
                let before = client.send(Array(octets[..<cut]))
                let after = client.send(Array(octets[cut...]))
                let answer = before + after
                if cut == command.utf8.count {
                    // Its answer is out, so what comes is the beginning of TLS or nothing.
                    #expect(before.hasSuffix(begin))
                    #expect(!after.contains("OK") && !after.contains("ERR"), "cut at \(cut)")
                    if text.utf8.count >= 5 { #expect(client.isClosed, "cut at \(cut)") }
                } else {
                    #expect(answer.hasSuffix(pipelined) && !answer.contains(begin), "cut at \(cut)")
                    #expect(client.isClosed && client.connection.ending == .stlsBuffered)
                }
                #expect(client.connection.maildrop == nil && client.connection.session.state == .authorization)
            }
        }
        #expect(bench.resources.counters.tlsPipelined > 0)
        #expect(bench.borrowed == Bench.nothing)
    }

    @Test("a client's TLS greeting in the same segment as STLS is refused like everything else")
    func eagerHandshake() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = bench.connect()
        #expect(client.send(Array("STLS\r\n".utf8) + [22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]) == pipelined)
        #expect(client.isClosed)
    }

    @Test("the session under TLS is new: USER and UTF8 are forgotten, and there is no second greeting")
    func forgotten() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = try SecureConversation(bench)
        #expect(client.clear.received == greeting)
        client.clear.say("USER user00001")
        client.clear.say("XYZZY")
        #expect(client.clear.say("STLS") == begin)
        #expect(client.clear.connection.user == nil && client.clear.connection.session.state == .authorization)
        #expect(client.clear.connection.session.badCommands == 0)
        try #require(client.handshake())
        #expect(client.read().isEmpty)
        #expect(client.say("PASS secret") == "-ERR USER must come before PASS\r\n")
        #expect(client.say(["USER user00001", "PASS secret", "STAT"]).hasSuffix(LogonText.loggedOn + "+OK 3 900\r\n"))
        #expect(client.say("QUIT") == "+OK Poplar POP3 server signing off\r\n")
        #expect(client.isClosed)
    }

    @Test("UTF8 shuts STLS out (RFC 6856, section 2.1), and may be said under TLS")
    func utf8() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let clear = bench.connect()
        #expect(clear.say(["UTF8", "STLS"]) == "+OK UTF-8 enabled\r\n-ERR STLS must come before UTF8\r\n")
        #expect(clear.say("CAPA").hasPrefix("+OK Capability"))
        let client = try SecureConversation(bench)
        client.clear.say("STLS")
        try #require(client.handshake())
        #expect(client.say("UTF8") == "+OK UTF-8 enabled\r\n")
    }

    @Test("a second STLS is refused and not offered, and the session goes on")
    func twice() throws {
        let client = try SecureConversation(try Bench(tls: try TestTLS.context()))
        client.clear.say("STLS")
        try #require(client.handshake())
        #expect(client.say("STLS") == "-ERR TLS is active already\r\n")
        #expect(!client.say("CAPA").contains("STLS"))
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(LogonText.loggedOn))
        #expect(client.say("STLS") == "-ERR Command not valid in this state\r\n")
    }

    @Test("after a logon STLS is refused, in the clear too")
    func afterLogon() throws {
        let client = try Bench(tls: try TestTLS.context()).connect()
        client.say(["USER user00001", "PASS secret"])
        #expect(client.say(["STLS", "STAT"]) == "-ERR Command not valid in this state\r\n+OK 3 900\r\n")
    }

    @Test("without a certificate STLS is refused and not offered")
    func withoutCertificate() throws {
        let client = try Bench().connect()
        #expect(!client.say("CAPA").contains("STLS"))
        #expect(client.say("STLS") == "-ERR TLS is not available on this port\r\n")
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(LogonText.loggedOn))
    }

    @Test("failed logons from before STLS still count")
    func failures() throws {
        var setting = Setting()
        setting.limits.logonFailures = 2
        let client = try SecureConversation(try Bench(setting, tls: try TestTLS.context()))
        client.clear.say(["USER user00001", "PASS wrong", "STLS"])
        try #require(client.handshake())
        #expect(client.say(["USER user00001", "PASS wrong"]).hasSuffix(LogonText.refused))
        #expect(client.isClosed)
    }

    @Test("under TLS the encrypted channel's switches hold, and before it the clear one's")
    func switches() throws {
        var setting = Setting()
        setting.methods = .basicSSL
        let client = try SecureConversation(try Bench(setting, tls: try TestTLS.context()))
        #expect(client.clear.say("USER user00001") == "-ERR Clear text logon is disabled on this port\r\n")
        #expect(client.clear.say("AUTH") == "-ERR No authentication mechanism is enabled on this port\r\n")
        client.clear.say("STLS")
        try #require(client.handshake())
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(LogonText.loggedOn))
    }

    @Test("TLS that fails after STLS ends the connection; nothing goes on in the clear")
    func failedHandshake() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = bench.connect()
        client.say("STLS")
        let answer = client.send("USER user00001\r\n")
        #expect(client.isClosed && !answer.contains("OK") && !answer.contains("ERR"))
    }
}
