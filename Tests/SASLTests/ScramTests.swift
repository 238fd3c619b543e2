// SCRAM-SHA-256, both sides: the RFC's example word for word, every octet of an exchange changed, what is refused, and that an
// unknown user cannot be told from a wrong password.

import Digest
import PoplarCore
import Testing

@testable import SASL

private let clientNonce = "rOprNGfwEbeRWgbNEkqO"
private let serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
private let clientFirst = "n,,n=user,r=" + clientNonce
private let serverFirst = "r=" + clientNonce + serverNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
private let proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
private let clientFinal = "c=biws,r=" + clientNonce + serverNonce + proof
private let serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
/// The two words whose first fifteen octets are the client's nonce.
private let clientRandom: (UInt64, UInt64) = (0xB711_F067_346B_EAAC, 0x008E_4A12_CD06_5A91)

private let verifier: SCRAMVerifier? = Digest16(hex: "5b6d99689d12358eeca04b141236fa81").flatMap {
    SCRAMVerifier(password: octets("pencil").span, salt: $0)
}
private let decoy = SCRAMVerifier(
    salt: Digest16(low: 1, high: 2), iterations: 4096, storedKey: SHA256.hash(octets("nobody").span),
    serverKey: SHA256.hash(octets("nobody").span))

@Suite("SCRAM-SHA-256 (RFC 5802, RFC 7677)")
struct ScramServerTests {
    /// An exchange of the RFC's up to the server's first message.
    private func challenged(_ first: String = clientFirst) throws -> Bench {
        let bench = try Bench(.scramSHA256)
        guard case .lookUpSCRAM = bench.step(octets(first)) else { throw Missing() }
        let step = bench.challenge(try #require(verifier), nonce: serverNonce)
        try #require(step == .challenge)
        return bench
    }

    private struct Missing: Error {}

    @Test("the server says what RFC 7677, section 3 has it say", arguments: [true, false])
    func example(initialResponse: Bool) throws {
        let bench = try Bench(.scramSHA256)
        if !initialResponse { #expect(bench.begin() == .challenge && bench.challenge.isEmpty) }
        #expect(!bench.exchange.needsRandom)
        guard case .lookUpSCRAM(let user) = bench.step(octets(clientFirst)) else {
            Issue.record("no look-up")
            return
        }
        #expect(bench.text(user) == "user" && bench.challenge.isEmpty)
        #expect(bench.challenge(try #require(verifier), nonce: serverNonce) == .challenge)
        #expect(bench.challenge == octets(serverFirst))
        #expect(bench.step(octets(clientFinal)) == .challenge && bench.challenge == octets(serverFinal))
        #expect(bench.step([]) == .acceptedSCRAM(user: user))
        #expect(bench.step([]) == .failed(.outOfSequence))
    }

    @Test("one bit changed in any octet of the client's messages logs nobody on", arguments: 0..<8)
    func changed(bit: Int) throws {
        for place in octets(clientFinal).indices {
            let bench = try challenged()
            var final = octets(clientFinal)
            final[place] ^= 1 << UInt8(bit)
            let step = bench.step(final)
            #expect(step == .failed(.wrongProof) || step == .failed(.malformed), "client-final, \(place)")
            #expect(bench.challenge.isEmpty && bench.step([]) == .failed(.outOfSequence))
        }
        for place in octets(clientFirst).indices {
            let bench = try Bench(.scramSHA256)
            var first = octets(clientFirst)
            first[place] ^= 1 << UInt8(bit)
            guard case .lookUpSCRAM = bench.step(first) else { continue }
            guard bench.challenge(try #require(verifier), nonce: serverNonce) == .challenge else { continue }
            let step = bench.step(octets(clientFinal))
            #expect(step == .failed(.wrongProof) || step == .failed(.malformed), "client-first, \(place)")
        }
    }

    @Test("an unknown user's exchange has the form and the end of a wrong password's")
    func unknown() throws {
        var ends: [ServerStep] = []
        var sizes: [Int] = []
        for stored in [try #require(verifier), decoy] {
            let bench = try Bench(.scramSHA256)
            var client = SASL.ClientExchange(mechanism: .scramSHA256)
            var keys: SCRAMClientKeys?
            _ = bench.step(respond(&client, to: [], user: "user", password: "wrong", keys: &keys).octets)
            #expect(bench.challenge(stored) == .challenge)
            sizes.append(bench.challenge.count)
            ends.append(bench.step(respond(&client, to: bench.challenge, user: "user", password: "wrong", keys: &keys).octets))
        }
        #expect(ends == [.failed(.wrongProof), .failed(.wrongProof)] && sizes[0] == sizes[1])
    }

    static let long = String(repeating: "x", count: 513)
    static let badFirst: [(String, ServerFailure)] = [
        ("", .malformed), ("n", .malformed), ("n,", .malformed), ("n,,", .malformed), ("x,,n=u,r=n", .malformed),
        ("n,n=u,r=n", .malformed), ("n,a=,n=u,r=n", .malformed), ("n,a=un=u,r=n", .malformed), ("N,,n=u,r=n", .malformed),
        ("n,,n=u", .malformed), ("n,,n=u,", .malformed), ("n,,n=u,r=", .malformed), ("n,,n=,r=n", .malformed),
        ("n,,r=n,n=u", .malformed), ("n,,n=u,r=n,", .malformed), ("n,,n=u,r=n,x", .malformed), ("n,,n=u,r=n,x=", .malformed),
        ("n,,n=u,r=n,1=v", .malformed), ("n,,n=u,r=a b", .malformed), ("n,,n=u,r=a\u{E9}", .malformed),
        ("n,,m=1,n=u,r=n", .malformed), ("n,,n=u,r=n,m=1", .malformed), ("n,,n=u,r=n,p=AAAA", .malformed),
        ("n,,n=a=b,r=n", .malformed), ("n,,n=a=,r=n", .malformed), ("n,,n=a=2,r=n", .malformed), ("n,,n=a=2c,r=n", .malformed),
        ("n,,n=u\0,r=n", .badName), ("n,,n=u\u{7F},r=n", .badName), ("n,,n=u\u{85},r=n", .badName), ("n,,n=\n,r=n", .badName),
        ("n,,n=\(long),r=n", .tooLong), ("n,,n=u,r=\(String(repeating: "n", count: 129))", .tooLong),
        ("n,a=v,n=u,r=n", .authorization), ("n,a=uu,n=u,r=n", .authorization),
        ("p=tls-unique,,n=u,r=n", .channelBinding), ("p=tls-server-end-point,,n=u,r=n", .channelBinding),
    ]

    @Test("a client-first of another form is refused", arguments: badFirst)
    func first(message: String, failure: ServerFailure) throws {
        let bench = try Bench(.scramSHA256)
        #expect(bench.step(octets(message)) == .failed(failure))
        #expect(bench.step(octets(clientFirst)) == .failed(.outOfSequence))
    }

    @Test("names that are not UTF-8 are refused", arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF]] as [[UInt8]])
    func notUTF8(name: [UInt8]) throws {
        #expect(try Bench(.scramSHA256).step(octets("n,,n=") + name + octets(",r=n")) == .failed(.malformed))
    }

    @Test(
        "names lose their escapes; the user itself may be named, a client that could bind is taken, extensions are passed over",
        arguments: [
            ("n,,n=a=2Cb=3Dc,r=n", "a,b=c"), ("y,,n=user,r=n", "user"), ("n,a=user,n=user,r=n", "user"),
            ("n,a=USER,n=user,r=n", "user"), ("n,a=a=2Cb,n=a=2Cb,r=n", "a,b"),
            ("n,,n=\u{65E5}\u{672C}\u{A0},r=n", "\u{65E5}\u{672C}\u{A0}"),
            ("n,,n=u,r=n,x=1,Y=a=b", "u"), ("n,,n=POPLAR\\user\\alias,r=n", "POPLAR\\user\\alias"),
        ])
    func taken(message: String, user: String) throws {
        let bench = try Bench(.scramSHA256)
        guard case .lookUpSCRAM(let range) = bench.step(octets(message)) else {
            Issue.record("refused")
            return
        }
        #expect(bench.text(range) == user)
        #expect(bench.challenge(try #require(verifier), nonce: serverNonce) == .challenge)
        #expect(bench.challenge == octets("r=n" + serverNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
    }

    static let badFinal = [
        "", "c=biws", "c=biws,r=" + clientNonce + serverNonce, "r=" + clientNonce + serverNonce + ",c=biws" + proof,
        "c=biws,r=" + clientNonce + proof, "c=biws,r=" + clientNonce + serverNonce + "x" + proof,
        "c=eSws,r=" + clientNonce + serverNonce + proof, "c=biw=,r=" + clientNonce + serverNonce + proof,
        "c=,r=" + clientNonce + serverNonce + proof, clientFinal + ",x=1", clientFinal + proof,
        "c=biws,r=" + clientNonce + serverNonce + ",p=AAAA", "c=biws,r=" + clientNonce + serverNonce + ",p=",
        "c=biws,r=" + clientNonce + serverNonce + ",m=1" + proof, " " + clientFinal, clientFinal + " ", "c=biwsbiws,r=n" + proof,
    ]

    @Test("a client-final of another form, nonce or header is refused", arguments: badFinal)
    func final(message: String) throws {
        let bench = try challenged()
        #expect(bench.step(octets(message)) == .failed(.malformed))
        #expect(bench.step(octets(clientFinal)) == .failed(.outOfSequence))
    }

    @Test("the client's last answer is empty, or it is not logged on")
    func last() throws {
        let bench = try challenged()
        #expect(bench.step(octets(clientFinal)) == .challenge)
        #expect(bench.step(octets("x")) == .failed(.malformed))
        #expect(bench.step([]) == .failed(.outOfSequence))
    }

    @Test("a look-up comes once, in its place, in SCRAM alone")
    func sequence() throws {
        let stored = try #require(verifier)
        #expect(try Bench(.scramSHA256).challenge(stored) == .failed(.outOfSequence))
        #expect(try Bench(.plain).challenge(stored) == .failed(.outOfSequence))
        #expect(try challenged().challenge(stored) == .failed(.outOfSequence))
        let bench = try Bench(.scramSHA256)
        _ = bench.step(octets(clientFirst))
        #expect(bench.step(octets(clientFinal)) == .failed(.outOfSequence))
    }

    @Test("the longest name and nonce fit into the memory; with less lent, nothing is written past it", arguments: [true, false])
    func memory(authorization: Bool) throws {
        let name = String(repeating: "x", count: 512)
        let first = "n," + (authorization ? "a=" + name : "") + ",n=" + name + ",r=" + String(repeating: "n", count: 128)
        let whole = try Bench(.scramSHA256)
        guard case .lookUpSCRAM = whole.step(octets(first)) else {
            Issue.record("refused")
            return
        }
        #expect(whole.challenge(decoy) == .challenge)
        for size in [0, 63, 64, 65, 575, 576, 577, 576 + first.utf8.count - 1] {
            #expect(try Bench(.scramSHA256).step(octets(first), memory: size) == .failed(.tooLong))
        }
        let tight = try Bench(.scramSHA256)
        let end = 576 + first.utf8.count
        guard case .lookUpSCRAM = tight.step(octets(first), memory: end) else {
            Issue.record("refused")
            return
        }
        #expect(tight.challenge(decoy, memory: end) == .failed(.tooLong))
    }
}

@Suite("SCRAM-SHA-256, the client")
struct ScramClientTests {
    /// A client of the RFC's example that has sent its first message.
    private func begun(_ keys: inout SCRAMClientKeys?) -> SASL.ClientExchange {
        var client = SASL.ClientExchange(mechanism: .scramSHA256)
        _ = respond(&client, to: [], user: "user", password: "pencil", random: clientRandom, keys: &keys)
        return client
    }

