// The methods and their switches: who is let in by which way, and what is offered.

import Administration
import Foundation
import NTLM
import POP3
import PoplarCore
import SASL
import Testing

@testable import Server

private let loggedOn = "+OK User successfully logged on\r\n"
private let refused = "-ERR [AUTH] Logon failure: unknown user name or bad password\r\n"
private let malformed = "-ERR The AUTH protocol exchange is malformed\r\n"

func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

/// Logs on by NTLM as a client of the module under test would. Returns the server's last line.
func ntlmLogon(
    _ client: Conversation, domain: String, user: String, password: String = "secret", variant: NTLMVariant = .v2,
    initial: Bool = false, hoursOff: UInt64? = nil
) throws -> String {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 8)
    defer { memory.deallocate() }
    let secret = Array(password.utf8)
    let names = (Array(domain.utf8), Array(user.utf8))
    guard let hash = NTHash(passwordUTF8: secret.span) else { throw ConversationError() }
    let lmHash = LMHash(passwordUTF8: secret.span)
    let exchange = NTLM.ClientExchange(variant: variant)
    var writer = ByteWriter(memory)
    #expect(exchange.negotiate(into: &writer))
    let first = Data(writer.written).base64EncodedString()
    let challengeLine: String
    if initial {
        challengeLine = client.say("AUTH NTLM \(first)")
    } else {
        guard client.say("AUTH NTLM") == "+ \r\n" else { return client.received }
        challengeLine = client.say(first)
    }
    guard challengeLine.hasPrefix("+ "),
        let challenge = Data(base64Encoded: String(challengeLine.dropFirst(2).prefix { !$0.isNewline }))
    else {
        return challengeLine
    }
    var answer = ByteWriter(memory)
    var octets = Array(challenge)
    var time = FileTime.now()
    if let hoursOff {
        // A client that goes by its own clock: the server's time is made a pair that nobody knows.
        let stamp: [UInt8] = [7, 0, 8, 0]
        guard let place = octets.firstRange(of: stamp) else { throw ConversationError() }
        octets[place.lowerBound] = 11
        time &-= hoursOff * 3600 * 10_000_000
    }
    let outcome = exchange.authenticate(
        challenge: octets.span, domain: names.0.span, user: names.1.span, workstation: Span(), servicePrincipalName: Span(),
        secrets: ClientSecrets(hash: hash, lmHash: lmHash, clientChallenge: 0x1122_3344_5566_7788, nowFileTime: time),
        into: &answer)
    guard case .answered = outcome else { return "client: \(outcome)" }
    return client.say(Data(answer.written).base64EncodedString())
}

@Suite("The mechanisms, as clients use them")
struct MechanismTests {
    @Test("PLAIN, with and without an initial response")
    func plain() throws {
        let bench = try Bench()
        #expect(bench.session("AUTH PLAIN " + base64("\0user00001\0secret")) == loggedOn)
        #expect(bench.session("AUTH PLAIN", base64("\0user00002\0secret")) == "+ \r\n" + loggedOn)
        #expect(bench.session("auth plain " + base64("user00003\0user00003\0secret")) == loggedOn)
        #expect(bench.session("AUTH PLAIN " + base64("\0user00001\0wrong")) == refused)
        #expect(bench.session("AUTH PLAIN " + base64("user00002\0user00001\0secret")) == refused)
    }

    @Test("LOGIN, with and without the name as initial response")
    func login() throws {
        let bench = try Bench()
        let asksName = "+ \(base64("Username:"))\r\n"
        let asksPassword = "+ \(base64("Password:"))\r\n"
        #expect(bench.session("AUTH LOGIN", base64("user00001"), base64("secret")) == asksName + asksPassword + loggedOn)
        #expect(bench.session("AUTH LOGIN " + base64("user00002"), base64("secret")) == asksPassword + loggedOn)
        #expect(bench.session("AUTH LOGIN", base64("user00001"), base64("wrong")) == asksName + asksPassword + refused)
    }

    @Test("NTLM opens the mailbox of the account", arguments: [false, true])
    func ntlm(initial: Bool) throws {
        let client = try Bench().connect()
        #expect(try ntlmLogon(client, domain: "POPLAR", user: "User00001", initial: initial) == loggedOn)
        let direct = try Bench().connect()
        direct.say(["USER user00001", "PASS secret"])
        #expect(client.say("UIDL 1") == direct.say("UIDL 1"))
    }

