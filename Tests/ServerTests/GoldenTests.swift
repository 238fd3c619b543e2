// The table of golden dialogues played: each line in each state of each personality, on a connection of its own, exact to the
// octet; and what the session is good for afterwards.

import POP3
import Testing

@testable import Server

@Suite("Golden dialogues: each command in each state (RFC 1939, 2449, 2595, 5034, 6856; MS-POP3)")
struct GoldenTests {
    private let clear: [Personality: Bench]
    private let secure: [Personality: Bench]

    init() throws {
        var clear: [Personality: Bench] = [:]
        var secure: [Personality: Bench] = [:]
        for personality in Personality.allCases {
            var setting = Setting()
            setting.bytes = 64
            setting.behaviour.personality = personality
            clear[personality] = try Bench(setting, tls: try TestTLS.context())
            secure[personality] = try Bench(setting, tls: try TestTLS.context())
        }
        self.clear = clear
        self.secure = secure
    }

    private func connect(_ personality: Personality) throws -> Conversation { try #require(clear[personality]).connect() }

    private func text(_ answer: Answer, _ personality: Personality) -> String {
        switch personality {
        case .modern: answer.modern
        case .exchange55: answer.exchange
        }
    }

    /// Plays one state: `setUp` brings the connection there. The session must be usable afterwards, unless it has ended.
    private func play(_ setUp: [String], where column: (Golden) -> Answer, isLoggedOn: Bool = false) throws {
        for personality in Personality.allCases {
            for golden in Golden.lines {
                let client = try connect(personality)
                client.say(setUp)
                let answer = client.send(Array(golden.line.utf8) + [13, 10])
                let expected = text(column(golden), personality)
                #expect(answer == expected, "\(golden) after \(setUp), \(personality)")
                if client.isClosed || expected.hasPrefix("+OK Begin TLS") { continue }
                if expected.hasPrefix("+ ") { client.say("*") }
                if isLoggedOn || client.connection.maildrop != nil {
                    #expect(client.say("NOOP") == "+OK\r\n", "after \(golden)")
                } else {
                    let again = client.say(["USER user00002", "PASS secret"])
                    #expect(again == text(Text.passwordDue, personality) + text(Text.loggedOn, personality), "after \(golden)")
                }
            }
        }
    }

    @Test("the greetings")
    func greetings() throws {
        #expect(try connect(.modern).received == "+OK Poplar POP3 server ready\r\n")
        #expect(
            try connect(.exchange55).received == "+OK Microsoft Exchange POP3 server version 5.5.2655.20 ready\r\n")
    }

    @Test("before a logon")
    func authorization() throws {
        try play([]) { $0.authorization }
    }

    @Test("after USER")
    func userGiven() throws {
        try play(["USER user00001"]) { $0.userGiven ?? $0.authorization }
    }

    @Test("inside an exchange every line belongs to it, and the first that is no response ends it")
    func exchange() throws {
        try play(["AUTH NTLM"]) { $0.exchange }
    }

    @Test("after a logon")
    func transaction() throws {
        try play(["USER user00001", "PASS secret"], where: { $0.transaction }, isLoggedOn: true)
    }

    @Test("after UTF8; where that is no command, as before it")
    func afterUTF8() throws {
        try play(["UTF8"]) { $0.afterUTF8 ?? $0.authorization }
    }

    @Test("under TLS: after STLS, and from the first octet where there is no STLS")
    func encrypted() throws {
        for personality in Personality.allCases {
            for golden in Golden.lines {
                let bench = try #require(secure[personality])
                let client = try SecureConversation(bench, encrypted: personality == .exchange55)
                if personality == .modern { #expect(client.clear.say("STLS") == Text.beginTLS.modern) }
                try #require(client.handshake())
                _ = client.read()
                let answer = client.send(golden.line + "\r\n")
                #expect(answer == text(golden.encrypted ?? golden.authorization, personality), "\(golden), \(personality)")
            }
        }
    }

    @Test("retrievals and unique ids, which the table leaves out, are the same in both personalities")
    func messages() throws {
        var answers: [[String]] = []
        for personality in Personality.allCases {
            let client = try connect(personality)
            client.say(["USER user00001", "PASS secret"])
            let message = client.say("RETR 1")
            #expect(message.hasPrefix("+OK 64 octets\r\n" + Golden.header) && message.hasSuffix("\r\n.\r\n"))
            let body = message.dropFirst("+OK 64 octets\r\n".count)
            #expect(client.say("TOP 1 1") == "+OK\r\n" + body)
            #expect(client.say("TOP 1 99999999999999999999") == "+OK\r\n" + body)
            answers.append([message, client.say("UIDL"), client.say("UIDL 2")])
        }
        #expect(answers[0] == answers[1])
        #expect(answers[0][1].split(separator: "\r\n").count == 5)
    }

    @Test("AUTH NTLM is answered as the switch says, in both personalities, and the exchange goes on from there")
    func ntlmReply() throws {
        for personality in Personality.allCases {
            for (reply, answer) in [(NTLMReply.plus, "+ \r\n"), (.ok, "+OK\r\n")] {
                var setting = Setting()
                setting.behaviour = ServerBehaviour(personality: personality, ntlmReply: reply)
                let client = try Bench(setting).connect()
                #expect(client.say("AUTH NTLM") == answer)
                #expect(client.say("TlRMTVNTUAABAAAABoIIAA==").hasPrefix("+ TlRMTVNTUAAC"))
                #expect(client.say("*").hasPrefix("-ERR The AUTH protocol exchange was canceled by the client"))
            }
        }
    }
}
