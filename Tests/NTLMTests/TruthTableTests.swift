// Who is let in: every client variant at every level of the server, in either encoding, and what the policies add.

import Digest
import PoplarCore
import Testing

@testable import NTLM

struct Case: Sendable, CustomTestStringConvertible {
    let variant: NTLMVariant
    let level: CompatibilityLevel
    let isUnicode: Bool
    var testDescription: String { "\(variant) at \(level), \(isUnicode ? "UNICODE" : "OEM")" }

    static let all = NTLMVariant.allCases.flatMap { variant in
        CompatibilityLevel.allCases.flatMap { level in
            [true, false].map { Case(variant: variant, level: level, isUnicode: $0) }
        }
    }
    var isVersion1: Bool { variant == .v1 || variant == .ntlm2Session }
}

func logOn(_ bench: Bench, _ client: TestClient, hash: NTHash? = secret, binding: Digest16? = nil) -> Outcome {
    guard let type2 = bench.negotiate(client.type1()) else { return .refused(.noEncoding) }
    let (outcome, type3) = client.outcome(type2)
    if case .refused(let fault) = outcome { return .clientRefused(fault) }
    return bench.answer(type3, hash: hash, binding: binding)
}

@Suite("Client variants against server levels")
struct TruthTable {
    @Test("NTLMv1 and NTLM2 session get in below level 5, NTLMv2 in its three forms everywhere", arguments: Case.all)
    func levels(row: Case) throws {
        let bench = Bench(try makeSettings(level: row.level, window: ServerSettings.defaultTimestampWindowSeconds))
        var client = TestClient(variant: row.variant, isUnicode: row.isUnicode)
        client.binding = binding
        let expected: Verdict = row.isVersion1 && row.level == .level5 ? .refusedByLevel : .accepted
        #expect(logOn(bench, client, binding: binding) == .verdict(expected))
        #expect(bench.stillWorks())
    }

    @Test("a wrong password, and a user that nobody knows, are the same wrong response", arguments: Case.all)
    func wrong(row: Case) throws {
        let bench = Bench(try makeSettings(level: row.level))
        var client = TestClient(variant: row.variant, isUnicode: row.isUnicode)
        let expected: Verdict = row.isVersion1 && row.level == .level5 ? .refusedByLevel : .wrongResponse
        #expect(logOn(bench, client, hash: nil) == .verdict(expected))
        client.password = "password"
        #expect(logOn(bench, client) == .verdict(expected))
        // Not even the hash of zeros that stands in for unknown users opens the door.
        client.hash = NTHash(.zero)
        #expect(logOn(bench, client, hash: nil) == .verdict(expected))
    }

    @Test("bindings: none is not asked for, allow takes their absence, require takes the right one alone", arguments: Case.all)
    func policies(row: Case) throws {
        guard !row.isVersion1 || row.level < .level5 else { return }
        var client = TestClient(variant: row.variant, isUnicode: row.isUnicode)
        for (offered, expected) in [
            (binding, [Verdict.accepted, .accepted, row.variant == .v2WithChannelBinding ? .accepted : .bindingMismatch]),
            (nil, [.accepted, .accepted, .bindingMismatch]),
            (
                digest("00112233445566778899aabbccddeeff"),
                [.accepted, row.variant == .v2WithChannelBinding ? .bindingMismatch : .accepted, .bindingMismatch]
            ),
        ] as [(Digest16?, [Verdict])] {
            client.binding = offered
            for (policy, verdict) in zip(ChannelBindingPolicy.allCases, expected) {
                let bench = Bench(try makeSettings(level: row.level, policy: policy))
                #expect(logOn(bench, client, binding: binding) == .verdict(verdict))
            }
        }
    }

    @Test("hashes over no domain, and over it in upper case, are taken; over another they are not")
    func domains() throws {
        let bench = Bench(try makeSettings())
        for (hashed, expected) in [
            ("Domain", Verdict.accepted), ("", .accepted), ("DOMAIN", .accepted), ("Other", .wrongResponse),
        ] {
            let type2 = try #require(bench.negotiate(TestClient(variant: .v2).type1()))
            let challenge = try ChallengeMessage(type2.span)
            let blob =
                bytes(hex: "0101000000000000") + [UInt8](repeating: 0, count: 20) + type2[challenge.targetInfo.range] + [
                    0, 0, 0, 0,
                ]
            let key = ownerKey(secret, "User", hashed)
            let proof = Responses.proof(key, challenge: bench.challenge, blob: blob.span)
            var message = HandMade()
            message.nt = bytes(hex: hex(proof)) + blob
            #expect(bench.answer(message.octets) == .verdict(expected))
        }
    }

