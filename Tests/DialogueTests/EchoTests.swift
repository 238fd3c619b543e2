// A server that says back what the client sent: neither the line nor what answers a challenge comes into a dialogue, whole, cut
// short, or spelled otherwise. Each case is a logon as a session writes it.

import Digest
import PoplarCore
import Testing

@testable import Dialogue

@Suite("A server that repeats the client's lines")
struct EchoTests {
    private static let digest = "39a2c4d1e6f708195a6b7c8d9eafb0c1"
    private static let password = "correct horse battery"

    struct Logon: Sendable, CustomTestStringConvertible {
        let name: String
        /// `C` or `S`, and the line.
        let lines: [(Character, String)]
        /// What of the last line must not be shown, as octets.
        let secrets: [[UInt8]]
        var testDescription: String { name }
    }

    private static func hex(_ octets: [UInt8]) -> String { octets.map(Printable.hexadecimal).joined() }

    private static let digestOctets = MechanismText.digest(Array(digest.utf8)[...])

    static let logons: [Logon] = {
        let proof = Array("0123456789abcdefghijklmnopqrstuv".utf8)
        return [
            Logon(name: "APOP", lines: [("C", "APOP user00000 \(digest)")], secrets: digestOctets),
            Logon(
                name: "CRAM-MD5",
                lines: [("C", "AUTH CRAM-MD5"), ("S", "+ \(base64("<1.2@x>"))"), ("C", base64("user00000 \(digest)"))],
                secrets: digestOctets),
            Logon(
                name: "SCRAM-SHA-256",
                lines: [
                    ("C", "AUTH SCRAM-SHA-256"), ("S", "+ "), ("C", base64("n,,n=ada,r=abc")),
                    ("S", "+ \(base64("r=abcdef,s=c2FsdHNhbHQ=,i=4096"))"), ("C", base64("c=biws,r=abcdef,p=\(base64(proof))")),
                ],
                secrets: [proof, Array(base64(proof).utf8)]),
            Logon(
                name: "PLAIN", lines: [("C", "AUTH PLAIN"), ("S", "+ "), ("C", base64("\0user00000\0\(password)"))],
                secrets: [Array(password.utf8)]),
            Logon(
                name: "LOGIN",
                lines: [
                    ("C", "AUTH LOGIN"), ("S", "+ VXNlcm5hbWU6"), ("C", base64("user00000")), ("S", "+ UGFzc3dvcmQ6"),
                    ("C", base64(password)),
                ],
                secrets: [Array(password.utf8)]),
            Logon(name: "PASS", lines: [("C", "USER ada"), ("C", "PASS \(password)")], secrets: [Array(password.utf8)]),
            Logon(
                name: "an unknown mechanism",
                lines: [("C", "AUTH XOAUTH2"), ("S", "+ "), ("C", base64("a token of its own kind"))],
                secrets: [Array("a token of its own kind".utf8)]),
        ]
            + NTLMTextTests.variants.compactMap { variant in
                guard let messages = try? NTLMTextTests.messages(variant) else { return nil }
                return Logon(
                    name: "NTLM \(variant)",
                    lines: [
                        ("C", "AUTH NTLM"), ("S", "+OK"), ("C", base64(messages[0])), ("S", "+ \(base64(messages[1]))"),
                        ("C", base64(messages[2])),
                    ],
                    secrets: NTLMTextTests.responses(messages[2]))
            }
    }()

    /// What is shown of `logon` when the server answers with each of `answers`, in a session each.
    private func shown(_ logon: Logon, _ answers: [[UInt8]]) -> [String] {
        answers.map { answer in
            var transcript = Transcript()
            for (side, line) in logon.lines { transcript.append(side == "C" ? .sent : .received, atNs: 0, text: line + "\r\n") }
            let octets = answer + [13, 10]
            octets.withUnsafeBytes { transcript.append(.received, atNs: 0, $0) }
            return Redactor.lines(transcript, secrets: Secrets()).last?.text ?? ""
        }
    }

    /// Eight octets in a row of a secret, in a spelling that a reader could turn back.
    private static func pieces(_ logon: Logon) -> Set<String> {
        var texts: [String] = []
        for secret in logon.secrets {
            texts += [String(decoding: secret, as: UTF8.self), hex(secret)]
            for lead in 0..<3 { texts.append(base64([UInt8](repeating: 33, count: lead) + secret.dropLast(2))) }
        }
        let last = logon.lines.last?.1 ?? ""
        if logon.lines.count > 1, last.count >= 16, !last.contains(" ") { texts.append(last) }
        return Set(
            texts.flatMap { text -> [String] in
                let letters = Array(text.lowercased().replacing("=", with: "").dropFirst(4))
                guard letters.count >= 8 else { return [] }
                return (0...(letters.count - 8)).map { String(letters[$0..<($0 + 8)]) }
                    .filter { Set($0).count > 1 && !$0.contains("\u{FFFD}") }
            })
    }

