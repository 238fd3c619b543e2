// RFC 4648: the published vectors, and every way in which text is not base64.

import PoplarCore
import Testing

func withWriter(_ capacity: Int, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    body(&writer)
    return Array(writer.written)
}

func encode(_ bytes: [UInt8]) -> String {
    String(decoding: withWriter(8192) { writer in bytes.withUnsafeBytes { Base64.encode($0, into: &writer) } }, as: UTF8.self)
}

func decode(_ text: String, capacity: Int = 8192) -> [UInt8]? {
    var accepted = false
    let bytes = withWriter(capacity) { accepted = Base64.decode(Array(text.utf8).span, into: &$0) }
    return accepted ? bytes : nil
}

@Suite("Base64 follows RFC 4648, with one spelling for each message")
struct Base64Tests {
    @Test(
        "the vectors of RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, text: String) {
        #expect(encode(Array(plain.utf8)) == text)
        #expect(decode(text) == Array(plain.utf8))
    }

    @Test("every length from 0 to 400 comes back as it was")
    func roundTrip() {
        var random = Xoshiro256(seed: 7)
        for length in 0...400 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            #expect(decode(encode(bytes)) == bytes)
        }
    }

    @Test(
        "bad spellings are refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zh==", "Zm9=", "=", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm9v\r\n", "Zm-_", "Z===", "=g==",
            "Zm9vYg==YQ==",
        ])
    func refused(text: String) {
        #expect(decode(text) == nil)
    }

    @Test("a target that is too small is refused and left as it was")
    func capacity() {
        #expect(decode("Zm9vYmFy", capacity: 5) == nil)
        #expect(decode("Zm9vYmFy", capacity: 6) == Array("foobar".utf8))
    }
}
