// The values of MS-NLMP 4.2 and of Davenport's "The NTLM Authentication Protocol", as other implementations test them.

import Digest
import PoplarCore
import Testing

@testable import NTLM

func response(_ value: Response24) -> String { hex(written { value.write(into: &$0) }) }

func hashes(_ password: String) throws -> (NTHash, LMHash) {
    let text = Array(password.utf8)
    let nt = NTHash(passwordUTF8: text.span)
    let lm = LMHash(passwordUTF8: text.span)
    return (try #require(nt), try #require(lm))
}

func ownerKey(_ hash: NTHash, _ user: String, _ domain: String, form: Responses.DomainForm = .asSent) -> Digest16 {
    Responses.ntowf2(hash, user: utf16(user).span, domain: utf16(domain).span, isUnicode: true, form: form)
}

@Suite("MS-NLMP 4.2: User, Domain, Password, challenge 0123456789abcdef")
struct SpecificationVectors {
    let server = nonce("0123456789abcdef")
    let client = nonce("aaaaaaaaaaaaaaaa")
    let randomKey = digest("55555555555555555555555555555555")
    let blob = bytes(
        hex: """
            01010000 00000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000 02000c00 44006f006d00610069006e00
            01000c00 530065007200760065007200 00000000 00000000
            """)

    @Test("LMOWFv1 and NTOWFv1")
    func oneWay() throws {
        let (nt, lm) = try hashes("Password")
        #expect(hex(nt.digest) == "a4f49c406510bdcab6824ee7c30fd852")
        #expect(hex(lm.digest) == "e52cac67419a9a224a3b108f3fa6cb6d")
    }

    @Test("NTLMv1 and LM responses, and the session base key")
    func version1() throws {
        let (nt, lm) = try hashes("Password")
        #expect(response(Responses.desl(nt.digest, challenge: server)) == "67c43011f30298a2ad35ece64f16331c44bdbed927841f94")
        #expect(response(Responses.desl(lm.digest, challenge: server)) == "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13")
        let key = nt.digest.withSpan { MD4.hash($0) }
        #expect(hex(key) == "d87262b0cde4b1cb7499becccdf10784")
    }

    @Test(
        "the exported session key under each key exchange key",
        arguments: [
            ("d87262b0cde4b1cb7499becccdf10784", "518822b1b3f350c8958682ecbb3e3cb7"),
            ("e52cac67419a9a220000000000000000", "7452ca55c225a1ca04b48fae32cf56fc"),
            ("b09e379f7fbecb1eaf0afdcb0383c8a0", "4cd7bb57d697ef9b549f02b8f9b37864"),
            ("8de40ccadbc14a82f15cb0ad0de95ca3", "c5dad2544fc9799094ce1ce90bc9d03e"),
        ])
    func keyExchange(key: String, encrypted: String) {
        #expect(hex(RC4.apply(to: randomKey, key: digest(key))) == encrypted)
        #expect(RC4.apply(to: digest(encrypted), key: digest(key)) == randomKey)
    }

    @Test("the LM_KEY key exchange key is DES under the LM hash of the LM response")
    func lanManagerKey() throws {
        let (_, lm) = try hashes("Password")
        let block = Responses.desl(lm.digest, challenge: server).first.byteSwapped
        let high = lm.digest.lowWord.byteSwapped
        let first = DES.encrypt(block: block, key: DES.expand(key7: high >> 8))
        let second = DES.encrypt(block: block, key: DES.expand(key7: (high & 0xFF) << 48 | 0xBDBD_BDBD_BDBD))
        #expect(hex(Digest16(low: first.byteSwapped, high: second.byteSwapped)) == "b09e379f7fbecb1eaf0afdcb0383c8a0")
    }

    @Test("NTLM2 session response, its nonce, and its key exchange key")
    func session() throws {
        let (nt, _) = try hashes("Password")
        let challenge = Responses.sessionChallenge(server: server, client: client)
        #expect(challenge == nonce("5af2559e6bcb5c25"))
        #expect(response(Responses.desl(nt.digest, challenge: challenge)) == "7537f803ae367128ca458204bde7caf81e97ed2683267232")
        let base = digest("d87262b0cde4b1cb7499becccdf10784")
        var hmac = HMACMD5(key: base)
        hmac.update(littleEndian: server)
        hmac.update(littleEndian: client)
        #expect(hex(hmac.finalize()) == "eb93429a8bd952f8b89c55b87f475edc")
    }

    @Test(
        "seal and sign keys",
        arguments: [
            ("eb93429a8bd952f8b89c55b87f475edc", 7, "04dd7f014d8504d265a25cc86a3a7c06", "60e799be5c72fc92922ae8ebe961fb8d"),
            ("55555555555555555555555555555555", 16, "59f600973cc4960a25480a7c196e4c58", "4788dc861b4782f35d43fd98fe1a2d39"),
        ])
    func sessionKeys(exported: String, sealOctets: Int, seal: String, sign: String) {
        func key(_ octets: Int, _ kind: String) -> String {
            let constant = "session key to client-to-server \(kind) key magic constant\0"
            let text = bytes(hex: exported).prefix(octets) + Array(constant.utf8)
            return hex(MD5.hash(Array(text).span))
        }
        #expect(key(sealOctets, "sealing") == seal)
        #expect(key(16, "signing") == sign)
    }

    @Test("NTOWFv2, with the domain and without")
    func ownerKeys() {
        #expect(hex(ownerKey(secret, "User", "Domain")) == "0c868a403bfd7a93a3001ef22ef02e3f")
        #expect(hex(ownerKey(secret, "User", "")) == "4cf86da43b3cd4785ab26bcee1e1884b")
        #expect(ownerKey(secret, "User", "Domain", form: .empty) == ownerKey(secret, "uSER", ""))
        #expect(ownerKey(secret, "User", "Domain", form: .uppercase) == ownerKey(secret, "User", "DOMAIN"))
        #expect(ownerKey(secret, "User", "Domain") != ownerKey(secret, "User", "DOMAIN"))
    }

    @Test("NTLMv2 proof, LMv2 response and session base key")
    func version2() {
        let key = digest("0c868a403bfd7a93a3001ef22ef02e3f")
        let proof = Responses.proof(key, challenge: server, blob: blob.span)
        #expect(hex(proof) == "68cd0ab851e51c96aabc927bebef6a1c")
        #expect(hex(Responses.sessionKey(key, proof: proof)) == "8de40ccadbc14a82f15cb0ad0de95ca3")
        #expect(hex(Responses.lm2(key, server: server, client: client)) == "86c35097ac9cec102554764a57cccc19")
        let bare = Responses.proof(digest("4cf86da43b3cd4785ab26bcee1e1884b"), challenge: server, blob: blob.span)
        #expect(hex(bare) == "3931ef309dd2eeab04a6200c242d1759")
    }

    @Test("the blob parses to its time and names, and its session key opens the encrypted one")
    func parsedAnswer() throws {
        var message = HandMade()
        message.flags = 0xE28A_8233
        message.header = 72
        message.nt = bytes(hex: "68cd0ab851e51c96aabc927bebef6a1c") + blob
        message.sessionKey = bytes(hex: "c5dad2544fc9799094ce1ce90bc9d03e")
        let octets = message.octets
        let parsed = try AuthenticateMessage(octets.span, negotiated: nil)
        #expect(parsed.kind == .ntlm2)
        #expect(parsed.timestamp == 0)
        let list = Array(blob[28...])
        let domain = AVPairs.find(.netBIOSDomain, in: list.span)
        #expect(domain == 4..<16)
        let exported = MessageIntegrity.exportedKey(
            parsed, in: octets.span, sessionBaseKey: digest("8de40ccadbc14a82f15cb0ad0de95ca3"))
        #expect(exported == randomKey)
    }

    @Test("a MIC under an exchanged key is checked under that key")
    func exchangedKeyMIC() throws {
        let bench = Bench(try makeSettings())
        let type1 = TestClient(variant: .v2WithMIC).type1().replacing(at: 12, little32(0x4008_8217))
        let type2 = try #require(bench.negotiate(type1))
        let list = pair(6, little32(2)) + pair(0, [])
        let blob = Array(self.blob[..<28]) + list + [0, 0, 0, 0]
        let key = ownerKey(secret, "User", "Domain")
        let proof = Responses.proof(key, challenge: server, blob: blob.span)
        var message = HandMade()
        message.flags = 0x4008_8217
        message.header = 88
        message.nt = bytes(hex: hex(proof)) + blob
        message.sessionKey = bytes(hex: hex(RC4.apply(to: randomKey, key: Responses.sessionKey(key, proof: proof))))
        let plain = message.octets
        let mic = HMACMD5.authenticate((type1 + type2 + plain).span, key: [UInt8](repeating: 0x55, count: 16).span)
        let type3 = plain.replacing(at: 72, bytes(hex: hex(mic)))
        #expect(bench.answer(type3) == .verdict(.accepted))
        // A right code that stands in the payload, since the header has no place for it, is none.
        message.header = 72
        let short = message.octets
        let zeroed = type1 + type2 + short.replacing(at: 72, [UInt8](repeating: 0, count: 16))
        let code = HMACMD5.authenticate(zeroed.span, key: [UInt8](repeating: 0x55, count: 16).span)
        _ = bench.negotiate(type1)
        #expect(bench.answer(short.replacing(at: 72, bytes(hex: hex(code)))) == .verdict(.micMismatch))
        message.header = 88
        for length in [0, 8, 15, 17, 32] {
            _ = bench.negotiate(type1)
            message.sessionKey = [UInt8](repeating: 1, count: length)
            #expect(bench.answer(message.octets) == .verdict(.micMismatch))
        }
    }
}

@Suite("Davenport: user, DOMAIN, SecREt01, challenge 0123456789abcdef")
struct DavenportVectors {
    let server = nonce("0123456789abcdef")
    let client = nonce("ffffff0011223344")
    let targetInfo = bytes(
        hex: """
            02000c0044004f004d00410049004e00 01000c00530045005200560045005200
            0400140064006f006d00610069006e002e0063006f006d00
            030022007300650072007600650072002e0064006f006d00610069006e002e0063006f006d00 00000000
            """)

    @Test("hashes and the responses of version 1")
    func version1() throws {
        let (nt, lm) = try hashes("SecREt01")
        #expect(hex(nt.digest) == "cd06ca7c7e10c99b1d33b7485a2ed808")
        #expect(hex(lm.digest) == "ff3750bcc2b22412c2265b23734e0dac")
        #expect(response(Responses.desl(lm.digest, challenge: server)) == "c337cd5cbd44fc9782a667af6d427c6de67c20c2d3e77c56")
        #expect(response(Responses.desl(nt.digest, challenge: server)) == "25a98c1c31e81847466b29b2df4680f39958fb8c213a9cc6")
        let challenge = Responses.sessionChallenge(server: server, client: client)
        #expect(challenge == nonce("beac9a1bc5a9867c"))
        #expect(response(Responses.desl(nt.digest, challenge: challenge)) == "10d550832d12b2ccb79d5ad1f4eed3df82aca4c3681dd455")
    }

    @Test("NTOWFv2, LMv2 and the NTLMv2 proof")
    func version2() throws {
        let (nt, _) = try hashes("SecREt01")
        let key = ownerKey(nt, "user", "DOMAIN")
        #expect(hex(key) == "04b8e0ba74289cc540826bab1dee63ae")
        #expect(hex(Responses.lm2(key, server: server, client: client)) == "d6e6152ea25d03b7c6ba6629c2d6aaf0")
        let head = bytes(hex: "0101000000000000 0090d336b734c301 ffffff0011223344 00000000")
        let proof = Responses.proof(key, challenge: server, blob: (head + targetInfo + [0, 0, 0, 0]).span)
        #expect(hex(proof) == "cbabbca713eb795d04c97abc01ee4983")
    }

    @Test("the client makes the same proof from a challenge with this target information")
    func client2() throws {
        let type2 =
            Array("NTLMSSP\0".utf8) + little32(2) + little16(12) + little16(12) + little32(48) + little32(0x0081_8201)
            + bytes(hex: "0123456789abcdef") + [UInt8](repeating: 0, count: 8) + little16(targetInfo.count)
            + little16(targetInfo.count) + little32(60) + utf16("DOMAIN") + targetInfo
        var client = TestClient(variant: .v2)
        client.domain = "DOMAIN"
        client.user = "user"
        client.password = "SecREt01"
        client.time = nonce("0090d336b734c301")
        client.clientChallenge = self.client
        let type3 = try #require(client.type3(type2))
        #expect(hex(type3[88..<104]) == "cbabbca713eb795d04c97abc01ee4983")
        #expect(hex(type3[64..<88]) == "d6e6152ea25d03b7c6ba6629c2d6aaf0ffffff0011223344")
        let bench = Bench(try makeSettings())
        #expect(bench.resume(client.type1(), type2) == .challenged)
        #expect(bench.answer(type3, hash: try hashes("SecREt01").0) == .verdict(.accepted))
        _ = bench.resume(client.type1(), type2)
        #expect(bench.answer(type3) == .verdict(.wrongResponse))
    }
}
