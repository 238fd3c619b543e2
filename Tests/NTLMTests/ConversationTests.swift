// Whole conversations that others published: with MIC and channel bindings (Chromium), curl's, and MS-POP3's.

import Digest
import PoplarCore
import Testing

@testable import NTLM

let lineOne = "TlRMTVNTUAABAAAAB4IIAAAAAAAgAAAAAAAAACAAAAA="
let lineTwo = """
    TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAM\
    AFMAZQByAHYAZQByAAAAAAA=
    """
let lineThree = """
    TlRMTVNTUAADAAAAGAAYAFgAAACKAIoAcAAAAAwADAD6AAAACAAIAAYBAAAQABAADgEAAAAAAABYAAAAA4IIAAAAAAAAAAAA9zYWM/Ctm99KfEIbxrgkowAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAIwCYNvvaQZir5xC1QeC0u0BAQAAAAAAAIALyP0A1NIBqqqqqqqqqqoAAAAAAgAMAEQAbwBtAGEAaQBuAAEADABTAGUA\
    cgB2AGUAcgAGAAQAAgAAAAoAEABlhumdgcL8mE5HFy/U3QMQCQAWAEgAVABUAFAALwBTAGUAcgB2AGUAcgAAAAAAAAAAAEQAbwBtAGEAaQBuAFUAcwBlAHIA\
    QwBPAE0AUABVAFQARQBSAA==
    """
let certificateHash = bytes(hex: "ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95")
let binding = ChannelBindings.serverEndPoint(certificateHash: certificateHash.span)

@Suite("The three lines with MIC and channel bindings")
struct BoundConversation {
    let type1 = base64(lineOne)
    let type2 = base64(lineTwo)
    let type3 = base64(lineThree)

    func bench(_ level: CompatibilityLevel = .level5, _ policy: ChannelBindingPolicy = .require) throws -> Bench {
        let bench = Bench(try makeSettings(level: level, policy: policy))
        #expect(bench.resume(type1, type2) == .challenged)
        return bench
    }

    @Test("channel binding, proof, session key and MIC have the published values")
    func values() throws {
        #expect(hex(binding) == "6586e99d81c2fc984e47172fd4dd0310")
        #expect(hex(type3[112..<128]) == "8c0260dbef690662af9c42d50782d2ed")
        let key = ownerKey(secret, "User", "Domain")
        let sessionKey = Responses.sessionKey(key, proof: digest("8c0260dbef690662af9c42d50782d2ed"))
        #expect(hex(sessionKey) == "623dbd071be7a530b6a95c2eb4982470")
        let mic = type1.withUnsafeBytes { first in
            type2.withUnsafeBytes { MessageIntegrity.code(sessionKey, before: first, challenge: $0, message: type3.span) }
        }
        #expect(hex(mic) == "f7361633f0ad9bdf4a7c421bc6b824a3")
        #expect(hex(type3[72..<88]) == hex(mic))
    }

    @Test("the server accepts it at every level and under every policy")
    func accepted() throws {
        for level in CompatibilityLevel.allCases {
            for policy in ChannelBindingPolicy.allCases {
                #expect(try bench(level, policy).answer(type3, binding: binding) == .verdict(.accepted))
            }
        }
    }

    @Test("the client makes the same messages, octet for octet")
    func client() throws {
        var client = TestClient(variant: .v2WithChannelBinding)
        client.servicePrincipalName = "HTTP/Server"
        client.time = 131_400_439_870_000_000
        client.binding = binding
        #expect(client.type1() == type1)
        #expect(client.type3(type2) == type3)
    }

    @Test("with any bit of the type 3 turned it fails, at the strictest and at the laxest level")
    func everyBit() throws {
        for level in [CompatibilityLevel.level0, .level5] {
            let bench = try bench(level, .none)
            for bit in 0..<(type3.count * 8) {
                var changed = type3
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                _ = bench.resume(type1, type2)
                let result = bench.answer(changed, binding: binding)
                if result == .verdict(.accepted) { Issue.record("accepted with bit \(bit) turned at \(level)") }
            }
        }
    }

    @Test("with any octet of the type 1 or type 2 changed on the way it fails")
    func changedBefore() throws {
        let bench = try bench()
        for index in 0..<type1.count {
            guard bench.resume(type1.replacing(at: index, [type1[index] ^ 0x40]), type2) == .challenged else { continue }
            #expect(bench.answer(type3, binding: binding) != .verdict(.accepted))
        }
        for index in 0..<type2.count {
            guard bench.resume(type1, type2.replacing(at: index, [type2[index] ^ 0x40])) == .challenged else { continue }
            #expect(bench.answer(type3, binding: binding) != .verdict(.accepted))
        }
    }

    @Test("cut short anywhere, or with octets behind it, it fails")
    func everyLength() throws {
        let bench = try bench()
        for length in 0..<type3.count {
            _ = bench.resume(type1, type2)
            #expect(bench.answer(Array(type3[..<length]), binding: binding) != .verdict(.accepted))
        }
        _ = bench.resume(type1, type2)
        #expect(bench.answer(type3 + [0], binding: binding) == .verdict(.micMismatch))
        #expect(bench.stillWorks() || bench.settings.channelBindingPolicy == .require)
    }

