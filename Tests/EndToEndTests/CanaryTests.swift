// A password comes out of the server nowhere: every method, right and wrong, in the clear and by curl inside TLS, and then
// every output at its chattiest level is searched for it, in every spelling in which software leaks: raw, UTF-16, hexadecimal
// and base64 at each of its three phases, and the hash that is as good as the password to NTLM.

import Digest
import Foundation
import NTLM
import PoplarCore
import SASL
import Testing

/// Spellings in which a password must not come out.
func spellings(_ secret: String) -> [(String, String)] {
    let octets = Array(secret.utf8)
    let wide = secret.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    var result: [(String, String)] = [("raw", secret), ("UTF-16LE", String(decoding: wide, as: UTF8.self))]
    for (name, bytes) in [("", octets), ("UTF-16LE ", wide)] {
        result.append((name + "hex", bytes.map { String(format: "%02x", $0) }.joined()))
        for shift in 0..<3 {
            // The whole groups of four inside do not depend on what stands around them.
            let encoded = Data([UInt8](repeating: 0, count: shift) + bytes).base64EncodedString()
            let first = shift == 0 ? 0 : 4
            let groups = (shift + bytes.count) / 3 * 4
            result.append((name + "base64 at \(shift)", String(encoded.dropFirst(first).prefix(groups - first))))
        }
    }
    if let hash = NTHash(passwordUTF8: octets.span) {
        result.append(("NT hash", (0..<16).map { String(format: "%02x", hash.digest[$0]) }.joined()))
    }
    return result.map { ($0.0, $0.1.lowercased()) }
}

@Suite("Secrets stay inside")
struct CanaryTests {
    @Test("a password comes out in no spelling: log at debug, standard output and error, figures")
    func canary() throws {
        let wrong = "Kanarienvogel-4711-xyzzy"
        let server = try WatchedPoplar([
            "--log-level", "debug", "--ntlm-level", "2", "--counters", "--limit", "failure-delay-ms=0",
        ])
        func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        for password in ["secret", wrong] {
            _ = server.session("USER user00001", "PASS \(password)", "QUIT")
            _ = server.session("PASS \(password)", "APOP user00001 \(password)", "AUTH PLAIN \(password)", "QUIT")
            _ = server.session("AUTH PLAIN", base64("\0user00001\0\(password)"), "QUIT")
            _ = server.session("AUTH PLAIN \(base64("\0user00001\0\(password)"))", "QUIT")
            _ = server.session("AUTH LOGIN", base64("user00001"), base64(password), "QUIT")
            _ = server.session(base64(password), password, "QUIT \(password)")
            _ = server.session("USER user00001", "PASS \(password)" + String(repeating: "x", count: 600), "QUIT")
            for logon in [apop, cram, scram] { logon(server, password) }
            if let curl = Program.path("curl") {
                for method in ["AUTH=NTLM", "AUTH=LOGIN", "AUTH=PLAIN", "AUTH=CRAM-MD5", "AUTH=+APOP"] {
                    for url in [
                        "pop3://127.0.0.1:\(server.ports["pop3"] ?? 0)", "pop3s://127.0.0.1:\(server.ports["pop3s"] ?? 0)",
                    ] {
                        _ = try Program.run(
                            curl,
                            [
                                "-sS", "--insecure", "--max-time", "20", url, "-u", "user00001:\(password)", "--login-options",
                                method,
                            ])
                    }
                }
            }
        }
        let page = server.page()
        #expect(server.stop() == 0)
        let everything = (server.everything + page).lowercased()
        #expect(everything.contains("event=logon_refused") && everything.contains("event=logon_granted"))
        #expect(everything.contains("event=connection_closed"))
        // The search means something only where each of these was really tried, once right and once wrong.
        for method in ["basic", "apop", "plain", "login", "cram_md5", "scram_sha_256"] {
            for event in ["logon_granted", "logon_refused"] {
                let line = try Regex("event=\(event) .*method=\(method) ")
                #expect(server.log.contains(line), "\(event) by \(method)")
            }
        }
        for password in ["secret", wrong] {
            for (name, spelling) in spellings(password) where spelling.count >= 4 {
                #expect(!everything.contains(spelling), "\(password) as \(name)")
            }
        }
    }

    @Test("nor does a server that repeats it bring it into the run's folder")
    func repeated() throws {
        let server = try AnsweringPort { line, _ in
            line.hasPrefix("PASS") ? "-ERR unknown command: \(line)" : AnsweringPort.good(line)
        }
        let folder = try ScratchFolder()
        let profile = try folder.write(
            "echo.yaml",
            """
            name: echo
            model: closed
            users: 2
            think_time: 20ms
            phases: [{name: steady, duration: 300ms}]
            clients: [{persona: basic}]
            mailbox_work: [{name: look, stat: on}]
            population: {users: 40, messages: 1, bytes: 256}

            """)
        let out = folder.url.appendingPathComponent("run").path
        let outcome = try Program.run(Program.poplar, ["run", profile, "--out", out, "--pop3", server.target])
        #expect(outcome.status == 2, "\(outcome.output)\(outcome.errors)")
        #expect(folder.read("run/errors.jsonl").contains("-ERR unknown command: PASS ***"))
        let files = try FileManager.default.contentsOfDirectory(atPath: out).map { folder.read("run/\($0)") }
        let everything = (files.joined() + outcome.output + outcome.errors).lowercased()
        for (name, spelling) in spellings("secret") where spelling.count >= 4 {
            #expect(!everything.contains(spelling), "the password as \(name)")
        }
    }

    // MARK: Methods whose response depends on what the server said

    private func apop(_ server: WatchedPoplar, _ password: String) {
        guard let wire = try? server.connect(), let start = wire.received.firstIndex(of: "<"),
            let end = wire.received.firstIndex(of: ">")
        else { return }
        let digest = MD5.hash(Array((wire.received[start...end] + password).utf8).span)
        wire.say("APOP user00001 " + (0..<16).map { String(format: "%02x", digest[$0]) }.joined(), "QUIT")
    }

    private func cram(_ server: WatchedPoplar, _ password: String) {
        exchange(server, "CRAM-MD5", SASL.ClientExchange(mechanism: .cramMD5), password)
    }

    private func scram(_ server: WatchedPoplar, _ password: String) {
        exchange(server, "SCRAM-SHA-256", SASL.ClientExchange(mechanism: .scramSHA256), password)
    }

    private func exchange(_ server: WatchedPoplar, _ name: String, _ mechanism: SASL.ClientExchange, _ password: String) {
        guard let wire = try? server.connect() else { return }
        var mechanism = mechanism
        var keys: SCRAMClientKeys?
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        defer { memory.deallocate() }
        let (user, secret) = (Array("user00001".utf8), Array(password.utf8))
        wire.say("AUTH \(name)")
        while let line = wire.received.split(whereSeparator: \.isNewline).last, line.hasPrefix("+ ") {
            let challenge = Data(base64Encoded: String(line.dropFirst(2))).map { Array($0) } ?? []
            var writer = ByteWriter(memory)
            _ = mechanism.step(
                challenge: challenge.span, user: user.span, password: secret.span, random: (3, 4), keys: &keys, into: &writer)
            wire.say(Data(writer.written).base64EncodedString())
        }
        wire.say("QUIT")
    }
}