    @Test("the client says what RFC 7677, section 3 has it say, and keeps its keys for the next time")
    func example() {
        var keys: SCRAMClientKeys?
        for round in 0..<2 {
            var client = SASL.ClientExchange(mechanism: .scramSHA256)
            // With keys at hand the password is not looked at.
            let password = round == 0 ? "pencil" : ""
            let first = respond(
                &client, to: octets("any text"), user: "user", password: password, random: clientRandom, keys: &keys)
            #expect(first.step == .respond && first.octets == octets(clientFirst))
            let final = respond(&client, to: octets(serverFirst), user: "user", password: password, keys: &keys)
            #expect(final.step == .respond && final.octets == octets(clientFinal) && !client.isFinished)
            let end = respond(&client, to: octets(serverFinal), user: "user", password: password, keys: &keys)
            #expect(end.step == .respond && end.octets.isEmpty && client.isFinished)
            let more = respond(&client, to: [], user: "user", password: password, keys: &keys)
            #expect(more.step == .failed(.outOfSequence))
        }
    }

    @Test(
        "both sides agree, whatever the names and the password", arguments: ["secret", "", "p\u{E4}ss,=\0"],
        ["user", "a,b=c", "\u{65E5}"])
    func together(password: String, user: String) throws {
        let bench = try Bench(.scramSHA256)
        let stored = SCRAMVerifier(password: octets(password).span, salt: Digest16(low: 3, high: 4), iterations: 5000)
        var client = SASL.ClientExchange(mechanism: .scramSHA256)
        var keys: SCRAMClientKeys?
        let first = respond(&client, to: [], user: user, password: password, authorization: user, keys: &keys)
        guard case .lookUpSCRAM(let range) = bench.step(first.octets) else {
            Issue.record("refused")
            return
        }
        #expect(bench.text(range) == user)
        #expect(bench.challenge(try #require(stored)) == .challenge)
        let final = respond(&client, to: bench.challenge, user: user, password: password, authorization: user, keys: &keys)
        #expect(bench.step(final.octets) == .challenge)
        let end = respond(&client, to: bench.challenge, user: user, password: password, authorization: user, keys: &keys)
        #expect(end.step == .respond && bench.step(end.octets) == .acceptedSCRAM(user: range))
    }

