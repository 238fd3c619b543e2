// SipHash-2-4 against the table that its authors publish: key 00...0F, messages of the octets 0, 1, 2 and so on.

import PoplarCore
import Testing

@Suite("SipHash-2-4")
struct SipHashTests {
    static let hash = SipHash(key0: 0x0706_0504_0302_0100, key1: 0x0F0E_0D0C_0B0A_0908)

    @Test(
        "gives the published values at every length around a word",
        arguments: [
            (0, 0x726F_DB47_DD0E_0E31), (1, 0x74F8_39C5_93DC_67FD), (2, 0x0D6C_8009_D9A9_4F5A), (6, 0xCBC9_466E_58FE_E3CE),
            (7, 0xAB02_00F5_8B01_D137), (8, 0x93F5_F579_9A93_2462), (9, 0x9E00_82DF_0BA9_E4B0), (14, 0xF723_CA90_8E7A_F2EE),
            (15, 0xA129_CA61_49BE_45E5), (16, 0x3F2A_CC7F_57C2_9BDB), (17, 0x699A_E9F5_2CBE_4794), (63, 0x958A_324C_EB06_4572),
        ] as [(Int, UInt64)])
    func published(length: Int, expected: UInt64) {
        let message = (0..<length).map { UInt8($0) }
        #expect(Self.hash.hash(message.span) == expected)
    }

    @Test("two words are the sixteen octets that they are made of")
    func words() {
        let message = (0..<16).map { UInt8($0) }
        #expect(Self.hash.hash(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908) == Self.hash.hash(message.span))
    }

    @Test("another key gives another hash")
    func keyed() {
        #expect(SipHash(key0: 0, key1: 1).hash(1, 2) != SipHash(key0: 1, key1: 0).hash(1, 2))
    }
}