    @Test("`*` ends an exchange with one refusal, and what follows in the same segment is understood")
    func cancel() throws {
        let client = try Bench().connect()
        #expect(client.say("AUTH NTLM") == "+ \r\n")
        let answers = client.send("*\r\nUSER user00001\r\nPASS secret\r\n")
        #expect(answers == "-ERR The AUTH protocol exchange was canceled by the client\r\n+OK Password required\r\n" + loggedOn)
    }

    @Test(
        "what is no message of the mechanism is refused, and the connection goes on",
        arguments: [
            ["AUTH PLAIN", "!!!!"], ["AUTH PLAIN", ""], ["AUTH PLAIN ="], ["AUTH PLAIN ===="], ["AUTH PLAIN Zg="],
            ["AUTH PLAIN Zh=="],
            ["AUTH NTLM", ""], ["AUTH NTLM", "="], ["AUTH NTLM ="], ["AUTH NTLM", "TlRMTVNTUAA="], ["AUTH NTLM", "* "],
            ["AUTH LOGIN", ""], ["AUTH LOGIN", "Zg==", ""], ["AUTH NTLM", "AUTH NTLM"], ["AUTH NTLM", "USER user00001"],
        ])
    func malformedExchange(lines: [String]) throws {
        let client = try Bench().connect()
        #expect(client.say(lines).hasSuffix(malformed))
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(loggedOn))
    }

    @Test("a mechanism that is not there", arguments: ["AUTH KERBEROS_V4", "AUTH DPA", "AUTH X abc"])
    func unknown(line: String) throws {
        let client = try Bench().connect()
        #expect(client.say(line) == "-ERR Authentication mechanism not supported\r\n")
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(loggedOn))
    }

    @Test("a SASL line of the limit is taken, a longer one refused, and the connection goes on")
    func longExchangeLine() throws {
        let client = try Bench().connect()
        client.say("AUTH NTLM")
        #expect(client.say(String(repeating: "A", count: 12_284)) == malformed)
        client.say("AUTH NTLM")
        #expect(client.say(String(repeating: "A", count: 40_000)) == malformed)
        #expect(client.say(["USER user00001", "PASS secret"]).hasSuffix(loggedOn))
    }

    @Test("an NTLMv2 answer may be 36 hours off; beyond that the client hears what it hears after a wrong password")
    func clock() throws {
        let bench = try Bench()
        for (hours, answer) in [(0, loggedOn), (35, loggedOn), (37, refused)] as [(UInt64, String)] {
            #expect(try ntlmLogon(bench.connect(), domain: "POPLAR", user: "user00001", hoursOff: hours) == answer, "\(hours) h")
        }
    }

    @Test("a failed NTLM logon falls back to Basic on the same connection, into another mailbox (Internet Mail 3.0)")
    func fallback() throws {
        let client = try Bench().connect()
        #expect(try ntlmLogon(client, domain: "POPLAR", user: "user00001", password: "wrong") == refused)
        #expect(client.say(["USER user00002", "PASS secret"]).hasSuffix(loggedOn))
    }
}

@Suite("Whose table a name is looked up in")
struct RealmTests {
    @Test(
        "the membership instance and the NT domains never answer for each other",
        arguments: [
            ("POPLAR", "user00001", true), ("MEMBERSHIP", "member00001", true), ("membership", "Member00001", true),
            ("MEMBERSHIP", "user00001", false), ("POPLAR", "member00001", false), ("", "member00001", false),
            ("", "user00001", true), ("ELSEWHERE", "user00001", true), ("ELSEWHERE", "member00001", false),
            ("", "user00001@POPLAR", true), ("", "member00001@MEMBERSHIP", true), ("", "user00001@MEMBERSHIP", false),
            ("POPLAR", "nobody", false),
        ])
    func separation(domain: String, user: String, admitted: Bool) throws {
        let line = try ntlmLogon(try Bench().connect(), domain: domain, user: user)
        #expect(line == (admitted ? loggedOn : refused))
    }

    @Test(
        "with the membership system alone, an empty or unknown domain means the instance",
        arguments: [
            ("", "member00001", true), ("ELSEWHERE", "member00001", true), ("MEMBERSHIP", "member00001", true),
            ("POPLAR", "user00001", false), ("", "user00001", false), ("POPLAR", "member00001", false),
        ])
    func membershipAlone(domain: String, user: String, admitted: Bool) throws {
        let line = try ntlmLogon(try Bench(Setting(methods: .membership)).connect(), domain: domain, user: user)
        #expect(line == (admitted ? loggedOn : refused))
    }

    @Test("members have no Basic logon, whatever they call themselves", arguments: ["member00001", "MEMBERSHIP\\member00001"])
    func membersAndBasic(name: String) throws {
        #expect(try Bench().session("USER \(name)", "PASS secret").hasSuffix(refused))
    }

