// Every digest and cipher against the vectors of its own standard.

import Digest
import Testing

func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

func hex(_ digest: Digest16) -> String { digest.withSpan { span in hex(span.indices.map { span[$0] }) } }
func hex(_ digest: Digest32) -> String { digest.withSpan { span in hex(span.indices.map { span[$0] }) } }
func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

let alphabet = "abcdefghijklmnopqrstuvwxyz"
let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
let eightyDigits = String(repeating: "1234567890", count: 8)

@Suite("Digests and ciphers give the published values")
struct DigestTests {
    @Test(
        "MD4: RFC 1320, A.5",
        arguments: [
            ("", "31d6cfe0d16ae931b73c59d7e0c089c0"), ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
            ("abc", "a448017aaf21d8525fc10ae87aa6729d"), ("message digest", "d9130a8164549fe818874806e1c7014b"),
            (alphabet, "d79e1c308aa5bbcdeea8ed63df412da9"), (alphanumeric, "043f8582f241db351ce627e153e7f0e4"),
            (eightyDigits, "e33b4ddc9c38f2199c3e7b164fcc0536"),
        ])
    func md4(text: String, expected: String) {
        #expect(hex(MD4.hash(octets(text).span)) == expected)
    }

    @Test(
        "MD5: RFC 1321, A.5",
        arguments: [
            ("", "d41d8cd98f00b204e9800998ecf8427e"), ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"), ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (alphabet, "c3fcd3d76192e4007dfb496cca67e13b"), (alphanumeric, "d174ab98d277d9f5a5611c2c9f419d9f"),
            (eightyDigits, "57edf4a22be3c955ac49da2e2107b67a"),
        ])
    func md5(text: String, expected: String) {
        #expect(hex(MD5.hash(octets(text).span)) == expected)
    }

