// The mechanisms, both sides: whole exchanges, initial responses, and what is refused.

import Digest
import NTLM
import PoplarCore
import Testing

@testable import SASL

func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A server exchange with its memory.
final class Bench {
    var exchange: SASL.ServerExchange
    let settings: NTLM.ServerSettings
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: SASL.ServerExchange.memorySize, alignment: 8)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    private(set) var challenge: [UInt8] = []

    init(_ mechanism: Mechanism) throws {
        exchange = SASL.ServerExchange(mechanism: mechanism)
        settings = try ServerSettings(names: ServerNames(netBIOSComputer: "SERVER", netBIOSDomain: "DOMAIN"))
    }

    deinit {
        memory.deallocate()
        output.deallocate()
    }

    func begin() -> ServerStep {
        var writer = ByteWriter(output)
        let step = exchange.begin(
            randomChallenge: 1896, nowFileTime: 697_170_952, host: octets("host.example").span, memory: memory, into: &writer)
        challenge = Array(writer.written)
        return step
    }

    func step(_ response: [UInt8], memory size: Int = SASL.ServerExchange.memorySize) -> ServerStep {
        var writer = ByteWriter(output)
        let step = exchange.step(
            response.span, settings: settings, randomChallenge: 42, nowFileTime: 133_000_000_000_000_000,
            memory: UnsafeMutableRawBufferPointer(rebasing: memory[..<size]), into: &writer)
        challenge = Array(writer.written)
        return step
    }

    /// Answers a look-up as a server does that knows `verifier`.
    func challenge(_ verifier: SCRAMVerifier, nonce: String? = nil, memory size: Int = SASL.ServerExchange.memorySize)
        -> ServerStep
    {
        var writer = ByteWriter(output)
        let lent = UnsafeMutableRawBufferPointer(rebasing: memory[..<size])
        let step: ServerStep
        if let nonce {
            step = octets(nonce).withUnsafeBytes { exchange.challengeSCRAM(verifier, nonce: $0, memory: lent, into: &writer) }
        } else {
            step = exchange.challengeSCRAM(verifier, random: (1, 2), memory: lent, into: &writer)
        }
        challenge = Array(writer.written)
        return step
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: memory[range]), as: UTF8.self)
    }

    /// The three parts of a claim as text.
    func claim(_ step: ServerStep) -> [String]? {
        guard case .verifyPassword(let claim) = step else { return nil }
        return [claim.authorization, claim.user, claim.password].map {
            String(decoding: UnsafeRawBufferPointer(rebasing: memory[$0]), as: UTF8.self)
        }
    }
}

func respond(
    _ exchange: inout SASL.ClientExchange, user: String, password: String, authorization: String = "", capacity: Int = 2048
) -> [UInt8]? {
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
    defer { output.deallocate() }
    var writer = ByteWriter(output)
    let step = exchange.step(
        authorization: octets(authorization).span, user: octets(user).span, password: octets(password).span, into: &writer)
    return step == .respond ? Array(writer.written) : nil
}

@Suite("Mechanism names")
struct NameTests {
    @Test(
        "are found in either case",
        arguments: [
            ("PLAIN", Mechanism.plain), ("login", .login), ("Ntlm", .ntlm), ("cram-md5", .cramMD5),
            ("Scram-Sha-256", .scramSHA256),
        ])
    func found(text: String, mechanism: Mechanism) {
        let found = Mechanism(name: octets(text).span)
        #expect(found == mechanism)
    }

