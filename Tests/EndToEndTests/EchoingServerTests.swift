// A server that says back what it hears, in every logon's most telling line: nothing of it comes out of `poplar probe`, nor into
// the folder of a run, whole or in part.

import Foundation
import Testing

@Suite("A server that says back what answers a challenge", .serialized)
struct EchoingServerTests {
    /// What the server said back.
    private final class Heard: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [String] = []

        func add(_ line: String) { lock.withLock { lines.append(line) } }
        var all: [String] { lock.withLock { lines } }
    }

    private static let challenge =
        "TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAM"
        + "AFMAZQByAHYAZQByAAAAAAA="

    /// Leads each client to the line that tells its secret, and repeats that.
    private func server(_ heard: Heard) throws -> AnsweringPort {
        try AnsweringPort(greeting: "+OK ready <1.2@x>") { line, _ in
            switch line {
            case "AUTH", "CAPA": return "+OK\r\nNTLM\r\nCRAM-MD5\r\nUSER\r\nSASL NTLM CRAM-MD5 LOGIN\r\n."
            case "AUTH CRAM-MD5": return "+ PDEuMkB4Pg=="
            case "AUTH LOGIN": return "+ VXNlcm5hbWU6"
            case let line where line.hasPrefix("TlRMTVNTUAAB"): return "+ " + Self.challenge
            case let line where line.hasPrefix("dXNlcjAw") && line.count < 20: return "+ UGFzc3dvcmQ6"
            case let line where line.hasPrefix("AUTH "): return "+ "
            case let line where line.hasPrefix("USER") || line.hasPrefix("QUIT"): return "+OK"
            default:
                heard.add(line)
                return "-ERR you said \(line)"
            }
        }
    }

    /// The last word of each line, what it decodes to, and the last word of that, as they may be found in a text.
    private func expectSilence(_ text: String, _ heard: Heard) {
        let text = text.lowercased()
        for line in heard.all {
            let word = String(line.split(separator: " ").last ?? "")
            var tokens = [word]
            if let octets = Data(base64Encoded: word) {
                tokens.append(String(String(decoding: octets, as: UTF8.self).split(separator: " ").last ?? ""))
                tokens.append(octets.suffix(16).map { String(format: "%02x", $0) }.joined())
            }
            for token in tokens where token.count >= 8 {
                let letters = Array(token.lowercased())
                for start in stride(from: 0, to: letters.count - 7, by: 4) {
                    let piece = String(letters[start..<(start + 8)])
                    if Set(piece).count > 1 { #expect(!text.contains(piece), "\(piece) of \(line)") }
                }
            }
        }
    }

    @Test("poplar probe, as text and as JSON", arguments: [[], ["--json"]])
    func probe(words: [String]) throws {
        let heard = Heard()
        let server = try server(heard)
        let folder = try ScratchFolder()
        let users = try folder.write(
            "users.csv",
            "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n"
                + "user00000,C4nary!sings,POPLAR,user00000,C4nary!sings,member00000,C4nary!sings\n")
        let outcome = try Program.run(
            Program.poplar, ["probe", server.target, "--users", users, "--timeout", "2"] + words)
        #expect(outcome.status == 2, "\(outcome.errors)")
        #expect(outcome.output.contains("-ERR you said APOP user00000 ***"))
        #expect(outcome.output.contains("-ERR you said ***"))
        #expect(heard.all.count > 6, "\(heard.all)")
        expectSilence(outcome.output + outcome.errors, heard)
    }

    @Test("a run: errors.jsonl, dialogues.txt, everything else, and what it prints")
    func run() throws {
        let heard = Heard()
        let server = try server(heard)
        let folder = try ScratchFolder()
        let profile = try folder.write(
            "echo.yaml",
            """
            name: echo
            rate: 20
            phases: [{name: steady, duration: 1s}]
            clients: [{persona: cram-md5}, {persona: apop}, {persona: thunderbird-ntlm}, {persona: login}]
            mailbox_work: [{name: look, stat: on}]
            limits: {step_timeout: 1s, session_timeout: 3s}

            """)
        let out = folder.url.appendingPathComponent("run").path
        let outcome = try Program.run(
            Program.poplar, ["run", profile, "--out", out, "--pop3", server.target, "--trace", "12"])
        #expect([2, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        #expect(folder.read("run/errors.jsonl").contains("-ERR you said ***"), "\(folder.read("run/errors.jsonl"))")
        #expect(folder.read("run/dialogues.txt").contains("S: -ERR you said ***"))
        #expect(heard.all.count > 6, "\(heard.all)")
        let files = try FileManager.default.contentsOfDirectory(atPath: out).map { folder.read("run/\($0)") }
        expectSilence(files.joined() + outcome.output + outcome.errors, heard)
    }
}
