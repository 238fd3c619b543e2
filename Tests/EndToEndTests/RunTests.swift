// Whole runs of the executable: what a user sees, and what is left when things go wrong. Summaries are read as JSON, as other
// programs read them.

import Foundation
import Testing

/// A run's folder and how the command ended.
private struct FinishedRun {
    var outcome: Outcome
    var folder: URL

    init(_ folder: ScratchFolder, _ outcome: Outcome) {
        self.outcome = outcome
        self.folder = folder.url.appendingPathComponent("run")
    }

    var summary: [String: Any] {
        get throws {
            let data = try Data(contentsOf: folder.appendingPathComponent("summary.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    /// The five counts, and that they and the errors add up.
    func sessions(_ key: String = "sessions") throws -> [String: Int] {
        let whole = try summary
        let counts = try #require(whole[key] as? [String: Int])
        let parts = ["succeeded", "failed", "cancelled", "in_flight"].map { counts[$0] ?? -1 }
        #expect(counts["planned"] == parts.reduce(0, +))
        if key == "sessions" {
            let errors = try #require(whole["errors"] as? [String: Int])
            #expect(errors.values.reduce(0, +) == counts["failed"])
        }
        return counts
    }
}

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

    @Test("a dead target: exit 1 and one clear line, and no folder")
    func deadTarget() throws {
        let folder = try ScratchFolder()
        let finished = try run(folder, ["--pop3", "127.0.0.1:1", "--pop3s", "127.0.0.1:1"])
        #expect(finished.outcome.status == 1)
        #expect(finished.outcome.errors.contains("127.0.0.1:1"))
        #expect(finished.outcome.errors.split(separator: "\n").count == 1, "\(finished.outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: finished.folder.path))
    }

    @Test("SIGINT and SIGTERM: what ran is written, marked, and adds up; exit 130", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profileText)
        let output = try Pipe2()
        let path = folder.url.appendingPathComponent("run").path
        let child = try Child(
            Program.poplar, ["run", file, "--duration", "60", "--out", path], seconds: 60, output: output.write, errors: nil)
        output.closeWrite()
        // The first line of progress comes after five seconds of load; a second's worth of sessions is enough to interrupt.
        Thread.sleep(forTimeInterval: 3)
        kill(child.pid, signal)
        let text = output.readAll()
        let finished = FinishedRun(folder, Outcome(status: child.wait(), output: text, errors: ""))
        #expect(finished.outcome.status == 130)
        #expect(try finished.summary["verdict"] as? String == "interrupted")
        let counts = try finished.sessions("all_phases")
        #expect((counts["planned"] ?? 0) > 0)
        _ = try finished.sessions()
    }

    @Test("the server dies in mid-run: the run ends on time, the sessions count as failed, and all adds up")
    func serverDies() throws {
        let server = try ServedPoplar()
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profileText)
        let output = try Pipe2()
        let path = folder.url.appendingPathComponent("run").path
        let child = try Child(
            Program.poplar,
            [
                "run", file, "--duration", "3", "--out", path, "--pop3", "127.0.0.1:\(server.pop3)", "--pop3s",
                "127.0.0.1:\(server.pop3s)",
            ], seconds: 60, output: output.write, errors: nil)
        output.closeWrite()
        Thread.sleep(forTimeInterval: 1.5)
        server.stop()
        let text = output.readAll()
        let finished = FinishedRun(folder, Outcome(status: child.wait(), output: text, errors: ""))
        #expect([2, 4].contains(finished.outcome.status), "\(text)")
        let counts = try finished.sessions()
        #expect((counts["failed"] ?? 0) > 0)
        let errors = try #require(try finished.summary["errors"] as? [String: Int])
        #expect((errors["refused"] ?? 0) > 0)
    }

    @Test("a profile that is wrong says where, shows the line, and suggests the key: exit 64")
    func badProfile() throws {
        let folder = try ScratchFolder()
        let bad = profileText.replacingOccurrences(of: "rate: 100", with: "rte: 100").replacingOccurrences(
            of: "weight: 2", with: "weight: two")
        let finished = try run(folder, [], profile: bad)
        #expect(finished.outcome.status == 64)
        #expect(finished.outcome.errors.contains("short.yaml:3:1: error:"), "\(finished.outcome.errors)")
        #expect(finished.outcome.errors.contains("rte: 100"))
        #expect(finished.outcome.errors.contains("rate"))
        #expect(finished.outcome.errors.contains("short.yaml:8:"), "\(finished.outcome.errors)")
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

    @Test("a target that is not loopback is refused without --allow-remote, and nothing is connected")
    func remote() throws {
        let finished = try run(try ScratchFolder(), ["--pop3", "192.0.2.1:110", "--pop3s", "192.0.2.1:995"])
        #expect(finished.outcome.status == 64)
        #expect(finished.outcome.errors.contains("--allow-remote"), "\(finished.outcome.errors)")
    }
}