    private static let badFirst: [(String, ClientFailure)] = [
        ("", .malformed), ("x", .malformed), ("e=unknown-user", .serverRefused), ("s=AAAA,r=n,i=4096", .malformed),
        ("r=" + clientNonce + ",s=AAAA,i=4096", .malformed), ("r=" + serverNonce + ",s=AAAA,i=4096", .malformed),
        ("r=" + clientNonce + "x,s=AAAA", .malformed), ("r=" + clientNonce + "x,s=,i=4096", .malformed),
        ("r=" + clientNonce + "x,s=AAA,i=4096", .malformed), ("r=" + clientNonce + "x,s=AAAA,i=", .malformed),
        ("r=" + clientNonce + "x,s=AAAA,i=04096", .malformed), ("r=" + clientNonce + "x,s=AAAA,i=-1", .malformed),
        ("r=" + clientNonce + "x,s=AAAA,i=4096,m=1", .malformed), ("r=" + clientNonce + "x,s=AAAA,i=4096,", .malformed),
        ("m=1,r=" + clientNonce + "x,s=AAAA,i=4096", .malformed), ("r=" + clientNonce + " x,s=AAAA,i=4096", .malformed),
        ("r=" + clientNonce + "x,s=" + String(repeating: "A", count: 88) + ",i=4096", .malformed),
        ("r=" + clientNonce + String(repeating: "x", count: 237) + ",s=AAAA,i=4096", .malformed),
        ("r=" + clientNonce + "x,s=AAAA,i=1", .iterations), ("r=" + clientNonce + "x,s=AAAA,i=4095", .iterations),
        ("r=" + clientNonce + "x,s=AAAA,i=100001", .iterations), ("r=" + clientNonce + "x,s=AAAA,i=4294971392", .iterations),
        ("r=" + clientNonce + "x,s=AAAA,i=18446744073709551616", .malformed),
    ]