    @Test(
        "HMAC-MD5: RFC 2202, section 2",
        arguments: [
            ([UInt8](repeating: 0x0B, count: 16), octets("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d"),
            (octets("Jefe"), octets("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738"),
            ([UInt8](repeating: 0xAA, count: 16), [UInt8](repeating: 0xDD, count: 50), "56be34521d144c88dbb8c733f0e8b3f6"),
            (Array(1...25), [UInt8](repeating: 0xCD, count: 50), "697eaf0aca3a3aea3a75164746ffaa79"),
            ([UInt8](repeating: 0x0C, count: 16), octets("Test With Truncation"), "56461ef2342edc00f9bab995690efd4c"),
            (
                [UInt8](repeating: 0xAA, count: 80), octets("Test Using Larger Than Block-Size Key - Hash Key First"),
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"
            ),
            (
                [UInt8](repeating: 0xAA, count: 80),
                octets("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
                "6f630fad67cda0ee1fb1f562db3aa53e"
            ),
        ])
    func hmac(key: [UInt8], text: [UInt8], expected: String) {
        #expect(hex(HMACMD5.authenticate(text.span, key: key.span)) == expected)
    }

    @Test(
        "SHA-256: FIPS 180-4 examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(text: String, expected: String) {
        #expect(hex(SHA256.hash(octets(text).span)) == expected)
    }

    @Test("a digest is the same however its input is cut", arguments: 0...140)
    func incremental(cut: Int) {
        let text = (0..<140).map { UInt8($0) }
        let head = Array(text[..<cut])
        let tail = Array(text[cut...])
        var md4 = MD4()
        md4.update(head.span)
        md4.update(tail.span)
        #expect(md4.finalize() == MD4.hash(text.span))
        var md5 = MD5()
        md5.update(head.span)
        md5.update(tail.span)
        #expect(md5.finalize() == MD5.hash(text.span))
        var tag = HMACMD5(key: Digest16.zero)
        tag.update(head.span)
        tag.update(tail.span)
        #expect(tag.finalize() == HMACMD5.authenticate(text.span, key: [UInt8](repeating: 0, count: 16).span))
    }
}

@Suite("DES and RC4")
struct CipherTests {
    @Test(
        "DES: known answers",
        arguments: [
            (0x1334_5779_9BBC_DFF1, 0x0123_4567_89AB_CDEF, 0x85E8_1354_0F0A_B405),  // the worked example taught with FIPS 46
            (0x0123_4567_89AB_CDEF, 0x4E6F_7720_6973_2074, 0x3FA4_0E8A_984D_4815),  // FIPS 81, "Now is t"
            (0x0101_0101_0101_0101, 0x8000_0000_0000_0000, 0x95F8_A5E5_DD31_D900),  // SP 500-20, variable plaintext
            (0x8001_0101_0101_0101, 0x0000_0000_0000_0000, 0x95A8_D728_13DA_A94D),  // SP 500-20, variable key
        ] as [(UInt64, UInt64, UInt64)])
    func des(key: UInt64, block: UInt64, expected: UInt64) {
        #expect(DES.encrypt(block: block, key: key) == expected)
    }

    @Test("DES: Rivest's start value, then each block encrypted under itself, as another implementation has it")
    func chain() {
        var x: UInt64 = 0x9474_B8E8_C73B_CA7D
        x = DES.encrypt(block: x, key: x)
        #expect(x == 0x8DA7_44E0_C94E_5E17)  // the first step of Rivest's test of 1985
        for _ in 1..<16 { x = DES.encrypt(block: x, key: x) }
        #expect(x == 0x3D3B_B16A_3590_F295)  // OpenSSL's DES over the same chain
    }

    @Test("parity bits of a DES key do not matter")
    func parity() {
        #expect(DES.encrypt(block: 7, key: 0) == DES.encrypt(block: 7, key: 0x0101_0101_0101_0101))
    }

    @Test("seven octets of key become eight, seven bits each, high bits first")
    func expansion() {
        #expect(DES.expand(key7: 0) == 0)
        #expect(DES.expand(key7: 0x00FF_FFFF_FFFF_FFFF) == 0xFEFE_FEFE_FEFE_FEFE)
        #expect(DES.expand(key7: 0x0080_0000_0000_0001) == 0x8000_0000_0000_0002)
    }

    @Test(
        "RC4: RFC 6229, first sixteen octets",
        arguments: [
            ([1, 2, 3, 4, 5], "b2396305f03dc027ccc3524a0a1118a8"),
            (Array(1...16), "9ac7cc9a609d1ef7b2932899cde41b97"),
            (Array(1...32), "eaa6bd25880bf93d3f5d1e4ca2611d91"),
        ] as [([UInt8], String)])
    func rc4(key: [UInt8], expected: String) {
        var cipher = RC4(key: key.span)
        #expect(hex((0..<16).map { _ in cipher.next() }) == expected)
    }

    @Test("RC4 over a digest undoes itself")
    func rc4Inverse() throws {
        let key = try #require(Digest16(hex: "00112233445566778899aabbccddeeff"))
        let plain = try #require(Digest16(hex: "0f1e2d3c4b5a69788796a5b4c3d2e1f0"))
        #expect(RC4.apply(to: plain, key: key) != plain)
        #expect(RC4.apply(to: RC4.apply(to: plain, key: key), key: key) == plain)
    }
}

@Suite("A digest of sixteen octets")
struct Digest16Tests {
    @Test("hexadecimal text comes back as it was, in either case")
    func text() throws {
        let digest = try #require(Digest16(hex: "000102030405060708090A0b0c0d0e0f"))
        #expect(hex(digest) == "000102030405060708090a0b0c0d0e0f")
        #expect((0..<16).map { digest[$0] } == Array(0..<16))
    }

    @Test(
        "text that is no digest is refused",
        arguments: ["", "00", String(repeating: "g", count: 32), String(repeating: "0", count: 33)])
    func refused(text: String) {
        #expect(Digest16(hex: text) == nil)
    }

    @Test("one bit anywhere makes two digests differ", arguments: 0..<128)
    func equality(bit: Int) throws {
        var bytes = [UInt8](repeating: 0x5A, count: 16)
        let digest = Digest16(bytes.span)
        let original = try #require(digest)
        let same = original.equals(bytes.span, at: 0)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let changed = Digest16(bytes.span)
        let stillSame = original.equals(bytes.span, at: 0)
        #expect(same && !stillSame && changed != original)
    }

    @Test("comparing past the end is false, not a trap", arguments: [-1, 1, 16, 17, Int.max, Int.min])
    func bounds(offset: Int) {
        let zeros = [UInt8](repeating: 0, count: 16)
        let equal = Digest16.zero.equals(zeros.span, at: offset)
        #expect(!equal)
    }
}
