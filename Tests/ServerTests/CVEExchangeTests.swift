// Weaknesses of other servers' AUTH exchanges and password checks, each with its input and what must hold here.

import Administration
import POP3
import PoplarCore
import SASL
import TLS
import Testing

@testable import Server

private let ready = "+OK Password required\r\n"

@Suite("Exchanges that broke other servers")
struct CVEExchangeTests {
    private func everyMethod(failures: Int = 10) -> Setting {
        var setting = Setting()
        setting.methods = .all.union(.beyondThePage)
        setting.limits.logonFailures = failures
        setting.limits.badCommandsBeforeLogon = failures
        return setting
    }

    @Test("CVE-2018-6789: base64 of any length and padding is decoded or refused, within its room (Exim)")
    func base64Lengths() throws {
        let bench = try Bench(everyMethod(failures: 60_000))
        let client = bench.connect()
        var lengths = Array(0...300)
        for middle in [1024, 2048, 4096, 8192, 9216 / 3 * 4, 12_286] { lengths += max(0, middle - 6)...min(12_300, middle + 6) }
        for length in lengths {
            for padding in ["", "=", "==", "===", "===="] {
                client.say("AUTH PLAIN")
                let answer = client.say(String(repeating: "Q", count: length) + padding)
                if answer != LogonText.malformed { Issue.record("\(length) letters and \(padding): \(answer)") }
            }
        }
        #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
    }

    @Test("CVE-2025-59028: base64 that is none fails one exchange of a thousand, and no other (Dovecot)")
    func oneOfMany() throws {
        var setting = Setting()
        setting.users = 1_000
        setting.messages = 1
        setting.bytes = 64
        let bench = try Bench(setting, connections: 1_000)
        let clients = (0..<1_000).map { _ in bench.connect() }
        for client in clients { #expect(client.say("AUTH PLAIN") == "+ \r\n") }
        #expect(clients[500].say("!!!!") == LogonText.malformed)
        var granted = 0
        for (number, client) in clients.enumerated() where number != 500 {
            let user = "user" + String(String(100_000 + number).dropFirst())
            if client.say(base64("\0\(user)\0secret")) == LogonText.loggedOn { granted += 1 }
        }
        #expect(granted == 999)
        #expect(clients[500].say(["USER user00500", "PASS secret"]) == ready + LogonText.loggedOn)
    }

    @Test(
        "CVE-2020-12674: an empty line, or padding alone, at any step of any mechanism is refused (Dovecot)",
        arguments: ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "NTLM"])
    func empty(mechanism: String) throws {
        let bench = try Bench(everyMethod(failures: 1000))
        let before: [[String]] = [
            ["AUTH \(mechanism)"],
            [
                "AUTH \(mechanism)",
                [
                    "LOGIN": base64("user00001"), "SCRAM-SHA-256": base64("n,,n=user00001,r=abc"),
                    "NTLM": "TlRMTVNTUAABAAAABoIIAA==",
                ][
                    mechanism] ?? "",
            ],
        ]
        for setUp in before where setUp.last != "" {
            for line in ["", "=", "==", "====", "AA==AAAA", "\t"] {
                let client = bench.connect()
                client.say(setUp)
                #expect(client.say(line) == LogonText.malformed, "\(setUp), \(line)")
                #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
            }
        }
        for initial in ["=", "====", "==="] {
            let client = bench.connect()
            #expect(client.say("AUTH \(mechanism) \(initial)") == LogonText.malformed)
            #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
        }
    }

