// HMAC-SHA-256, PBKDF2 and the keys of SCRAM against the vectors of their standards.

import Digest
import Testing

@Suite("SHA-256 with a key")
struct KeyedDigestTests {
    @Test(
        "HMAC-SHA-256: RFC 4231, the cases with whole tags",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), octets("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                octets("Jefe"), octets("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                Array(1...25), [UInt8](repeating: 0xCD, count: 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), octets("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131),
                octets(
                    "This is a test using a larger than block-size key and a larger than block-size data. "
                        + "The key needs to be hashed before being used by the HMAC algorithm."),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ])
    func hmac(key: [UInt8], text: [UInt8], expected: String) {
        #expect(hex(HMACSHA256.authenticate(text.span, key: key.span)) == expected)
    }

    @Test("a tag is the same however its input is cut", arguments: 0...140)
    func incremental(cut: Int) throws {
        let text = (0..<140).map { UInt8($0) }
        let zeros = [UInt8](repeating: 0, count: 32)
        let key = Digest32(zeros.span)
        var tag = HMACSHA256(key: try #require(key))
        tag.update(Array(text[..<cut]).span)
        tag.update(Array(text[cut...]).span)
        #expect(tag.finalize() == HMACSHA256.authenticate(text.span, key: zeros.span))
    }

    @Test(
        "PBKDF2 with HMAC-SHA-256: RFC 7914, section 11, and RFC 6070's inputs under SHA-256",
        arguments: [
            ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
            ("password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
            ("password", "salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
            (
                "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
                "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1"
            ),
        ] as [(String, String, UInt32, String)])
    func pbkdf2(password: String, salt: String, iterations: UInt32, expected: String) {
        let key = PBKDF2.hmacSHA256(password: octets(password).span, salt: octets(salt).span, iterations: iterations)
        #expect(key.map { hex($0) } == expected)
    }

    @Test("no iterations, or more than OpenSSL counts, give no key", arguments: [0, 0x8000_0000, UInt32.max])
    func noKey(iterations: UInt32) {
        #expect(PBKDF2.hmacSHA256(password: octets("p").span, salt: octets("s").span, iterations: iterations) == nil)
        #expect(SCRAMVerifier(password: octets("p").span, salt: .zero, iterations: iterations) == nil)
    }
}

@Suite("The keys of SCRAM-SHA-256")
struct ScramKeyTests {
    static let salt = Digest16(hex: "5b6d99689d12358eeca04b141236fa81")

    @Test("the stored and server keys of RFC 7677's example, as another implementation derives them")
    func verifier() throws {
        let made = SCRAMVerifier(password: octets("pencil").span, salt: try #require(Self.salt))
        let verifier = try #require(made)
        #expect(hex(verifier.storedKey) == "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6")
        #expect(hex(verifier.serverKey) == "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5")
    }

    @Test("keys fit their own salt and count, and no other")
    func match() throws {
        let made = SCRAMClientKeys(password: octets("pencil").span, salt: octets("salt").span, iterations: 4096)
        let keys = try #require(made)
        let same = keys.match(salt: octets("salt").span, iterations: 4096)
        let otherSalt = keys.match(salt: octets("Salt").span, iterations: 4096)
        let otherCount = keys.match(salt: octets("salt").span, iterations: 4097)
        #expect(same && !otherSalt && !otherCount)
    }

    @Test("one bit of a proof makes it wrong", arguments: 0..<256)
    func proof(bit: Int) throws {
        let key = octets("a client key of thirty-two octets")[..<32]
        let clientKey = Digest32(Array(key).span)
        let signature = SHA256.hash(octets("any message").span)
        let proof = try #require(clientKey) ^ signature
        let storedKey = SHA256.hash(Array(key).span)
        #expect(SCRAMVerifier.accepts(proof: proof, signature: signature, storedKey: storedKey))
        var octets = proof.withSpan { span in span.indices.map { span[$0] } }
        octets[bit / 8] ^= 1 << UInt8(bit % 8)
        let changed = Digest32(octets.span)
        #expect(!SCRAMVerifier.accepts(proof: try #require(changed), signature: signature, storedKey: storedKey))
    }
}

@Suite("A digest in hexadecimal digits")
struct HexDigitTests {
    @Test("either case is read, and nothing but 32 digits")
    func digits() {
        let text = Digest16(hexDigits: octets("000102030405060708090A0b0c0D0e0f").span)
        #expect(text.map { hex($0) } == "000102030405060708090a0b0c0d0e0f")
        for bad in [
            "", "0", String(repeating: "0", count: 31), String(repeating: "0", count: 33), String(repeating: "g", count: 32),
        ] {
            let digest = Digest16(hexDigits: octets(bad).span)
            #expect(digest == nil)
        }
    }
}