    @Test("LM alone: level 3 and below, when there is an LM hash", arguments: CompatibilityLevel.allCases)
    func lanManager(level: CompatibilityLevel) throws {
        let (_, lm) = try hashes("Password")
        let bench = Bench(try makeSettings(level: level))
        var message = HandMade()
        message.flags = 0x0000_8201
        message.nt = []
        message.lm = written { Responses.desl(lm.digest, challenge: bench.challenge).write(into: &$0) }
        let type1 = TestClient(variant: .v1).type1()
        let accepts = level <= .level3
        _ = bench.negotiate(type1)
        #expect(bench.answer(message.octets, lmHash: lm) == .verdict(accepts ? .accepted : .refusedByLevel))
        _ = bench.negotiate(type1)
        #expect(bench.answer(message.octets, lmHash: nil) == .verdict(accepts ? .wrongResponse : .refusedByLevel))
        message.lm = written { Responses.desl(.zero, challenge: bench.challenge).write(into: &$0) }
        _ = bench.negotiate(type1)
        #expect(bench.answer(message.octets, lmHash: nil) == .verdict(accepts ? .wrongResponse : .refusedByLevel))
        message.lm = written { Responses.desl(lm.digest, challenge: bench.challenge).write(into: &$0) }
        _ = bench.negotiate(type1)
        #expect(bench.answer(message.octets, hash: nil, lmHash: lm) == .verdict(accepts ? .wrongResponse : .refusedByLevel))
    }

    @Test("LMv2 alone: every level, but under no binding policy, since it cannot carry one")
    func lanManager2() throws {
        let client = nonce("aaaaaaaaaaaaaaaa")
        for level in CompatibilityLevel.allCases {
            for policy in ChannelBindingPolicy.allCases {
                let bench = Bench(try makeSettings(level: level, policy: policy))
                var message = HandMade()
                message.nt = []
                let key = ownerKey(secret, "User", "Domain")
                message.lm =
                    bytes(hex: hex(Responses.lm2(key, server: bench.challenge, client: client)))
                    + [UInt8](repeating: 0xAA, count: 8)
                _ = bench.negotiate(TestClient(variant: .v2).type1())
                #expect(bench.answer(message.octets) == .verdict(policy == .none ? .accepted : .bindingMismatch))
                let standIn = ownerKey(NTHash(.zero), "User", "Domain")
                message.lm =
                    bytes(hex: hex(Responses.lm2(standIn, server: bench.challenge, client: client)))
                    + [UInt8](repeating: 0xAA, count: 8)
                _ = bench.negotiate(TestClient(variant: .v2).type1())
                #expect(bench.answer(message.octets, hash: nil) != .verdict(.accepted))
            }
        }
    }

    @Test("the form of Windows 9x, without key and flags, takes the flags of the challenge")
    func shortHeader() throws {
        let (nt, _) = try hashes("Password")
        let bench = Bench(try makeSettings(level: .level3))
        var message = HandMade()
        message.header = 52
        message.nt = written { Responses.desl(nt.digest, challenge: bench.challenge).write(into: &$0) }
        message.lm = message.nt
        _ = bench.negotiate(TestClient(variant: .v1).type1())
        #expect(bench.answer(message.octets) == .verdict(.accepted))
    }

    @Test("a response to another challenge is worth nothing")
    func replay() throws {
        for variant in NTLMVariant.allCases {
            let bench = Bench(try makeSettings(level: .level0))
            let client = TestClient(variant: variant)
            let type2 = try #require(bench.negotiate(client.type1()))
            let type3 = try #require(client.type3(type2))
            #expect(bench.answer(type3) == .verdict(.accepted))
            bench.challenge &+= 1
            _ = bench.negotiate(client.type1())
            #expect(bench.answer(type3) == .verdict(.wrongResponse))
        }
    }

    @Test("the challenge holds a time and no MsvAvFlags; the client copies the time and sends no LMv2")
    func timestamp() throws {
        let bench = Bench(try makeSettings())
        let client = TestClient(variant: .v2)
        let type2 = try #require(bench.negotiate(client.type1()))
        let challenge = try ChallengeMessage(type2.span)
        let pairs = try AVPairs(Array(type2[challenge.targetInfo.range]).span)
        #expect(pairs.timestamp == now && pairs.flags == nil)
        let type3 = try #require(client.type3(type2))
        let parsed = try AuthenticateMessage(type3.span, negotiated: nil)
        #expect(parsed.timestamp == now)
        #expect(type3[parsed.lm.range].allSatisfy { $0 == 0 })
    }

