// Whole runs of the executable: what a user sees, and what is left when things go wrong. Summaries are read as JSON, as other
// programs read them.

import Foundation
import Testing

private let profileText = """
    name: short
    description: A short run for the tests.
    rate: 100
    phases:
      - {name: warm-up, duration: 300ms, measure: off}
      - {name: steady, duration: 1500ms}
    clients:
      - {persona: internet-mail-3, weight: 2, ntlm_failure_share: 30%}
      - {persona: outlook-express-ssl, weight: 1}
      - {persona: basic, weight: 1}
      - {persona: basic-ssl, weight: 1}
      - {persona: membership, weight: 1}
    mailbox_work:
      - {name: fetch, stat: on, retrieve: 1}
    population: {users: 2000, messages: 2, bytes: 512}
    limits: {session_timeout: 5s}

    """

@Suite("poplar run", .serialized)
struct RunTests {
    private func run(_ folder: ScratchFolder, _ arguments: [String], profile: String = profileText) throws -> FinishedRun {
        let file = try folder.write("short.yaml", profile)
        let words = ["run", file, "--out", folder.url.appendingPathComponent("run").path] + arguments
        return FinishedRun(folder, try Program.run(Program.poplar, words))
    }

    @Test("all five methods on their ports, fallbacks, no errors; every file of the folder")
    func mix() throws {
        let folder = try ScratchFolder()
        let finished = try run(folder, [])
        // On a machine that is busy with other tests the run may be called invalid (4); everything else must hold.
        #expect([0, 4].contains(finished.outcome.status), "\(finished.outcome.output)\(finished.outcome.errors)")
        #expect(finished.outcome.output.hasSuffix("run \(finished.folder.path)\n"))
        // What it cost the generator ends the report; other programs look for phrases in it.
        let report = finished.outcome.output.split(separator: "\n").dropLast()
        let cost = report.drop { !$0.hasPrefix(" generator  ") }
        #expect(cost.count == 3 && cost.dropFirst().allSatisfy { $0.hasPrefix("            ") }, "\(finished.outcome.output)")
        #expect(cost.allSatisfy { $0.count <= 100 }, "\(cost)")
        for phrase in [" us CPU per session, ", " bytes allocated after 5 s", "arrivals A squared "] {
            #expect(cost.contains { $0.contains(phrase) }, "\(phrase)")
        }
        let counts = try finished.sessions()
        _ = try finished.sessions("all_phases")
        #expect((counts["succeeded"] ?? 0) > 50)
        #expect(counts["failed"] == 0)
        let summary = try finished.summary
        let fallbacks = try #require(summary["fallbacks"] as? [[String: Any]])
        #expect(fallbacks.contains { $0["from"] as? String == "ntlm" && $0["to"] as? String == "basic" })
        let steps = try #require(summary["steps"] as? [[String: Any]])
        let logons = Set(
            steps.filter { ["auth", "ntlm_authenticate"].contains($0["step"] as? String) }.map { row in
                "\(row["auth"] as? String ?? "") \(row["transport"] as? String ?? "")"
            })
        #expect(logons.isSuperset(of: ["basic pop3", "basic pop3s", "ntlm pop3", "ntlm pop3s", "membership pop3"]))
        for name in ["manifest.json", "profile.yaml", "summary.json", "series.csv", "steps.hlog", "session.hgrm", "errors.jsonl"]
        {
            #expect(FileManager.default.fileExists(atPath: finished.folder.appendingPathComponent(name).path), "\(name)")
        }
        #expect(try String(contentsOf: finished.folder.appendingPathComponent("profile.yaml"), encoding: .utf8) == profileText)
    }

    @Test("the password stands in no file and on no screen", arguments: ["secret-canary-7531"])
    func secrets(password: String) throws {
        let server = try ServedPoplar()
        let folder = try ScratchFolder()
        var rows = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n"
        for index in 0..<400 {
            let (account, other) = (String(format: "%05d", index), String(format: "%05d", index + 500))
            rows += "user\(account),\(password),POPLAR,user\(other),\(password),member\(account),\(password)\n"
        }
        let users = try folder.write("users.csv", rows)
        let finished = try run(
            folder,
            ["--pop3", "127.0.0.1:\(server.pop3)", "--pop3s", "127.0.0.1:\(server.pop3s)", "--users", users, "--rate", "20"])
        // Every password is wrong, so the run fails by its errors; that is what gives it something to write.
        #expect([2, 4].contains(finished.outcome.status), "\(finished.outcome.output)\(finished.outcome.errors)")
        let counts = try finished.sessions()
        #expect(counts["failed"] == counts["planned"])
        let utf16 = password.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let spellings = [
            Data(password.utf8), Data(password.utf8.map { String(format: "%02x", $0) }.joined().utf8),
            Data(Data(password.utf8).base64EncodedString().dropLast(4).utf8), Data(utf16),
        ]
        var texts = [Data(finished.outcome.output.utf8), Data(finished.outcome.errors.utf8)]
        for name in try FileManager.default.contentsOfDirectory(atPath: finished.folder.path) {
            texts.append(try Data(contentsOf: finished.folder.appendingPathComponent(name)))
        }
        #expect(texts.allSatisfy { text in spellings.allSatisfy { text.range(of: $0) == nil } })
    }

    @Test("the same seed plans the same sessions; another seed others")
    func dryRun() throws {
        func hash(_ seed: String) throws -> String {
            let folder = try ScratchFolder()
            let finished = try run(folder, ["--dry-run", "--seed", seed])
            #expect(finished.outcome.status == 0, "\(finished.outcome.errors)")
            return try #require(finished.outcome.output.split(separator: "\n").first { $0.contains("hash") }.map(String.init))
        }
        #expect(try hash("5") == hash("5"))
        #expect(try hash("5") != hash("6"))
    }
}
