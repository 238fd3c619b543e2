// Names between the wire and UTF-8, and the upper case that NTOWFv2 asks for.

import Digest
import PoplarCore
import Testing

@testable import NTLM

func utf8(_ field: [UInt8], isUnicode: Bool, capacity: Int = 1024) -> String? {
    var valid = false
    let text = written(capacity) { valid = Name.appendUTF8(field.span, isUnicode: isUnicode, into: &$0) }
    return valid ? String(decoding: text, as: UTF8.self) : nil
}

func wire(_ text: String) -> [UInt8] {
    written { _ = Name.appendWire(utf8: Array(text.utf8).span, isUnicode: true, into: &$0) }
}

@Suite("Names")
struct NameTests {
    @Test(
        "UTF-16 becomes UTF-8 and comes back", arguments: ["", "User", "Ödön", "Ωmega", "日本語", "🌿leaf", "\u{FFFD}", "a\\b@c/d"])
    func roundTrip(text: String) {
        #expect(utf8(utf16(text), isUnicode: true) == text)
        #expect(wire(text) == utf16(text))
        #expect(Name.wireCount(utf8: Array(text.utf8).span, isUnicode: true) == utf16(text).count)
    }

    @Test("OEM octets are ISO 8859-1")
    func oem() {
        #expect(utf8([0x55, 0xD6, 0xFF], isUnicode: false) == "UÖÿ")
        #expect(utf8([0x85], isUnicode: false) == nil)
    }

    @Test(
        "what is no name is refused, and the writer is as it was",
        arguments: [
            [0x41], [0x00, 0xD8], [0x00, 0xDC], [0x41, 0x00, 0x00, 0xD8], [0x00, 0xD8, 0x41, 0x00], [0x00, 0x00], [0x0A, 0x00],
        ] as [[UInt8]])
    func refused(field: [UInt8]) {
        #expect(utf8(field, isUnicode: true) == nil)
        let kept = written { writer in
            writer.append("before")
            _ = Name.appendUTF8(field.span, isUnicode: true, into: &writer)
        }
        #expect(kept == Array("before".utf8))
    }

    @Test("a name that does not fit is refused")
    func capacity() {
        #expect(utf8(utf16("Ωmega"), isUnicode: true, capacity: 5) == nil)
        #expect(utf8(utf16("Ωmega"), isUnicode: true, capacity: 6) == "Ωmega")
    }

    @Test(
        "bytes that are no UTF-8 have no form on the wire and no hash",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xC3, 0x28], [0xFF],
        ] as [[UInt8]])
    func notUTF8(text: [UInt8]) {
        #expect(Name.wireCount(utf8: text.span, isUnicode: true) == nil)
        #expect(NTHash(passwordUTF8: text.span) == nil)
        #expect(LMHash(passwordUTF8: text.span) == nil)
    }

    @Test(
        "upper case maps one for one",
        arguments: [
            ("a", "A"), ("z", "Z"), ("{", "{"), ("ö", "Ö"), ("÷", "÷"), ("ÿ", "Ÿ"), ("ß", "ß"), ("ω", "Ω"), ("я", "Я"),
            ("ǆ", "Ǆ"), ("µ", "µ"), ("日", "日"),
        ])
    func uppercase(lower: String, upper: String) {
        #expect(lower.utf16.map { Uppercase.unit($0) } == Array(upper.utf16))
    }

    @Test("a name is hashed alike in one octet a character and in two, however long", arguments: [0, 1, 31, 32, 33, 64, 200])
    func hashing(length: Int) {
        let text = String((0..<length).map { "abcXYZöé"[String.Index(utf16Offset: $0 % 8, in: "abcXYZöé")] })
        let latin = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        for upper in [false, true] {
            var wide = HMACMD5(key: .zero)
            Name.hash(utf16(text).span, isUnicode: true, uppercase: upper, into: &wide)
            var narrow = HMACMD5(key: .zero)
            Name.hash(latin.span, isUnicode: false, uppercase: upper, into: &narrow)
            let expected = HMACMD5.authenticate(
                utf16(upper ? text.uppercased() : text).span, key: [UInt8](repeating: 0, count: 16).span)
            #expect(wide.finalize() == expected)
            #expect(narrow.finalize() == expected)
        }
    }

    @Test("users are told apart by their letters, not by their case; passwords by both")
    func cases() {
        #expect(ownerKey(secret, "USER", "Domain") == ownerKey(secret, "user", "Domain"))
        #expect(NTHash(passwordUTF8: Array("password".utf8).span) != secret)
        let lower = LMHash(passwordUTF8: Array("password".utf8).span)
        let upper = LMHash(passwordUTF8: Array("PASSWORD".utf8).span)
        #expect(lower == upper && lower != nil)
        let fifteen = LMHash(passwordUTF8: Array("123456789012345".utf8).span)
        #expect(fifteen == nil)
    }

    @Test("an account beyond ASCII logs on in both encodings", arguments: [true, false])
    func latin(isUnicode: Bool) throws {
        let bench = Bench(try makeSettings())
        var client = TestClient(variant: .v2WithMIC, isUnicode: isUnicode)
        client.user = "jürgen"
        client.domain = "Köln"
        #expect(logOn(bench, client) == .verdict(.accepted))
    }
}