    @Test("a server-first of another form, or that is none to this client, fails the exchange", arguments: badFirst)
    func first(challenge: String, failure: ClientFailure) {
        var keys: SCRAMClientKeys?
        var client = begun(&keys)
        let answer = respond(&client, to: octets(challenge), user: "user", password: "pencil", keys: &keys)
        #expect(answer.step == .failed(failure) && answer.octets.isEmpty && client.isFinished)
    }

    @Test("one bit changed in any octet of the server's messages fails the exchange", arguments: [0, 3, 6])
    func changed(bit: Int) {
        var kept: SCRAMClientKeys?
        var whole = begun(&kept)
        let expected = respond(&whole, to: octets(serverFirst), user: "user", password: "pencil", keys: &kept).octets
        for place in octets(serverFirst).indices {
            var keys: SCRAMClientKeys? = kept
            var client = begun(&keys)
            var first = octets(serverFirst)
            first[place] ^= 1 << UInt8(bit)
            let answer = respond(&client, to: first, user: "user", password: "pencil", keys: &keys)
            #expect(answer.step != .respond || answer.octets != expected, "server-first, \(place)")
        }
        for place in octets(serverFinal).indices {
            var keys: SCRAMClientKeys? = kept
            var client = whole
            var final = octets(serverFinal)
            final[place] ^= 1 << UInt8(bit)
            let answer = respond(&client, to: final, user: "user", password: "pencil", keys: &keys)
            #expect(answer.step != .respond && client.isFinished, "server-final, \(place)")
        }
    }