    @Test("a MIC that was dropped is missed: zeroed, or its header room taken away")
    func droppedMIC() throws {
        #expect(
            try bench().answer(type3.replacing(at: 72, [UInt8](repeating: 0, count: 16)), binding: binding)
                == .verdict(.micMismatch))
        // The same fields and flags behind a header of 64 octets.
        var short = HandMade()
        short.flags = 0x0008_8203
        short.nt = Array(type3[112..<250])
        #expect(try bench().answer(short.octets, binding: binding) == .verdict(.micMismatch))
    }

    @Test("it binds to its own certificate alone")
    func otherChannel() throws {
        #expect(
            try bench(.level5, .require).answer(type3, binding: digest("00112233445566778899aabbccddeeff"))
                == .verdict(.bindingMismatch))
        #expect(
            try bench(.level5, .allow).answer(type3, binding: digest("00112233445566778899aabbccddeeff"))
                == .verdict(.bindingMismatch))
        #expect(try bench(.level5, .allow).answer(type3, binding: nil) == .verdict(.bindingMismatch))
        #expect(try bench(.level5, .require).answer(type3, binding: nil) == .verdict(.bindingMismatch))
        #expect(try bench(.level5, .none).answer(type3, binding: nil) == .verdict(.accepted))
    }

    @Test("its time counts when there is a window")
    func window() throws {
        let time: UInt64 = 131_400_439_870_000_000
        let second: UInt64 = 10_000_000
        for (offset, expected) in [(0, Verdict.accepted), (1800, .accepted), (1801, .clockSkew)] as [(UInt64, Verdict)] {
            let bench = Bench(try makeSettings(window: 1800))
            _ = bench.resume(type1, type2)
            #expect(bench.answer(type3, at: time + offset * second) == .verdict(expected))
            _ = bench.resume(type1, type2)
            #expect(bench.answer(type3, at: time - offset * second) == .verdict(expected))
        }
        let endless = Bench(try makeSettings(window: .max))
        _ = endless.resume(type1, type2)
        #expect(endless.answer(type3, at: 0) == .verdict(.accepted))
    }
}

@Suite("Conversations of other programs")
struct OtherConversations {
    @Test("curl: OEM names alone, no domain, NTLMv2 (tests/data/test868)")
    func curl() throws {
        let type1 = base64("TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=")
        let type2 = base64(
            """
            TlRMTVNTUAACAAAAAgACADAAAAAGgoEAc51AYVDgyNcAAAAAAAAAAG4AbgAyAAAAQ0MCAAQAQwBDAAEAEgBFAEwASQBTAEEAQgBFAFQASAAEABgA\
            YwBjAC4AaQBjAGUAZABlAHYALgBuAHUAAwAsAGUAbABpAHMAYQBiAGUAdABoAC4AYwBjAC4AaQBjAGUAZABlAHYALgBuAHUAAAAAAA==
            """)
        let type3 = base64(
            """
            TlRMTVNTUAADAAAAGAAYAEAAAACeAJ4AWAAAAAAAAAD2AAAACAAIAPYAAAAIAAgA/gAAAAAAAAAAAAAABoKBAMOv20GsURsat8gdH/RfnYI0MzIx\
            NTMyMeCdd8AzFZLZ/N1ujmilmCcBAQAAAAAAAACAPtXesZ0BNDMyMTUzMjEAAAAAAgAEAEMAQwABABIARQBMAEkAUwBBAEIARQBUAEgABAAYAGMA\
            YwAuAGkAYwBlAGQAZQB2AC4AbgB1AAMALABlAGwAaQBzAGEAYgBlAHQAaAAuAGMAYwAuAGkAYwBlAGQAZQB2AC4AbgB1AAAAAAAAAAAAdGVzdHVz\
            ZXJjdXJsaG9zdA==
            """)
        let bench = Bench(try makeSettings())
        #expect(bench.resume(type1, type2) == .challenged)
        let outcome = bench.exchange.authenticate(type3.span)
        guard case .identity(let domain, let user, let isUnicode) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(domain.isEmpty && !isUnicode)
        #expect(Array(type3[user]) == Array("testuser".utf8))
        let verdict = bench.exchange.verify(
            type3.span, hash: try hashes("testpass").0, settings: bench.settings, nowFileTime: now,
            transcript: UnsafeRawBufferPointer(bench.memory))
        #expect(verdict == .accepted)
    }

    @Test("curl's type 1 gets an OEM challenge, its target information behind octet 48 and below 800 octets")
    func curlChallenge() throws {
        let bench = Bench(try makeSettings())
        let type2 = try #require(bench.negotiate(base64("TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=")))
        let challenge = try ChallengeMessage(type2.span)
        #expect(challenge.flags.contains(.oem) && !challenge.flags.contains(.unicode))
        #expect(Array(type2[challenge.targetName.range]) == Array("Domain".utf8))
        #expect(challenge.targetInfo.start >= 48 && challenge.targetInfo.count < 800)
    }

    @Test("MS-POP3 4.1: the type 1 with a version gets a challenge of the same flags")
    func specification() throws {
        let bench = Bench(try makeSettings())
        let type1 = base64("TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAFASgKAAAADw==")
        let type2 = try #require(bench.negotiate(type1))
        let challenge = try ChallengeMessage(type2.span)
        // The specification's server stands for itself (20000h), ours for a domain (10000h).
        #expect(challenge.flags.rawValue == 0xA289_8205)
        #expect(Array(type2[24..<32]) == bytes(hex: "0123456789abcdef"))
        #expect(hex(type2[48..<56]) == "050093080000000f")
    }
}
