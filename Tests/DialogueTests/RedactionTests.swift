// The canary: no form of a password comes out of the redactor, whatever the mechanism, and whoever says it. Dialogues are as a
// session writes them; the server of these tests repeats the password in every form it can.

import Digest
import NTLM
import PoplarCore
import Testing

@testable import Dialogue

@Suite("Redaction")
struct RedactionTests {
    private static let password = "C4nary!sings"
    private static let secrets = Secrets([Array(password.utf8)])

    private static func hex(_ octets: [UInt8]) -> String { octets.map { Printable.hexadecimal($0) }.joined() }

    private static func utf16(_ big: Bool) -> [UInt8] {
        password.utf16.flatMap { big ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0 & 255), UInt8($0 >> 8)] }
    }

    private static func hash() throws -> [UInt8] {
        let made = NTHash(passwordUTF8: Array(password.utf8).span)
        return try #require(made).digest.withSpan { span in (0..<span.count).map { span[$0] } }
    }

    private static func forms() throws -> [[UInt8]] { [Array(password.utf8), utf16(false), utf16(true), try hash()] }

    private func lines(_ dialogue: [(Transcript.Kind, String)]) -> [String] {
        var transcript = Transcript()
        for (kind, text) in dialogue { transcript.append(kind, atNs: 0, text: text) }
        return Redactor.lines(transcript, secrets: Self.secrets).map { "\($0.side.rawValue): \($0.text)" }
    }

    private func expectSilence(_ lines: [String]) throws {
        let text = lines.joined(separator: "\n")
        for form in try Self.forms() {
            #expect(!text.contains(String(decoding: form, as: UTF8.self)))
            #expect(!text.lowercased().contains(Self.hex(form)))
            #expect(!text.contains(base64(form).replacing("=", with: "")))
        }
    }

    @Test("a text that is cut off in the middle of a secret shows nothing of it")
    func cut() {
        func shown(_ text: String, isCut: Bool) -> String {
            Redactor.text(Array(text.utf8), secrets: Self.secrets, isCut: isCut)
        }
        let whole = "-ERR unknown: PASS \(Self.password)"
        for kept in 2..<Self.password.count {
            let text = String(whole.dropLast(Self.password.count - kept))
            #expect(shown(text, isCut: true) == "-ERR unknown: PASS ***", "\(kept)")
        }
        #expect(shown(whole, isCut: true) == "-ERR unknown: PASS ***")
        #expect(shown("-ERR C4n", isCut: false) == "-ERR C4n", "this is all that was said")
        let encoded = base64(Array("x\(Self.password)".utf8))
        #expect(shown("-ERR \(encoded.prefix(8))", isCut: true).hasSuffix("***"))
    }

    @Test("each mechanism's answer is shown by its harmless parts")
    func mechanisms() throws {
        let plain = base64(Array("\0ada\0\(Self.password)".utf8))
        #expect(lines([(.sent, "AUTH PLAIN \(plain)\r\n")]) == ["C: AUTH PLAIN <PLAIN: user ada, password ***>"])
        let name = base64(Array("ada".utf8))
        let word = base64(Array(Self.password.utf8))
        let login = lines([
            (.sent, "AUTH LOGIN\r\n"), (.received, "+ VXNlcm5hbWU6\r\n"), (.sent, name + "\r\n"),
            (.received, "+ UGFzc3dvcmQ6\r\n"),
            (.sent, word + "\r\n"), (.received, "+OK in\r\n"), (.sent, "STAT\r\n"), (.received, "+OK 1 2\r\n"),
        ])
        #expect(login.contains("C: <LOGIN: name ada>") && login.contains("C: <LOGIN: password ***>") && login.contains("C: STAT"))
        try expectSilence(login)
        let basic = lines([
            (.sent, "USER ada\r\nPASS \(Self.password)\r\n"), (.sent, "APOP ada 0123456789abcdef0123456789abcdef\r\n"),
        ])
        #expect(basic == ["C: USER ada", "C: PASS ***", "C: APOP ada ***"])
        let cram = base64(Array("ada 0123456789abcdef0123456789abcdef".utf8))
        #expect(
            lines([(.sent, "AUTH CRAM-MD5\r\n"), (.received, "+ PDFAeD4=\r\n"), (.sent, cram + "\r\n")]).dropFirst()
                == ["S: + <CRAM-MD5: challenge <1@x>>", "C: <CRAM-MD5: user ada, digest ***>"])
        let scram = base64(Array("c=biws,r=abc,p=dGhlIHByb29mIGl0c2VsZg==".utf8))
        let said = lines([(.sent, "AUTH SCRAM-SHA-256\r\n"), (.received, "+ \r\n"), (.sent, scram + "\r\n")])
        #expect(!said.joined().contains("dGhlIHByb29m"))
    }

    @Test("an unknown mechanism's and an unknown command's line is a count of octets")
    func unknown() {
        let said = lines([
            (.sent, "AUTH XOAUTH2 c2VjcmV0\r\n"), (.sent, "c2VjcmV0\r\n"), (.received, "-ERR no\r\n"), (.sent, "LOGIN a b\r\n"),
        ])
        #expect(
            said == [
                "C: AUTH XOAUTH2 <6 octets, not shown>", "C: <6 octets, not shown>", "S: -ERR no", "C: <9 octets, not shown>",
            ])
    }

    @Test("a server that repeats the password, in any form and at any alignment, is masked")
    func echo() throws {
        var dialogue: [(Transcript.Kind, String)] = []
        for form in try Self.forms() {
            for lead in 0..<3 {
                let whole = Array("xyz".utf8.prefix(lead)) + form
                dialogue.append((.received, "-ERR \(base64(whole)) \(Self.hex(whole)) \(Self.hex(whole).uppercased())\r\n"))
            }
        }
        dialogue.append((.received, "-ERR wrong: \(Self.password)-wrong\r\n"))
        let said = lines(dialogue)
        try expectSilence(said)
        #expect(said.last == "S: -ERR wrong: ***-wrong")
    }

    @Test(
        "NTLM messages show names and flags, never a response, for every variant",
        arguments: [NTLMVariant.v1, .ntlm2Session, .v2, .v2WithMIC, .v2WithChannelBinding])
    func ntlm(variant: NTLMVariant) throws {
        // The challenge of MS-NLMP 4.2.4, with a target name of 12 octets.
        let challenge =
            "TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAM"
            + "AFMAZQByAHYAZQByAAAAAAA="
        let message = try #require(MechanismText.decode(Array(challenge.utf8)))
        let made = NTHash(passwordUTF8: Array(Self.password.utf8).span)
        let hash = try #require(made)
        let exchange = ClientExchange(variant: variant)
        let answer = [UInt8](unsafeUninitializedCapacity: 4096) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            _ = exchange.authenticate(
                challenge: message.span, domain: Array("DOM".utf8).span, user: Array("ada".utf8).span,
                workstation: Array("POPLAR".utf8).span,
                secrets: ClientSecrets(hash: hash, clientChallenge: 0x0102_0304_0506_0708, nowFileTime: 1), into: &writer)
            count = writer.count
        }
        let said = lines([
            (.sent, "AUTH NTLM\r\n"), (.received, "+OK\r\n"), (.received, "+ \(challenge)\r\n"),
            (.sent, base64(answer) + "\r\n"),
            (.received, "+OK in\r\n"), (.sent, "QUIT\r\n"),
        ])
        #expect(
            said[2].contains("target Server") && said[2].contains("NetBIOS domain Domain") && said[2].contains("version 6.0.6000")
        )
        #expect(said[3].contains("domain DOM, user ada"))
        #expect(said.last == "C: QUIT")
        try expectSilence(said)
        #expect(!said.joined().contains(base64(Array(answer.suffix(24)))))
    }

    @Test("messages are counted, and controls are spelled out")
    func content() {
        let said = lines([
            (.sent, "RETR 1\r\n"), (.received, "+OK 7 octets\r\nhush\r\n\r\n.\r\n"), (.received, "-ERR \u{1B}[2J\r\n"),
        ])
        #expect(said.contains("S: <a message of 2 lines, 8 octets>"))
        #expect(said.last == "S: -ERR \\x1b[2J")
    }
}