    @Test("CVE-2017-15132: exchanges that are broken off, thousands of them, keep no memory (Dovecot)")
    func brokenOff() throws {
        let bench = try Bench(everyMethod(failures: 60_000))
        let client = bench.connect()
        let text = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "NTLM"].map { "AUTH \($0)\r\n*\r\n" }.joined()
        for _ in 0..<2_000 { client.send(text) }
        #expect(!client.isClosed && bench.borrowed == Bench.nothing)
        #expect(bench.resources.exchangePool.allocated == 1 && bench.resources.outputPool.allocated == 1)
        #expect(client.connection.logonFailures == 10_000)
    }

    @Test("CVE-2019-11494: a client that goes at any octet of an exchange takes nothing along (Dovecot)", arguments: Way.allCases)
    func goneWithin(way: Way) throws {
        let bench = try Bench(everyMethod())
        let texts = [
            "AUTH PLAIN\r\nAHVzZXIwMDAwMQBzZWNyZXQ=\r\n", "AUTH LOGIN\r\ndXNlcjAwMDAx\r\nc2VjcmV0\r\n",
            "AUTH CRAM-MD5\r\nAAAA\r\n",
            "AUTH SCRAM-SHA-256 biwsbj11c2VyMDAwMDEscj1hYmM=\r\nAAAA\r\n", "AUTH NTLM\r\nTlRMTVNTUAABAAAABoIIAA==\r\nAAAA\r\n",
        ]
        for text in texts {
            let octets = Array(text.utf8)
            for end in 0...octets.count {
                do {
                    let client = bench.connect()
                    client.send(Array(octets[..<end]))
                }
                if bench.borrowed != Bench.nothing { Issue.record("\(text), \(end): \(bench.borrowed)") }
            }
        }
        #expect(LogonClient().attempt(way, .right, on: bench.connect()) == LogonText.loggedOn)
    }

    @Test("CVE-2019-11499: a PLAIN response under TLS that is none is refused, and the session goes on (Dovecot)")
    func plainUnderTLS() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        for line in [
            "AUTH PLAIN !", "AUTH PLAIN " + base64("x"), "AUTH PLAIN " + base64("\0\0"), "AUTH PLAIN " + base64("\0\0\0\0"),
        ] {
            #expect(client.say(line) == LogonText.malformed)
        }
        #expect(client.say(["AUTH PLAIN", String(repeating: "/", count: 8_000)]) == "+ \r\n" + LogonText.malformed)
        #expect(client.say("AUTH PLAIN " + base64("\0user00001\0secret")) == LogonText.loggedOn)
    }

    @Test("CVE-2008-1218: a TAB or another separator in a password is a part of the password (Dovecot)")
    func separators() throws {
        let bench = try Bench(everyMethod(failures: 100))
        for rest in [
            "\tskip_password_check=1", "\tnopassword", " ", ":", "\t", "\u{1}", "\tuser=user00001", "\"", "'", "$",
            "{PLAIN}secret",
        ] {
            for password in ["secret" + rest, rest, rest + "secret", "x" + rest] {
                let client = bench.connect()
                #expect(client.say(["USER user00001", "PASS " + password]) == ready + LogonText.refused)
                #expect(client.say("AUTH PLAIN " + base64("\0user00001\0" + password)) == LogonText.refused)
                #expect(client.say(["AUTH LOGIN " + base64("user00001"), base64(password)]).hasSuffix(LogonText.refused))
                #expect(client.say(["USER user00001\t" + rest, "PASS secret"]) == ready + LogonText.refused)
            }
        }
    }

    @Test("CVE-2017-2669: a name that looks like a variable is a name (Dovecot)")
    func variables() throws {
        let bench = try Bench(everyMethod(failures: 100))
        for name in ["%{sha1:x}", "%u%u%u%u", "%{if;1;==;1;user00001;x}", "%{user}", "$user", "${IFS}", "%{%{%{u}}}", "%00001"] {
            let client = bench.connect()
            #expect(client.say(["USER \(name)", "PASS secret"]) == ready + LogonText.refused)
            #expect(client.say("AUTH PLAIN " + base64("\0\(name)\0secret")) == LogonText.refused)
            #expect(client.say("AUTH PLAIN " + base64("\(name)\0user00001\0secret")) == LogonText.refused)
        }
    }

    @Test("CVE-2019-10691: a name that is no UTF-8 is refused, and its line in the log is well formed (Dovecot)")
    func names() throws {
        let ring = EventRing(capacity: 256)
        defer { ring.deallocate() }
        let bench = try Bench(everyMethod(failures: 100), events: EventLog(ring, level: .info))
        let names: [[UInt8]] = [
            [0xFF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
            [34, 32, 61, 92], [0x1B, 91, 50, 74], [0xE2, 0x80, 0xAE], [0xC2, 0x85],
        ]
        for name in names {
            let client = bench.connect()
            client.send(Array("USER ".utf8) + name + [13, 10])
            #expect(client.say("PASS secret") == LogonText.refused)
            let answer = client.say("AUTH PLAIN " + base64([0] + name + [0] + Array("secret".utf8)))
            #expect(answer == LogonText.refused || answer == LogonText.malformed)
        }
        let lines = logLines(ring)
        #expect(lines.count >= names.count)
        for line in lines {
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F }, "\(line.debugDescription)")
            let bare = line.replacing("\\\\", with: "").replacing("\\\"", with: "")
            #expect(bare.filter { $0 == "\"" }.count % 2 == 0, "\(line)")
        }
    }

    @Test("CVE-2011-1720: another mechanism after a failed one starts from nothing (Postfix with Cyrus SASL)")
    func anotherMechanism() throws {
        let bench = try Bench(everyMethod(failures: 100))
        let logons = LogonClient()
        for first in Way.allCases {
            for second in Way.allCases {
                for conduct in [Conduct.wrong, .broken] {
                    let client = bench.connect()
                    #expect(logons.attempt(first, conduct, on: client) == LogonText.expected(first, conduct))
                    #expect(logons.attempt(second, .wrong, on: client) == LogonText.refused, "\(first) \(conduct), \(second)")
                    #expect(logons.attempt(second, .right, on: client) == LogonText.loggedOn, "\(first) \(conduct), \(second)")
                }
            }
        }
    }

    @Test(
        "CVE-2026-27651: CRAM-MD5 or APOP failed and tried again, and then another method (nginx)",
        arguments: [Way.cramMD5, .apop])
    func again(way: Way) throws {
        let bench = try Bench(everyMethod(failures: 100))
        let logons = LogonClient()
        for last in Way.allCases {
            let client = bench.connect()
            for conduct in [Conduct.wrong, .wrong, .broken, .wrong] {
                #expect(logons.attempt(way, conduct, on: client) == LogonText.expected(way, conduct))
            }
            #expect(logons.attempt(last, .right, on: client) == LogonText.loggedOn)
        }
    }

    @Test("CVE-2007-6598: of two users with one password each gets the own mailbox, in any order (Dovecot)")
    func onePassword() throws {
        let bench = try Bench(everyMethod())
        let users = (0..<4).map { LogonClient(account: "user0000\($0)", member: "member0000\($0)") }
        var seen: [String: Set<String>] = [:]
        for _ in 0..<3 {
            for (number, user) in users.enumerated() {
                for way in Way.allCases {
                    let client = bench.connect()
                    #expect(user.attempt(way, .right, on: client) == LogonText.loggedOn)
                    seen["\(way == .member) \(number)", default: []].insert(client.say("UIDL 1"))
                }
            }
        }
        #expect(seen.count == 8 && seen.values.allSatisfy { $0.count == 1 })
        #expect(Set(seen.values.joined()).count == 8)
    }
}
