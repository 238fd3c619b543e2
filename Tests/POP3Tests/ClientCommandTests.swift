// The client's commands, octet for octet, and what is refused: an argument that would end its line, a writer that is
// too small.

import POP3
import PoplarCore
import Testing

@Suite struct ClientCommandTests {
    /// What `body` writes, as text.
    private func written(capacity: Int = 256, _ body: (inout ByteWriter) -> Void) -> String {
        var memory = [UInt8](repeating: 0, count: capacity)
        return memory.withUnsafeMutableBytes { bytes in
            var writer = ByteWriter(bytes)
            body(&writer)
            return String(decoding: writer.written, as: UTF8.self)
        }
    }

    @Test(arguments: [
        (ClientVerb.stat, "STAT\r\n"), (.list, "LIST\r\n"), (.uidl, "UIDL\r\n"), (.rset, "RSET\r\n"), (.noop, "NOOP\r\n"),
        (.quit, "QUIT\r\n"), (.capa, "CAPA\r\n"), (.stls, "STLS\r\n"), (.bareAuth, "AUTH\r\n"), (.cancel, "*\r\n"),
    ])
    func `a verb is its word and CRLF`(verb: ClientVerb, line: String) {
        #expect(written { ClientCommand.write(verb, into: &$0) } == line)
    }

    @Test func `numbered commands carry their message in decimal`() {
        #expect(written { ClientCommand.retr(1, into: &$0) } == "RETR 1\r\n")
        #expect(written { ClientCommand.dele(.max, into: &$0) } == "DELE 4294967295\r\n")
        #expect(written { ClientCommand.list(7, into: &$0) } == "LIST 7\r\n")
        #expect(written { ClientCommand.uidl(7, into: &$0) } == "UIDL 7\r\n")
        #expect(written { ClientCommand.top(2, lines: 10, into: &$0) } == "TOP 2 10\r\n")
    }

    @Test func `USER and PASS carry their argument as it is, spaces included`() {
        #expect(written { _ = ClientCommand.user(Array("DOM\\anna".utf8).span, into: &$0) } == "USER DOM\\anna\r\n")
        #expect(written { _ = ClientCommand.pass(Array("two words".utf8).span, into: &$0) } == "PASS two words\r\n")
        #expect(
            written { _ = ClientCommand.apop(Array("a".utf8).span, digest: [0x0A, 0xFF].span, into: &$0) } == "APOP a 0aff\r\n")
    }

    @Test(arguments: [UInt8(13), 10, 0])
    func `an argument that would end the line is refused and leaves no trace`(byte: UInt8) {
        let name = [97, byte, 98] as [UInt8]
        var accepted = false
        let text = written { writer in
            accepted = ClientCommand.user(name.span, into: &writer) || ClientCommand.pass(name.span, into: &writer)
        }
        #expect(!accepted)
        #expect(text == "")
    }

    @Test func `AUTH carries its initial response in base64, and an empty one as an equals sign`() {
        #expect(written { _ = ClientCommand.auth("NTLM", into: &$0) } == "AUTH NTLM\r\n")
        let plain = Array("\0tim\0tanstaaftanstaaf".utf8)
        plain.withUnsafeBytes { bytes in
            // RFC 5034, section 6.
            #expect(
                written { _ = ClientCommand.auth("PLAIN", initial: bytes, into: &$0) }
                    == "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n")
        }
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(written { _ = ClientCommand.auth("PLAIN", initial: empty, into: &$0) } == "AUTH PLAIN =\r\n")
    }

    @Test func `a response is base64, an empty one an empty line`() {
        Array("tim".utf8).withUnsafeBytes { bytes in
            #expect(written { _ = ClientCommand.response(bytes, into: &$0) } == "dGlt\r\n")
        }
        #expect(written { _ = ClientCommand.response(UnsafeRawBufferPointer(start: nil, count: 0), into: &$0) } == "\r\n")
    }

    @Test(arguments: 0..<12)
    func `a command that does not fit is not written in part`(capacity: Int) {
        let name = Array("anna".utf8)
        let text = written(capacity: capacity) { writer in
            let fits = ClientCommand.user(name.span, into: &writer)
            #expect(fits == (capacity >= 11))
        }
        #expect(text == (capacity >= 11 ? "USER anna\r\n" : ""))
    }
}
