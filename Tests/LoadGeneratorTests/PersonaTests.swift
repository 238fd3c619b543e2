// What each persona says, line by line, as a golden list: admitted at once, refused, on a server that offers little. Scripts come
// from the profile's loader, so that the table, the compiler and the machine are tested as one. NTLM's and SCRAM's own
// messages stand as <type1>, <type3> and <scram>: their octets have tests of their own.

import POP3
import PoplarCore
import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

/// The script of a persona with right passwords, a refused NTLM (`failing`), or wrong ones all over (`wrong`).
private func script(
    _ persona: String, transport: Transport, wrong: Bool = false, failing: Bool = false, methods: String? = nil
) throws -> SessionScript {
    let shares = wrong ? ", wrong_password_share: 100%" : failing ? ", ntlm_failure_share: 100%" : ""
    let switches = methods.map { ", methods: [\($0)]" } ?? ""
    let text = """
        name: golden
        rate: 1
        phases: [{name: a, duration: 1s}]
        clients: [{persona: \(persona), transport: \(transport.name)\(shares)}]
        mailbox_work: [{name: check}]
        server: {ntlm_level: 4\(switches)}

        """
    return try ProfileLoader.load(text: text, file: "golden.yaml").scripts.rows[0]
}

/// Replies of a server that offers everything.
private let all = Replies.good(but: [
    "CAPA": ["+OK\r\nUSER\r\nSTLS\r\nSASL SCRAM-SHA-256 CRAM-MD5 NTLM PLAIN LOGIN\r\nUIDL\r\n.\r\n"],
    "AUTH": ["+OK\r\nDPA\r\nNTLM\r\n.\r\n"], "AUTH DPA": ["-ERR no such package\r\n"],
    "AUTH CRAM-MD5": ["+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"], "cram": ["+OK\r\n"],
    "APOP": ["+OK\r\n"], "STLS": ["+OK begin\r\n"],
    "AUTH PLAIN": ["+ \r\n"], "AHVzZXIwMDAwMgBzZWNyZXQ=": ["+OK\r\n"],
    "AUTH PLAIN AHVzZXIwMDAwMgBzZWNyZXQ=": ["+OK\r\n"],
    "AUTH LOGIN": ["+ VXNlcm5hbWU6\r\n"], "dXNlcjAwMDAy": ["+ UGFzc3dvcmQ6\r\n"], "c2VjcmV0": ["+OK\r\n"],
    "base64": [Replies.challenge, "+OK logged on\r\n"],
])

private let greeting = "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n"