    @Test(
        "others are not",
        arguments: ["", "PLAI", "PLAINS", "NTLM ", "MSN", "GSSAPI", "CRAM-MD", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"])
    func unknown(text: String) {
        let found = Mechanism(name: octets(text).span)
        #expect(found == nil)
    }
}

@Suite("PLAIN (RFC 4616)")
struct PlainTests {
    @Test(
        "the RFC's examples, with and without an initial response",
        arguments: [
            ("\0tim\0tanstaaftanstaaf", ["", "tim", "tanstaaftanstaaf"]),
            ("Ursel\0Kurt\0xipj3plmq", ["Ursel", "Kurt", "xipj3plmq"]),
        ])
    func examples(message: String, parts: [String]) throws {
        let direct = try Bench(.plain)
        #expect(direct.claim(direct.step(octets(message))) == parts)
        let asked = try Bench(.plain)
        #expect(asked.begin() == .challenge && asked.challenge.isEmpty)
        #expect(asked.claim(asked.step(octets(message))) == parts)
        #expect(asked.step(octets(message)) == .failed(.outOfSequence))
        var client = SASL.ClientExchange(mechanism: .plain)
        #expect(respond(&client, user: parts[1], password: parts[2], authorization: parts[0]) == octets(message))
        #expect(client.isFinished && respond(&client, user: "a", password: "b") == nil)
    }

    static let longText = String(repeating: "x", count: 513)
    static let bad: [(String, ServerFailure)] = [
        ("", .malformed), ("user", .malformed), ("\0user", .malformed), ("\0user\0pass\0", .malformed), ("\0\0\0", .malformed),
        ("\0\0", .badName), ("\0user\0", .badName), ("\0\0pass", .badName), ("\0us\ner\0pass", .badName),
        ("a\u{7F}\0u\0p", .badName), ("\0\(longText)\0p", .tooLong), ("\0u\0\(longText)", .tooLong),
        ("\(longText)\0u\0p", .tooLong),
    ]

    @Test("bad messages are refused", arguments: bad)
    func refused(message: String, failure: ServerFailure) throws {
        let bench = try Bench(.plain)
        #expect(bench.step(octets(message)) == .failed(failure))
        #expect(bench.step(octets("\0u\0p")) == .failed(.outOfSequence))
    }

    @Test("the longest names and password fit, in the memory that is lent and not in less")
    func longest() throws {
        let part = String(repeating: "x", count: 512)
        let message = octets(part + "\0" + part + "\0" + part)
        let bench = try Bench(.plain)
        #expect(bench.claim(bench.step(message)) == [part, part, part])
        #expect(try Bench(.plain).step(message, memory: message.count - 1) == .failed(.tooLong))
    }

    @Test("a client does not put a NUL into a message")
    func clientNUL() {
        var client = SASL.ClientExchange(mechanism: .plain)
        #expect(respond(&client, user: "a\0b", password: "c") == nil)
    }
}

@Suite("LOGIN")
struct LoginTests {
    @Test("name, then password; the client answers by position")
    func exchange() throws {
        let bench = try Bench(.login)
        var client = SASL.ClientExchange(mechanism: .login)
        #expect(bench.begin() == .challenge && bench.challenge == octets("Username:"))
        let name = try #require(respond(&client, user: "DOMAIN\\user\\alias", password: "se cret"))
        #expect(bench.step(name) == .challenge && bench.challenge == octets("Password:"))
        let password = try #require(respond(&client, user: "DOMAIN\\user\\alias", password: "se cret"))
        #expect(bench.claim(bench.step(password)) == ["", "DOMAIN\\user\\alias", "se cret"])
        #expect(bench.step(password) == .failed(.outOfSequence))
        #expect(respond(&client, user: "a", password: "b") == nil)
    }

    @Test("an initial response is the name")
    func initialResponse() throws {
        let bench = try Bench(.login)
        #expect(bench.step(octets("user")) == .challenge && bench.challenge == octets("Password:"))
        #expect(bench.claim(bench.step(octets("p\0w"))) == ["", "user", "p\0w"])
    }

    @Test("bad names and passwords are refused")
    func refused() throws {
        for (name, failure) in [("", ServerFailure.badName), ("a\0b", .badName), (String(repeating: "u", count: 513), .tooLong)] {
            #expect(try Bench(.login).step(octets(name)) == .failed(failure))
        }
        for (password, failure) in [("", ServerFailure.badName), (String(repeating: "p", count: 513), .tooLong)] {
            let bench = try Bench(.login)
            _ = bench.step(octets("user"))
            #expect(bench.step(octets(password)) == .failed(failure))
        }
        let small = try Bench(.login)
        #expect(small.step(octets("user"), memory: 4) == .challenge)
        #expect(small.step(octets("p"), memory: 4) == .failed(.tooLong))
        let smaller = try Bench(.login)
        #expect(smaller.step(octets("user"), memory: 8) == .challenge)
        #expect(smaller.step(octets("p"), memory: 3) == .failed(.tooLong))
    }

    @Test("a response that does not fit is none")
    func noRoom() {
        var client = SASL.ClientExchange(mechanism: .login)
        #expect(respond(&client, user: "user", password: "p", capacity: 3) == nil)
        #expect(client.isFinished)
    }
}

@Suite("NTLM")
struct NegotiateTests {
    func secrets(_ password: String) throws -> ClientSecrets {
        let text = octets(password)
        let hash = NTHash(passwordUTF8: text.span)
        return ClientSecrets(hash: try #require(hash), clientChallenge: 7, nowFileTime: 133_000_000_000_000_000)
    }

    func step(_ client: inout SASL.ClientExchange, _ challenge: [UInt8], _ secrets: ClientSecrets) -> [UInt8]? {
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        defer { output.deallocate() }
        var writer = ByteWriter(output)
        let step = client.step(
            challenge: challenge.span, domain: octets("DOMAIN").span, user: octets("user").span, workstation: octets("WS").span,
            secrets: secrets, into: &writer)
        return step == .respond ? Array(writer.written) : nil
    }

    @Test("three messages, with and without an initial response", arguments: [true, false], ["secret", "wrong"])
    func exchange(initialResponse: Bool, password: String) throws {
        let bench = try Bench(.ntlm)
        var client = SASL.ClientExchange(mechanism: .ntlm, variant: .v2WithMIC)
        let credentials = try secrets(password)
        if !initialResponse { #expect(bench.begin() == .challenge && bench.challenge.isEmpty) }
        #expect(bench.exchange.needsRandom)
        let type1 = try #require(step(&client, octets("+OK any text"), credentials))
        #expect(bench.step(type1) == .challenge && !bench.exchange.needsRandom)
        let type3 = try #require(step(&client, bench.challenge, credentials))
        guard case .verifyNTLM(let domain, let user, let isUnicode) = bench.step(type3) else {
            Issue.record("no identity")
            return
        }
        #expect(domain.count == 12 && user.count == 8 && isUnicode)
        let verdict = bench.exchange.verifyNTLM(
            type3.span, hash: try secrets("secret").hash, settings: bench.settings, nowFileTime: 133_000_000_000_000_000,
            memory: UnsafeRawBufferPointer(bench.memory))
        #expect(verdict == (password == "secret" ? .accepted : .wrongResponse))
        #expect(bench.step(type3) == .failed(.outOfSequence))
        #expect(step(&client, bench.challenge, credentials) == nil)
    }

    @Test("an empty type 1 or type 3 fails the exchange, not the process")
    func empty() throws {
        let first = try Bench(.ntlm)
        #expect(first.step([]) == .failed(.ntlm(.tooShort)))
        #expect(first.step([]) == .failed(.outOfSequence))
        let second = try Bench(.ntlm)
        var client = SASL.ClientExchange(mechanism: .ntlm)
        let type1 = try #require(step(&client, [], try secrets("secret")))
        #expect(second.step(type1) == .challenge)
        #expect(second.step([]) == .failed(.ntlm(.tooShort)))
    }

    @Test("a bad challenge fails the client's exchange")
    func badChallenge() throws {
        for challenge in ["", "Username:", "NTLMSSP\0", String(repeating: "\0", count: 9000)] {
            var client = SASL.ClientExchange(mechanism: .ntlm)
            #expect(try step(&client, [], secrets("secret")) != nil)
            #expect(try step(&client, octets(challenge), secrets("secret")) == nil)
            #expect(client.isFinished)
        }
    }

    @Test("a step of the other kind is out of sequence")
    func otherKind() throws {
        var ntlm = SASL.ClientExchange(mechanism: .ntlm)
        #expect(respond(&ntlm, user: "u", password: "p") == nil)
        var plain = SASL.ClientExchange(mechanism: .plain)
        #expect(try step(&plain, [], secrets("p")) == nil)
    }
}
