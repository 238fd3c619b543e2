// CRAM-MD5, both sides, against the RFC's example; the secret's side of the check is in AccountsTests.

import Digest
import PoplarCore
import SASL
import Testing

/// One step of a client of CRAM-MD5 or SCRAM.
func respond(
    _ exchange: inout SASL.ClientExchange, to challenge: [UInt8], user: String, password: String, authorization: String = "",
    random: (UInt64, UInt64) = (5, 6), keys: inout SCRAMClientKeys?, capacity: Int = 4096
) -> (step: ClientStep, octets: [UInt8]) {
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
    defer { output.deallocate() }
    var writer = ByteWriter(output)
    let step = exchange.step(
        challenge: challenge.span, authorization: octets(authorization).span, user: octets(user).span,
        password: octets(password).span, random: random, keys: &keys, into: &writer)
    return (step, Array(writer.written))
}

@Suite("CRAM-MD5 (RFC 2195)")
struct CramTests {
    @Test("the client answers the RFC's example as it stands there")
    func example() {
        var client = SASL.ClientExchange(mechanism: .cramMD5)
        var keys: SCRAMClientKeys?
        let challenge = octets("<1896.697170952@postoffice.reston.mci.net>")
        let answer = respond(&client, to: challenge, user: "tim", password: "tanstaaftanstaaf", keys: &keys)
        #expect(answer.step == .respond && answer.octets == octets("tim b913a602c7eda7a495b4e6e7334d3890"))
        #expect(client.isFinished && keys == nil)
        let again = respond(&client, to: challenge, user: "tim", password: "p", keys: &keys)
        #expect(again.step == .failed(.outOfSequence) && again.octets.isEmpty)
    }

    @Test("the server keeps its challenge and the client's name, which may hold blanks", arguments: ["tim", "D\\a b\\c", "ü"])
    func exchange(user: String) throws {
        let bench = try Bench(.cramMD5)
        #expect(bench.exchange.needsRandom)
        #expect(bench.begin() == .challenge && bench.challenge == octets("<1896.697170952@host.example>"))
        #expect(!bench.exchange.needsRandom)
        let challenge = bench.challenge
        var client = SASL.ClientExchange(mechanism: .cramMD5)
        var keys: SCRAMClientKeys?
        let answer = respond(&client, to: challenge, user: user, password: "secret", keys: &keys).octets
        guard case .verifyCRAMMD5(let claim) = bench.step(answer) else {
            Issue.record("no claim")
            return
        }
        #expect(bench.text(claim.user) == user && octets(bench.text(claim.challenge)) == challenge)
        #expect(claim.digest == HMACMD5.authenticate(challenge.span, key: octets("secret").span))
        #expect(bench.step(answer) == .failed(.outOfSequence))
    }

    static let digest = String(repeating: "0a", count: 16)
    static let bad: [(String, ServerFailure)] = [
        ("", .malformed), ("tim", .malformed), (digest, .malformed), ("tim" + digest, .malformed),
        ("tim " + digest + "0", .malformed),
        ("tim " + digest.dropLast(), .malformed), ("tim " + digest.dropLast() + "g", .malformed),
        ("tim  " + digest.dropLast(), .malformed), (" " + digest, .badName), ("t\0m " + digest, .badName),
        (String(repeating: "t", count: 513) + " " + digest, .tooLong),
    ]

    @Test("what is not a name and a digest is refused", arguments: bad)
    func refused(response: String, failure: ServerFailure) throws {
        let bench = try Bench(.cramMD5)
        _ = bench.begin()
        #expect(bench.step(octets(response)) == .failed(failure))
        #expect(bench.step(octets("tim " + Self.digest)) == .failed(.outOfSequence))
    }

    @Test("the server speaks first: an initial response is refused")
    func initialResponse() throws {
        #expect(try Bench(.cramMD5).step(octets("tim " + Self.digest)) == .failed(.malformed))
    }

    @Test("too little memory refuses, and writes no further")
    func memory() throws {
        let bench = try Bench(.cramMD5)
        _ = bench.begin()
        #expect(bench.step(octets("tim " + Self.digest), memory: bench.challenge.count + 2) == .failed(.tooLong))
    }

    @Test("a client refuses an empty challenge, and names that it cannot say")
    func client() {
        for (challenge, user, failure) in [
            ("", "tim", ClientFailure.malformed), ("<a>", "", .badName), ("<a>", "t\nm", .badName),
        ] {
            var client = SASL.ClientExchange(mechanism: .cramMD5)
            var keys: SCRAMClientKeys?
            #expect(respond(&client, to: octets(challenge), user: user, password: "p", keys: &keys).step == .failed(failure))
            #expect(client.isFinished)
        }
        var client = SASL.ClientExchange(mechanism: .cramMD5)
        var keys: SCRAMClientKeys?
        let answer = respond(&client, to: octets("<a>"), user: "tim", password: "p", keys: &keys, capacity: 35)
        #expect(answer.step == .failed(.noRoom) && answer.octets.isEmpty)
    }
}