/// The client's lines with the long messages by name.
private func lines(_ told: Conversation) -> [String] {
    told.commands.map { line in
        line.replacing(#/TlRMTVNTUAABAAAA\S*/#, with: "<type1>").replacing(#/TlRMTVNTUAADAAAA\S*/#, with: "<type3>")
            .replacing(#/SCRAM-SHA-256 \S+/#, with: "SCRAM-SHA-256 <scram>")
            .replacing(#/^dXNlcjAwMDAyI\S*/#, with: "<cram>")
    }
}

private func run(
    _ script: SessionScript, _ replies: [String: [String]] = all, greeting: String = greeting
) -> Conversation {
    Conversation.run(script, replies: replies, greeting: greeting)
}

@Suite struct PersonaTests {
    @Test func `the rows that code names are the ones it means, and every chain fits`() {
        let named: [(Persona, String)] = [
            (.internetMail3, "internet-mail-3"), (.outlookExpressSSL, "outlook-express-ssl"), (.basic, "basic"),
            (.basicSSL, "basic-ssl"), (.membership, "membership"),
        ]
        for (persona, name) in named { #expect(persona.name == name) }
        for persona in Persona.allCases {
            #expect(Persona(name: persona.name) == persona)
            #expect((1...LogonChain.capacity).contains(persona.traits.attempts.count), "\(persona.name)")
            #expect(!persona.traits.transports.isEmpty)
        }
        #expect(Set(Persona.allCases.map(\.name)).count == Persona.allCases.count)
    }

    @Test(arguments: [
        ("internet-mail-3", Transport.pop3, ["AUTH", "AUTH NTLM", "<type1>", "<type3>"]),
        ("outlook-express-spa", .pop3, ["AUTH", "AUTH DPA", "AUTH NTLM", "<type1>", "<type3>"]),
        ("outlook-express-ssl", .pop3s, ["AUTH", "AUTH DPA", "AUTH NTLM", "<type1>", "<type3>"]),
        ("fetchmail", .pop3, ["CAPA", "AUTH NTLM", "<type1>", "<type3>"]),
        ("fetchmail", .stls, ["CAPA", "STLS", "CAPA", "AUTH NTLM", "<type1>", "<type3>"]),
        ("curl", .pop3, ["CAPA", "AUTH CRAM-MD5", "<cram>"]),
        ("thunderbird", .pop3, ["CAPA", "AUTH PLAIN", "AHVzZXIwMDAwMgBzZWNyZXQ="]),
        ("thunderbird", .stls, ["CAPA", "STLS", "CAPA", "AUTH PLAIN", "AHVzZXIwMDAwMgBzZWNyZXQ="]),
        ("thunderbird-ntlm", .pop3s, ["CAPA", "AUTH NTLM", "<type1>", "<type3>"]),
        ("mailkit", .pop3, ["CAPA", "APOP user00002 ", "CAPA"]),
        ("javamail-ntlm", .pop3, ["CAPA", "AUTH NTLM <type1>", "<type3>"]),
        ("basic", .pop3, ["USER user00002", "PASS secret"]),
        ("basic", .stls, ["STLS", "USER user00002", "PASS secret"]),
        ("basic-ssl", .pop3s, ["USER user00002", "PASS secret"]),
        ("membership", .stls, ["STLS", "AUTH NTLM", "<type1>", "<type3>"]),
        ("apop", .pop3, ["APOP user00002 "]),
        ("cram-md5", .pop3s, ["AUTH CRAM-MD5", "<cram>"]),
        ("plain", .stls, ["STLS", "AUTH PLAIN AHVzZXIwMDAwMgBzZWNyZXQ="]),
        ("login", .pop3, ["AUTH LOGIN", "dXNlcjAwMDAy", "c2VjcmV0"]),
    ])
    func `what a persona says when it is let in at once`(name: String, transport: Transport, expected: [String]) throws {
        let told = run(try script(name, transport: transport))
        let said = lines(told).map { $0.hasPrefix("APOP ") ? String($0.prefix(15)) : $0 }
        #expect(said == expected + ["STAT", "QUIT"])
        #expect(told.events.last == "succeeded")
    }

    @Test func `the digest of APOP is that over the greeting's timestamp`() throws {
        // MD5 of "<1896.697170952@dbc.mtview.ca.us>secret", by md5sum(1).
        let told = run(try script("apop", transport: .pop3))
        #expect(told.commands.first == "APOP user00002 \(Self.apopDigest)")
        let wrong = run(try script("apop", transport: .pop3, wrong: true), Replies.good(but: ["APOP": ["-ERR no\r\n"]]))
        #expect(wrong.commands.first?.hasSuffix(Self.apopDigest) == false)
        #expect(wrong.events.suffix(2) == ["auth apop: auth", "expectedRefusal"])
    }

    private static let apopDigest = "3f18b52881e44c0cc6067f46e0ced7bc"

    @Test(arguments: [
        "+OK ready\r\n", "+OK <no-at-sign>\r\n", "+OK <a@b@c>\r\n", "+OK <a b@c>\r\n", "+OK <@c>\r\n", "+OK <a@>\r\n",
    ])
    func `without a sound timestamp APOP is not tried`(greeting: String) throws {
        let told = run(try script("apop", transport: .pop3), greeting: greeting)
        #expect(told.commands == ["QUIT"])
        #expect(told.events.suffix(2) == ["auth apop: auth", "failed auth"])
    }

    @Test func `a client goes by what the server lists`() throws {
        func said(_ name: String, _ capa: String) throws -> [String] {
            lines(run(try script(name, transport: .pop3), all.merging(["CAPA": [capa]]) { $1 }, greeting: "+OK\r\n"))
        }
        let listed = "+OK\r\nUSER\r\nSASL LOGIN\r\n.\r\n"
        #expect(try said("curl", listed) == ["CAPA", "AUTH LOGIN", "dXNlcjAwMDAy", "c2VjcmV0", "STAT", "QUIT"])
        #expect(try said("thunderbird", listed) == ["CAPA", "AUTH LOGIN", "dXNlcjAwMDAy", "c2VjcmV0", "STAT", "QUIT"])
        #expect(try said("fetchmail", listed) == ["CAPA", "USER user00002", "PASS secret", "STAT", "QUIT"])
        // Thunderbird and JavaMail force what they are set up for; curl assumes USER/PASS where CAPA is unknown.
        #expect(try said("thunderbird", "+OK\r\n.\r\n") == ["CAPA", "USER user00002", "PASS secret", "STAT", "QUIT"])
        #expect(try said("thunderbird-ntlm", "+OK\r\n.\r\n").prefix(2) == ["CAPA", "AUTH NTLM"])
        #expect(try said("curl", "-ERR\r\n") == ["CAPA", "USER user00002", "PASS secret", "STAT", "QUIT"])
        // Nothing that it speaks: curl gives up.
        #expect(try said("curl", "+OK\r\n.\r\n") == ["CAPA", "QUIT"])
    }

    @Test func `fetchmail answers a refused CAPA with a new connection and the password alone`() throws {
        let told = run(try script("fetchmail", transport: .pop3), all.merging(["CAPA": ["-ERR\r\n"]]) { $1 })
        #expect(told.commands == ["CAPA"])
        #expect(told.machine.wantsConnection)
        told.connectAgain()
        told.receive(Array(greeting.utf8))
        #expect(told.commands == ["CAPA", "USER user00002"])
        #expect(told.machine.fallbackFrom == nil)
    }

    @Test func `fetchmail takes any line with OK in it for the success of its type 3`() throws {
        let replies = all.merging(["base64": [Replies.challenge, "-ERR BROKEN\r\n"]]) { $1 }
        #expect(run(try script("fetchmail", transport: .pop3), replies).events.last == "succeeded")
        let wrong = run(try script("fetchmail", transport: .pop3, wrong: true, methods: Self.page), replies)
        #expect(wrong.events.last == "failed wrong_admit")
    }

    private static let page = "basic, basic-ssl, ntlm, ntlm-ssl, membership"

    @Test func `fetchmail does not read the reply to its asterisk, which costs it the fallback`() throws {
        let capa = "+OK\r\nUSER\r\nSASL NTLM\r\n.\r\n"
        let replies = all.merging(["CAPA": [capa], "base64": ["+ !!\r\n"], "*": ["-ERR cancelled\r\n"]]) { $1 }
        let told = run(try script("fetchmail", transport: .pop3), replies)
        #expect(lines(told) == ["CAPA", "AUTH NTLM", "<type1>", "*", "USER user00002", "QUIT"])
        #expect(told.events.suffix(3) == ["ntlm_negotiate ntlm: protocol", "auth basic: auth", "failed auth"])
    }

    @Test func `curl leaves a challenge that it cannot read, waits, and tries the next method`() throws {
        let capa = "+OK\r\nUSER\r\nSASL NTLM PLAIN\r\n.\r\n"
        let replies = all.merging(["CAPA": [capa], "base64": ["+ !!\r\n"], "*": ["-ERR cancelled\r\n"]]) { $1 }
        let told = run(try script("curl", transport: .pop3), replies)
        #expect(
            lines(told) == [
                "CAPA", "AUTH NTLM", "<type1>", "*", "AUTH PLAIN", "AHVzZXIwMDAwMgBzZWNyZXQ=", "STAT", "QUIT",
            ])
        #expect(told.machine.fallbackFrom == .ntlm)
    }

    @Test func `curl's type 1 offers OEM names alone, flags 0x00088206, and a refused type 3 is its end`() throws {
        let capa = "+OK\r\nUSER\r\nSASL NTLM\r\n.\r\n"
        let replies = all.merging(["CAPA": [capa], "base64": [Replies.challenge, "-ERR no\r\n"]]) { $1 }
        let told = run(try script("curl", transport: .pop3), replies)
        #expect(lines(told) == ["CAPA", "AUTH NTLM", "<type1>", "<type3>", "QUIT"])
        #expect(told.commands[2].hasPrefix("TlRMTVNTUAABAAAABoIIA"))
        #expect(told.events.last == "failed auth")
    }

    @Test func `Outlook Express leaves a DPA that begins with an asterisk, and has no silent Basic`() throws {
        let replies = all.merging([
            "AUTH DPA": ["+ \r\n"], "*": ["-ERR cancelled\r\n"], "base64": [Replies.challenge, "-ERR no\r\n"],
        ]) { $1 }
        let told = run(try script("outlook-express-spa", transport: .pop3, wrong: true), replies)
        #expect(lines(told) == ["AUTH", "AUTH DPA", "*", "AUTH NTLM", "<type1>", "<type3>", "QUIT"])
        #expect(told.events.last == "expectedRefusal")
    }

    @Test func `all passwords wrong: MailKit tries all it has, each refusal a failed step, and the session is as asked`() throws {
        let no = ["-ERR [AUTH] no\r\n"]
        let capa = "+OK\r\nUSER\r\nSASL NTLM PLAIN\r\n.\r\n"
        let replies = Replies.good(but: ["CAPA": [capa], "APOP": no, "AUTH": no, "base64": no, "PASS": no])
        let told = run(try script("mailkit", transport: .pop3, wrong: true), replies)
        let plain = "AUTH PLAIN AHVzZXIwMDAwMgBzZWNyZXQtd3Jvbmc="
        #expect(lines(told).suffix(5) == ["AUTH NTLM <type1>", plain, "USER user00002", "PASS secret-wrong", "QUIT"])
        #expect(told.events.filter { $0.hasSuffix(": auth") }.count == 4)
        #expect(told.events.last == "expectedRefusal")
    }

    @Test func `a refused NTLM is followed by the next listed method, with the right password`() throws {
        let capa = "+OK\r\nUSER\r\nSASL NTLM\r\n.\r\n"
        let replies = all.merging(["CAPA": [capa], "base64": [Replies.challenge, "-ERR no\r\n"]]) { $1 }
        let told = run(try script("fetchmail", transport: .pop3, failing: true, methods: Self.page), replies)
        #expect(lines(told) == ["CAPA", "AUTH NTLM", "<type1>", "<type3>", "USER user00002", "PASS secret", "STAT", "QUIT"])
        #expect(told.events.last == "succeeded")
        #expect(told.machine.fallbackFrom == .ntlm && told.machine.methodInUse == .basic)
    }
}

@Suite struct NewConnectionTests {
    private static let no = Replies.good(but: ["base64": [Replies.challenge, "-ERR no\r\n"]])

    @Test func `a fallback on a new connection is the same session, and counts the time from the first logon`() {
        let script = Scripts.script(
            .internetMail3, first: Scripts.link(.ntlm, .ntUser, wrong: true), fallback: Scripts.link(.basic, .account),
            afterRefusal: .newConnection)
        let told = Conversation.run(script, replies: Self.no)
        #expect(told.machine.wantsConnection && !told.machine.isOver)
        told.connectAgain()
        told.finish(replies: Replies.good)
        #expect(told.commands.suffix(4) == ["USER user00002", "PASS secret", "STAT", "QUIT"])
        #expect(told.events.filter { $0.hasPrefix("connect") }.count == 2)
        #expect(told.events.last == "succeeded")
        #expect(told.machine.fallbackFrom == .ntlm && told.machine.fallbackLostNs > 0)
    }

    private static func thunderbird(wrong: Bool = false, expected: ExpectedResult = .admitted) -> SessionScript {
        Scripts.script(
            .basic, first: Scripts.link(.login, .account, wrong: true), fallback: Scripts.link(.basic, .account, wrong: wrong),
            habits: .reconnectsWhenClosed, expected: expected)
    }

    @Test func `a server that closes behind its refusal is connected to again with the method that was due`() {
        let told = Conversation.run(Self.thunderbird(), replies: ["AUTH LOGIN": ["-ERR no\r\n"]])
        #expect(told.commands == ["AUTH LOGIN", "USER user00002"])
        told.happen { $0.streamEnded() }
        #expect(told.machine.wantsConnection)
        told.connectAgain()
        told.finish(replies: Replies.good)
        #expect(told.commands == ["AUTH LOGIN", "USER user00002", "USER user00002", "PASS secret", "STAT", "QUIT"])
        #expect(told.events.last == "succeeded")
        #expect(told.events.contains("auth login: auth"))
    }

    @Test func `a server that closes instead of refusing is taken to have refused`() {
        let told = Conversation.run(Self.thunderbird(), replies: [:])
        told.happen { $0.streamEnded() }
        #expect(told.events.last == "auth login: early_close")
        told.connectAgain()
        told.finish(replies: Replies.good)
        #expect(told.events.last == "succeeded")
        #expect(told.machine.fallbackFrom == .login)
    }

    @Test func `a server that always closes ends the session`() {
        let told = Conversation.run(Self.thunderbird(), replies: ["AUTH LOGIN": ["-ERR no\r\n"]])
        told.happen { $0.streamEnded() }
        told.connectAgain()
        told.receive(Array("+OK\r\n".utf8))
        told.happen { $0.streamEnded() }
        #expect(told.events.last == "failed early_close")
    }
}

@Suite struct StartTLSTests {
    @Test(arguments: ["-ERR TLS is not available\r\n"])
    func `a server that refuses STLS gets no secret in the clear`(reply: String) throws {
        for name in ["basic", "plain", "fetchmail", "curl", "thunderbird", "mailkit", "apop"] {
            let told = run(try script(name, transport: .stls), all.merging(["STLS": [reply]]) { $1 })
            #expect(told.commands.suffix(2) == ["STLS", "QUIT"], "\(name)")
            #expect(told.failedAfterNs == [1_000], "\(name)")
            #expect(told.events.suffix(2).first?.hasPrefix("stls ") == true && told.events.last == "failed tls", "\(name)")
        }
    }

    @Test(arguments: ["+OK\r\nUSER\r\nSASL PLAIN NTLM\r\n.\r\n", "-ERR unknown command\r\n"])
    func `a list without STLS, or none at all, is as good as a refusal`(capa: String) throws {
        for name in ["fetchmail", "curl", "thunderbird", "mailkit"] {
            let told = run(try script(name, transport: .stls), all.merging(["CAPA": [capa]]) { $1 })
            #expect(told.commands == ["CAPA", "QUIT"], "\(name)")
            #expect(told.events.last == "failed tls", "\(name)")
            #expect(told.failedAfterNs == [nil], "\(name): it was never asked for")
        }
    }

    @Test func `octets behind the answer to STLS are a protocol error, and nothing more is said`() throws {
        let told = run(try script("basic", transport: .stls), all.merging(["STLS": ["+OK begin\r\n+OK fine\r\n"]]) { $1 })
        #expect(told.commands == ["STLS"])
        #expect(told.events.suffix(2) == ["stls basic: protocol", "failed protocol"])
    }

    @Test func `steps in their order: stls, the handshake, the second CAPA, and what the first list said is void`() throws {
        let lists = ["+OK\r\nSTLS\r\nSASL NTLM\r\n.\r\n", "+OK\r\nSASL PLAIN\r\nUSER\r\n.\r\n"]
        let told = run(try script("curl", transport: .stls), all.merging(["CAPA": lists]) { $1 }, greeting: "+OK\r\n")
        #expect(lines(told) == ["CAPA", "STLS", "CAPA", "AUTH PLAIN", "AHVzZXIwMDAwMgBzZWNyZXQ=", "STAT", "QUIT"])
        #expect(
            told.events.prefix(6).map { $0.prefix { $0 != " " } } == ["connect", "greeting", "capa", "stls", "tls_full", "capa"])
    }
}
