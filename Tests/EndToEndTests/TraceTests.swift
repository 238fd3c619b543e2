// `poplar run --trace N`: dialogues of some sessions, of every method and of what failed, and no secret in any of them.

import Foundation
import Testing

@Suite("poplar run --trace", .serialized)
struct TraceTests {
    private let profile = """
        name: traced
        rate: 60
        phases: [{name: steady, duration: 1500ms}]
        clients:
          - {persona: internet-mail-3, ntlm_failure_share: 50%}
          - {persona: outlook-express-ssl}
          - {persona: basic}
          - {persona: basic, wrong_password_share: 50%}
          - {persona: membership}
          - {persona: thunderbird}
        mailbox_work: [{name: fetch, stat: on, retrieve: 1}]
        population: {users: 2000, messages: 2, bytes: 512}

        """

    private func run(_ folder: ScratchFolder, _ profile: String, _ words: [String]) throws -> (
        outcome: Outcome, dialogues: String
    ) {
        let file = try folder.write("traced.yaml", profile)
        let out = folder.url.appendingPathComponent("run")
        let outcome = try Program.run(Program.poplar, ["run", file, "--out", out.path] + words)
        let path = out.appendingPathComponent("dialogues.txt").path
        return (outcome, (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
    }

    @Test("sessions of every client, each with its whole dialogue, and the secret in no spelling")
    func every() throws {
        let folder = try ScratchFolder()
        let (outcome, text) = try run(folder, profile, ["--trace", "24"])
        #expect([0, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("dialogues of 24 sessions in "))
        #expect(text.hasPrefix("24 of "))
        #expect(text.components(separatedBy: "\n").count { $0.hasPrefix("session ") } == 24)
        for part in [
            "basic over pop3 as user", "ntlm-v2 over pop3 as POPLAR\\user", "over pop3s as",
            "membership over pop3 as MEMBERSHIP\\member",
            "C: USER user", "C: PASS ***", "C: AUTH NTLM", "NTLM", "TLS handshake done, TLS 1.", "S: +OK", "C: RETR 1",
            "<a message of ", "C: QUIT", "refused, as its script asks",
        ] {
            #expect(text.contains(part), "\(part)\n\(text)")
        }
        let lowered = text.lowercased()
        for (name, spelling) in spellings("secret") where spelling.count >= 4 {
            #expect(!lowered.contains(spelling), "the password as \(name)")
        }
    }

    @Test("what failed is shown, with the class, the server's words and what to try")
    func failures() throws {
        let server = try ServedPoplar()
        let folder = try ScratchFolder()
        var rows = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n"
        // Every third user has a password that is not his.
        for index in 0..<900 {
            rows += "user\(String(format: "%05d", index)),\(index % 3 == 0 ? "canary-7531" : "secret"),,,,,\n"
        }
        let users = try folder.write("users.csv", rows)
        let profile = """
            name: failing
            rate: 100
            phases: [{name: steady, duration: 1s}]
            clients: [{persona: basic}]
            mailbox_work: [{name: check}]
            population: {users: 900}

            """
        let (outcome, text) = try run(folder, profile, ["--pop3", "127.0.0.1:\(server.pop3)", "--users", users, "--trace", "6"])
        #expect([2, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        #expect(text.hasPrefix("6 of "))
        #expect(text.components(separatedBy: ": refused\n").count - 1 >= 3, "\(text)")
        #expect(text.contains("the server said \"-ERR"))
        #expect(text.contains("check account and password"))
        for (name, spelling) in spellings("canary-7531") {
            #expect(!text.lowercased().contains(spelling), "the password as \(name)")
        }
    }

    @Test("nothing is traced unasked, and a count out of range is a usage error")
    func count() throws {
        let folder = try ScratchFolder()
        let (_, text) = try run(folder, profile, ["--duration", "0.2"])
        #expect(text.isEmpty)
        for count in ["-1", "1001", "some"] {
            let (outcome, _) = try run(folder, profile, ["--trace=\(count)"])
            #expect(outcome.status == 64, "\(count): \(outcome.errors)")
        }
    }
}