    @Test(
        "the forms of a Basic name",
        arguments: [
            ("user00001", true), ("POPLAR\\user00001", true), ("poplar/USER00001", true), ("POPLAR\\user00001\\user00001", true),
            ("POPLAR/user00001\\user00001", true), ("POPLAR\\\\user00001\\\\user00001", true), ("ELSEWHERE\\user00001", false),
            ("\\user00001", false), ("POPLAR\\", false), ("POPLAR\\user00001\\", false), ("user00001 ", false),
        ])
    func names(name: String, admitted: Bool) throws {
        #expect(try Bench().session("USER \(name)", "PASS secret").hasSuffix(admitted ? loggedOn : refused))
    }

    @Test("somebody else's mailbox cannot be named")
    func foreignMailbox() throws {
        let answer = try Bench().session("USER POPLAR\\user00001\\user00002", "PASS secret")
        #expect(answer.hasSuffix("-ERR [SYS/PERM] The requested mailbox is not available on this server\r\n"))
    }
}

@Suite("The five switches hold for every command, and are what CAPA and AUTH list")
struct PolicyTests {
    /// All 32 settings of the page.
    static let settings = (UInt8(0)..<32).map { MethodSwitches(rawValue: $0) }

    @Test("in the clear, each setting", arguments: settings)
    func clear(methods: MethodSwitches) throws {
        let bench = try Bench(Setting(methods: methods))
        let basic = methods.contains(.basic)
        let ntlm = methods.contains(.ntlm)
        let membership = methods.contains(.membership)
        let disabled = "-ERR Clear text logon is disabled on this port\r\n"
        let noNTLM = "-ERR The NTLM authentication package is disabled on this port\r\n"

        let capabilities = bench.session("CAPA")
        #expect(capabilities.contains("\r\nUSER\r\n") == basic)
        #expect(capabilities.contains(" PLAIN LOGIN\r\n") == basic)
        #expect(capabilities.contains("SASL NTLM") == (ntlm || membership))
        let listed = bench.session("AUTH")
        #expect(listed.hasPrefix("+OK") == (basic || ntlm || membership))
        #expect(listed.contains("NTLM\r\n") == (ntlm || membership))
        #expect(listed.contains("PLAIN\r\nLOGIN\r\n") == basic)

        #expect(bench.session("USER user00001", "PASS secret").hasSuffix(basic ? loggedOn : disabled))
        #expect(bench.session("AUTH PLAIN " + base64("\0user00001\0secret")) == (basic ? loggedOn : disabled))
        #expect(
            bench.session("AUTH LOGIN " + base64("user00001"), base64("secret")).hasSuffix(
                basic ? loggedOn : "-ERR Unknown command\r\n"))
        let account = try ntlmLogon(bench.connect(), domain: "POPLAR", user: "user00001")
        #expect(account.hasSuffix(ntlm ? loggedOn : membership ? refused : noNTLM))
        let member = try ntlmLogon(bench.connect(), domain: "MEMBERSHIP", user: "member00001")
        #expect(member.hasSuffix(membership ? loggedOn : ntlm ? refused : noNTLM))
    }

    @Test("each channel has its own switches: one never stands for the other (KB235051)", arguments: settings)
    func channels(methods: MethodSwitches) {
        let clear = Channel(methods, .modern, encrypted: false, hasTLS: false, kinds: [])
        let encrypted = Channel(methods, .modern, encrypted: true, hasTLS: false, kinds: [])
        #expect(clear.offer.contains(.user) == methods.contains(.basic))
        #expect(encrypted.offer.contains(.user) == methods.contains(.basicSSL))
        #expect(clear.methods.ntlm == methods.contains(.ntlm))
        #expect(encrypted.methods.ntlm == methods.contains(.ntlmSSL))
        #expect(clear.offer.contains(.ntlm) == !methods.isDisjoint(with: [.ntlm, .membership]))
        #expect(encrypted.offer.contains(.ntlm) == !methods.isDisjoint(with: [.ntlmSSL, .membership]))
    }
}

@Suite("The compatibility level decides which responses are taken")
struct LevelTests {
    @Test("each level and variant", arguments: CompatibilityLevel.allCases, NTLMVariant.allCases)
    func levels(level: CompatibilityLevel, variant: NTLMVariant) throws {
        guard variant != .v2WithChannelBinding else { return }
        let line = try ntlmLogon(
            try Bench(Setting(level: level)).connect(), domain: "POPLAR", user: "user00001", variant: variant)
        let old = variant == .v1 || variant == .ntlm2Session
        #expect(line == (old && level == .level5 ? refused : loggedOn))
    }
}