    @Test("a client that wants NTLM2 session from a server without it answers with NTLMv1, as curl and Windows do")
    func withoutSessionSecurity() throws {
        let bench = Bench(try makeSettings(level: .level0))
        let type2 = try #require(bench.negotiate(TestClient(variant: .v1).type1()))
        let type3 = try #require(TestClient(variant: .ntlm2Session).type3(type2))
        let parsed = try AuthenticateMessage(type3.span, negotiated: nil)
        #expect(parsed.kind == .ntlm1 && !parsed.flags.contains(.extendedSessionSecurity))
        #expect(bench.answer(type3) == .verdict(.accepted))
    }

    @Test("Cyrus SASL's challenge, without extended session security and target information, is answered by every variant")
    func cyrus() throws {
        let target = utf16("LOCALHOST")
        let type2 =
            Array("NTLMSSP\0".utf8) + little32(2) + little16(target.count) + little16(target.count) + little32(48)
            + little32(0x0002_8205) + [1, 2, 3, 4, 5, 6, 7, 8] + [UInt8](repeating: 0, count: 16) + target
        for variant in NTLMVariant.allCases {
            let bench = Bench(try makeSettings(level: .level0))
            let client = TestClient(variant: variant)
            #expect(bench.resume(client.type1(), type2) == .challenged)
            let type3 = try #require(client.type3(type2), "\(variant)")
            #expect(bench.answer(type3) == .verdict(.accepted), "\(variant)")
        }
    }

    @Test(
        "the challenge has settled the flags: a right answer is let in whatever its type 3 says",
        arguments: [0, 0x8200, 0x0000_8201, 0x0000_8202, 0x0008_8202, 0xFFFF_FFFF, 0x8000_0000] as [UInt32])
    func strayFlags(flags: UInt32) throws {
        for variant in NTLMVariant.allCases {
            for isUnicode in [true, false] {
                let bench = Bench(try makeSettings(level: .level0, policy: .allow))
                let client = TestClient(variant: variant, isUnicode: isUnicode)
                let type2 = try #require(bench.negotiate(client.type1()))
                let type3 = try #require(client.type3(type2)).replacing(at: 60, little32(flags))
                // A MIC covers the flags, so a client that wrote others would have made it over them.
                let hasMIC = variant == .v2WithMIC || variant == .v2WithChannelBinding
                let expected = hasMIC ? Verdict.micMismatch : .accepted
                #expect(bench.answer(type3) == .verdict(expected), "\(variant) unicode \(isUnicode)")
                #expect(bench.stillWorks())
            }
        }
    }

    @Test("NTLMv1 where NTLM2 session was granted is let in where the level takes either, and only there")
    func plainUnderSessionSecurity() throws {
        let (nt, _) = try hashes("Password")
        for level in CompatibilityLevel.allCases {
            let bench = Bench(try makeSettings(level: level))
            var message = HandMade()
            message.nt = written { Responses.desl(nt.digest, challenge: bench.challenge).write(into: &$0) }
            message.lm = message.nt
            _ = bench.negotiate(TestClient(variant: .ntlm2Session).type1())
            #expect(bench.answer(message.octets) == .verdict(level.acceptsNTLM1 ? .accepted : .refusedByLevel))
        }
    }
}

@Suite("Settings")
struct SettingsTests {
    @Test("names that would make the target information too long are refused at set-up")
    func tooLong() {
        let names = ServerNames(netBIOSComputer: "S", netBIOSDomain: "D", dnsComputer: String(repeating: "x", count: 400))
        #expect(throws: SettingsFault.self) { try ServerSettings(names: names) }
        #expect(throws: SettingsFault.targetName) {
            try ServerSettings(names: ServerNames(netBIOSComputer: "S", netBIOSDomain: ""))
        }
        let wide = ServerNames(netBIOSComputer: "S", netBIOSDomain: String(repeating: "D", count: 65))
        #expect(throws: SettingsFault.targetName) { try ServerSettings(names: wide) }
    }

    @Test("the longest settings still make a challenge that fits its transcript")
    func longest() throws {
        let names = ServerNames(
            netBIOSComputer: "S", netBIOSDomain: String(repeating: "D", count: 64),
            dnsComputer: String(repeating: "x", count: 316))
        let bench = Bench(try ServerSettings(names: names))
        let type1 = TestClient(variant: .v2).type1() + [UInt8](repeating: 0, count: Limits.negotiate - 32)
        let type2 = try #require(bench.negotiate(type1))
        #expect(try ChallengeMessage(type2.span).targetInfo.count <= Limits.targetInfo)
    }
}
