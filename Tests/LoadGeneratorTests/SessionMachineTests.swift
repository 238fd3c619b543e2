// Every persona's dialogue, in its order, with its steps, wherever the replies are cut: the commands that it writes and
// the events that it tells are the whole of what a machine does.

import POP3
import PoplarCore
import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

@Suite struct SessionMachineTests {
    @Test(arguments: [Int.max, 1, 2, 3, 7])
    func `basic: USER, PASS, the work, QUIT`(piece: Int) {
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: Replies.good, piece: piece)
        #expect(
            told.commands == [
                "USER user00002", "PASS secret", "STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "RETR 2", "DELE 2", "QUIT",
            ])
        #expect(
            told.events == [
                "connect basic", "greeting basic", "auth basic", "stat basic", "list basic", "uidl basic", "retr basic",
                "dele basic", "retr basic",
                "dele basic", "quit basic", "succeeded",
            ])
        #expect(told.machine.messagesRetrieved == 2)
        #expect(told.machine.payloadBytes == 9)
    }

    @Test(arguments: [Int.max, 1, 5])
    func `internet-mail-3: bare AUTH, then NTLM as the NT user`(piece: Int) {
        let told = Conversation.run(Scripts.internetMail(), replies: Replies.good, piece: piece)
        #expect(told.commands.count == 6)
        #expect(told.commands[0...1] == ["AUTH", "AUTH NTLM"])
        #expect(told.commands[2].hasPrefix("TlRMTVNTUAABAAAA"))
        #expect(told.commands[3].hasPrefix("TlRMTVNTUAADAAAA"))
        #expect(told.commands[4...] == ["STAT", "QUIT"])
        #expect(
            told.events == [
                "connect ntlm", "greeting ntlm", "capa ntlm", "ntlm_negotiate ntlm", "ntlm_authenticate ntlm", "stat ntlm",
                "quit ntlm", "succeeded",
            ])
        #expect(told.machine.fallbackFrom == nil)
    }

    @Test(arguments: ["+\r\n", "+ \r\n", "+OK\r\n", "+OK go on\r\n"])
    func `every known answer to AUTH NTLM starts the exchange`(answer: String) {
        let told = Conversation.run(Scripts.internetMail(), replies: Replies.good(but: ["AUTH NTLM": [answer]]))
        #expect(told.events.last == "succeeded")
    }

    @Test(arguments: [Int.max, 1])
    func `internet-mail-3: a refused NTLM falls back to Basic on the same connection`(piece: Int) {
        let replies = Replies.good(but: ["base64": [Replies.challenge, "-ERR Logon failure\r\n"]])
        let told = Conversation.run(Scripts.internetMail(wrong: true), replies: replies, piece: piece)
        #expect(told.commands.suffix(4) == ["USER user00002", "PASS secret", "STAT", "QUIT"])
        #expect(
            told.events == [
                "connect ntlm", "greeting ntlm", "capa ntlm", "ntlm_negotiate ntlm", "ntlm_authenticate ntlm: auth", "auth basic",
                "stat basic",
                "quit basic", "succeeded",
            ])
        #expect(told.machine.fallbackFrom == .ntlm)
        #expect(told.machine.methodInUse == .basic)
        #expect(told.machine.fallbackLostNs > 0)
    }

    @Test func `an NTLM that the server has switched off falls back as well`() {
        let told = Conversation.run(Scripts.internetMail(), replies: Replies.good(but: ["AUTH NTLM": ["-ERR disabled\r\n"]]))
        #expect(told.events.contains("ntlm_negotiate ntlm: auth"))
        #expect(told.events.last == "succeeded")
        #expect(told.machine.fallbackFrom == .ntlm)
    }

    @Test func `a refused probe changes nothing`() {
        let told = Conversation.run(Scripts.internetMail(), replies: Replies.good(but: ["AUTH": ["-ERR unknown command\r\n"]]))
        #expect(told.events.prefix(4) == ["connect ntlm", "greeting ntlm", "capa ntlm", "ntlm_negotiate ntlm"])
        #expect(told.events.last == "succeeded")
    }

    @Test func `a challenge that cannot be read is left with an asterisk, and Basic saves the session`() {
        for bad in ["+ !!!!\r\n", "+ \r\n", "+ AAAA\r\n"] {
            let replies = Replies.good(but: ["base64": [bad], "*": ["-ERR cancelled\r\n"]])
            let told = Conversation.run(Scripts.internetMail(), replies: replies)
            #expect(told.commands.contains("*"), "\(bad)")
            #expect(told.events.contains("ntlm_negotiate ntlm: protocol"), "\(bad)")
            #expect(told.events.last == "succeeded", "\(bad)")
        }
    }

    @Test func `membership: NTLM whose domain is the instance`() throws {
        let script = Scripts.script(.membership, first: Scripts.link(.membership, .member))
        let told = Conversation.run(script, replies: Replies.good)
        #expect(
            told.events == [
                "connect membership", "greeting membership", "ntlm_negotiate membership", "ntlm_authenticate membership",
                "stat membership",
                "quit membership", "succeeded",
            ])
        let line = Array(try #require(told.commands.first { $0.hasPrefix("TlRMTVNTUAADAAAA") }).utf8)
        var message = [UInt8](repeating: 0, count: 2048)
        let size = message.withUnsafeMutableBytes { room -> Int in
            var writer = ByteWriter(room)
            return Base64.decode(line.span, into: &writer) ? writer.count : 0
        }
        let text = String(decoding: message[..<size].filter { $0 != 0 }, as: UTF8.self)
        #expect(text.contains("MEMBERSHIPmember00000POPLAR"))
    }

    @Test func `outlook-express-ssl and basic-ssl speak after the handshake`() {
        let ntlm = Scripts.script(.outlookExpressSSL, transport: .pop3s, first: Scripts.link(.ntlm, .ntUser))
        #expect(
            Conversation.run(ntlm, replies: Replies.good).events.prefix(3) == ["connect ntlm", "tls_full ntlm", "greeting ntlm"])
        let basic = Scripts.script(.basicSSL, transport: .pop3s, first: Scripts.link(.basic, .account))
        #expect(Conversation.run(basic, replies: Replies.good).events.last == "succeeded")
    }

    @Test func `PLAIN sends its initial response, LOGIN answers two prompts`() {
        let plain = Scripts.script(.basic, first: Scripts.link(.plain, .account), habits: .sendsInitialResponse)
        let one = Conversation.run(plain, replies: Replies.good(but: ["AUTH": ["+OK\r\n"]]))
        #expect(one.commands.first == "AUTH PLAIN AHVzZXIwMDAwMgBzZWNyZXQ=")
        #expect(one.events.prefix(3) == ["connect plain", "greeting plain", "auth plain"])
        let login = Scripts.script(.basic, first: Scripts.link(.login, .account))
        let replies = Replies.good(but: [
            "AUTH": ["+ VXNlcm5hbWU6\r\n"], "dXNlcjAwMDAy": ["+ UGFzc3dvcmQ6\r\n"], "c2VjcmV0": ["+OK\r\n"],
        ])
        let two = Conversation.run(login, replies: replies)
        #expect(two.commands.prefix(3) == ["AUTH LOGIN", "dXNlcjAwMDAy", "c2VjcmV0"])
        #expect(two.events.last == "succeeded")
    }

    @Test func `TOP is asked for with its lines, and its payload is counted`() {
        var work = Scripts.check
        work.topMessages = 2
        work.topLines = 3
        let told = Conversation.run(Scripts.basic(work: work), replies: Replies.good)
        #expect(told.commands.suffix(3) == ["TOP 1 3", "TOP 2 3", "QUIT"])
        #expect(told.machine.payloadBytes == 10)
        #expect(told.machine.messagesRetrieved == 0)
    }

    @Test func `without QUIT in the script the session ends after its work`() {
        var work = Scripts.check
        work.quits = false
        let told = Conversation.run(Scripts.basic(work: work), replies: Replies.good)
        #expect(told.commands.last == "STAT")
        #expect(told.events.last == "succeeded")
        #expect(!told.machine.saidQuit)
    }

    @Test func `an empty maildrop is no error`() {
        let replies = Replies.good(but: ["STAT": ["+OK 0 0\r\n"], "LIST": ["+OK\r\n.\r\n"], "UIDL": ["+OK\r\n.\r\n"]])
        let told = Conversation.run(Scripts.basic(work: Scripts.fetch), replies: replies)
        #expect(told.commands.suffix(2) == ["UIDL", "QUIT"])
        #expect(told.events.last == "succeeded")
    }

    @Test func `a step lasts from the command to the last octet of its reply`() {
        var machine = SessionMachine(script: Scripts.basic(), user: 0, nowNs: 100)
        #expect(machine.connected(nowNs: 350) == .step(.connect, .basic, latencyNs: 250))
        let table = CredentialTable(.embedded(users: 4), needed: .all)
        var context = SessionContext(credentials: table.view)
        var memory = [UInt8](repeating: 0, count: 512)
        let events = memory.withUnsafeMutableBytes { room -> [SessionEvent] in
            var writer = ByteWriter(room)
            func feed(_ text: String, at now: UInt64) -> SessionEvent {
                Array(text.utf8).withUnsafeBytes { input in
                    var cursor = 0
                    return machine.next(input, cursor: &cursor, nowNs: now, output: &writer, context: &context)
                }
            }
            return [
                feed("+OK\r\n", at: 1_000), feed("+OK\r\n", at: 2_000), feed("+OK\r\n", at: 5_000),
                feed("+OK 0 0\r\n", at: 5_500),
            ]
        }
        #expect(
            events == [
                .step(.greeting, .basic, latencyNs: 650), .needsInput, .step(.auth, .basic, latencyNs: 4_000),
                .step(.stat, .basic, latencyNs: 500),
            ])
    }
}