    private func expectSilence(_ logon: Logon, _ answers: [[UInt8]]) {
        let pieces = Self.pieces(logon)
        #expect(!pieces.isEmpty)
        for text in shown(logon, answers) {
            let letters = Array(text.lowercased())
            guard letters.count >= 8 else { continue }
            let found = (0...(letters.count - 8)).map { String(letters[$0..<($0 + 8)]) }.filter(pieces.contains)
            #expect(found.isEmpty, "\(logon.name): \(found.first ?? "") in \(text)")
        }
    }

    @Test("the whole line, and every beginning of it from 16 letters on, in either case", arguments: logons)
    func line(logon: Logon) {
        let line = Array((logon.lines.last?.1 ?? "").utf8)
        let answers = (16...max(16, line.count)).flatMap { count -> [[UInt8]] in
            let said = Array("-ERR you said ".utf8) + line.prefix(count)
            return [said, said.map(Bytes.uppercased)]
        }
        expectSilence(logon, answers)
    }

    @Test("what it decodes to, and the part that is secret alone: as it is, in hexadecimal, in base64", arguments: logons)
    func parts(logon: Logon) {
        let line = Array((logon.lines.last?.1 ?? "").utf8)
        let forms = logon.secrets + [MechanismText.decode(line) ?? line]
        let answers = forms.flatMap { form -> [[UInt8]] in
            let spelled = [Self.hex(form), Self.hex(form).uppercased(), base64(form), base64([33] + form)]
            return ([form] + spelled.map { Array($0.utf8) }).map { Array("-ERR no: ".utf8) + $0 }
        }
        expectSilence(logon, answers)
    }

    @Test("in the challenge of the next attempt, in a later reply, and in a listing's rows")
    func later() {
        let line = base64("user00000 \(Self.digest)")
        var transcript = Transcript()
        let dialogue = [
            (Transcript.Kind.sent, "AUTH CRAM-MD5"), (.received, "+ \(base64("<1.2@x>"))"), (.sent, line),
            (.received, "-ERR"),
            (.sent, "AUTH CRAM-MD5"), (.received, "+ \(line)"), (.sent, "*"), (.received, "-ERR \(line.prefix(20))"),
            (.sent, "CAPA"), (.received, "+OK"), (.received, "X-LAST \(Self.digest.prefix(16))"), (.received, "."),
        ]
        for (kind, text) in dialogue { transcript.append(kind, atNs: 0, text: text + "\r\n") }
        let said = Redactor.lines(transcript, secrets: Secrets()).map(\.text)
        #expect(said[5] == "+ <CRAM-MD5: challenge user00000 ***>")
        #expect(said[7] == "-ERR ***")
        #expect(said[10] == "X-LAST ***")
    }

    @Test("names, and a refusal's own words, stay")
    func harmless() {
        for logon in Self.logons {
            for words in ["-ERR [AUTH] user00000: unknown user name or bad password", "-ERR <1.2@x> Server Domain DOM\\ada"] {
                #expect(shown(logon, [Array(words.utf8)]) == [words], "\(logon.name)")
            }
        }
    }

    @Test("another text of the session is masked by what the dialogue taught, also where it is cut")
    func otherTexts() {
        var transcript = Transcript()
        transcript.append(.sent, atNs: 0, text: "APOP user00000 \(Self.digest)\r\n")
        let secrets = Redactor.read(transcript, secrets: Secrets()).secrets
        for count in 2...Self.digest.count {
            let text = Array("-ERR APOP user00000 \(Self.digest.prefix(count))".utf8)
            #expect(Redactor.text(text, secrets: secrets, isCut: true) == "-ERR APOP user00000 ***", "\(count)")
        }
    }

    @Test("where the client's lines are not known, words that only a machine writes are masked")
    func runs() {
        func shown(_ text: String, isCut: Bool = false) -> String {
            Redactor.text(Array(text.utf8), secrets: Secrets(), isCut: isCut, hidesRuns: true)
        }
        let token = base64("user00000 \(Self.digest)")
        #expect(shown("-ERR you said \(token)") == "-ERR you said ***")
        #expect(shown("-ERR APOP user00000 \(Self.digest.uppercased())!") == "-ERR APOP user00000 ***!")
        for count in 16...token.count { #expect(shown("-ERR you said \(token.prefix(count)) here") == "-ERR you said *** here") }
        for count in 8...token.count {
            #expect(shown("-ERR you said \(token.prefix(count))", isCut: true) == "-ERR you said ***")
        }
        for words in [
            "-ERR [AUTH] Logon failure: unknown user name or bad password.", "-ERR no mailbox for user00000@mail.example.com",
            "-ERR misconfiguration: authentication", "-ERR [IN-USE] locked",
        ] {
            #expect(shown(words) == words)
            #expect(shown(words, isCut: true) == words)
        }
    }
}