    @Test(
        "a server that does not hold the verifier is found out",
        arguments: [
            ("v=" + String(repeating: "A", count: 43) + "=", ClientFailure.serverSignature), ("v=", .malformed), ("", .malformed),
            ("v=AAAA", .malformed), ("e=invalid-proof", .serverRefused), (serverFinal + ",m=1", .malformed),
        ])
    func final(challenge: String, failure: ClientFailure) {
        var keys: SCRAMClientKeys?
        var client = begun(&keys)
        _ = respond(&client, to: octets(serverFirst), user: "user", password: "pencil", keys: &keys)
        #expect(respond(&client, to: octets(challenge), user: "user", password: "pencil", keys: &keys).step == .failed(failure))
    }

    @Test("names that it cannot say, and too little room, fail the exchange")
    func refused() {
        for (user, authorization) in [("", ""), ("a\0b", ""), ("a\u{85}", ""), ("a", "b\n")] {
            var keys: SCRAMClientKeys?
            var client = SASL.ClientExchange(mechanism: .scramSHA256)
            let answer = respond(&client, to: [], user: user, password: "p", authorization: authorization, keys: &keys)
            #expect(answer.step == .failed(.badName) && answer.octets.isEmpty)
        }
        for capacity in [0, 10, clientFirst.utf8.count - 1] {
            var keys: SCRAMClientKeys?
            var client = SASL.ClientExchange(mechanism: .scramSHA256)
            let answer = respond(&client, to: [], user: "user", password: "p", keys: &keys, capacity: capacity)
            #expect(answer.step == .failed(.noRoom) && answer.octets.isEmpty && client.isFinished)
        }
        for capacity in [50, 100, 150] {
            var keys: SCRAMClientKeys?
            var client = begun(&keys)
            let answer = respond(
                &client, to: octets(serverFirst), user: "user", password: "pencil", keys: &keys, capacity: capacity)
            #expect(answer.step == .failed(.noRoom) && answer.octets.isEmpty && client.isFinished)
        }
    }

    @Test("a step of another kind is out of sequence")
    func otherKind() {
        for mechanism in [Mechanism.cramMD5, .scramSHA256] {
            var client = SASL.ClientExchange(mechanism: mechanism)
            #expect(respond(&client, user: "u", password: "p") == nil && client.isFinished)
        }
        for mechanism in [Mechanism.plain, .login, .ntlm] {
            var client = SASL.ClientExchange(mechanism: mechanism)
            var keys: SCRAMClientKeys?
            #expect(respond(&client, to: octets("x"), user: "u", password: "p", keys: &keys).step == .failed(.outOfSequence))
        }
    }
}
