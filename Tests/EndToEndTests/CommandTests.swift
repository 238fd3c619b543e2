// The small commands: what is printed where, and the exit code. A user meets them before the first run.

import Foundation
import Testing

@Suite("poplar profile and poplar doctor", .serialized)
struct CommandTests {
    private let good = """
        name: mine
        description: Mine.
        rate: 10
        phases: [{name: steady, duration: 2s}]
        clients: [{persona: basic}]
        mailbox_work: [{name: look, stat: on}]

        """

    @Test("list names every shipped profile; files of one's own can be listed too")
    func list() throws {
        let folder = try ScratchFolder()
        let all = try Program.run(Program.poplar, ["profile", "list"])
        #expect(all.status == 0 && all.errors.isEmpty, "\(all.errors)")
        let names = all.output.split(separator: "\n").filter { !$0.hasPrefix(" ") }.compactMap { $0.split(separator: " ").first }
        #expect(Set(names.map(String.init)).isSuperset(of: ["exchange-mixed", "smoke", "specmail2001", "closed-max"]))
        #expect(names == names.sorted())
        let own = try Program.run(Program.poplar, ["profile", "list", try folder.write("mine.yaml", good)])
        #expect(own.output == "mine  open, 10/s poisson  measured 2 s\n    basic 100 %\n    Mine.\n")
    }

    @Test("show prints the text octet for octet; an unknown name is 64")
    func show() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("mine.yaml", good)
        #expect(try Program.run(Program.poplar, ["profile", "show", file]).output == good)
        #expect(try Program.run(Program.poplar, ["profile", "show", "smoke"]).output.contains("name: smoke"))
        let path = try Program.run(Program.poplar, ["profile", "show", "smoke", "--path"])
        #expect(path.output.hasSuffix("profiles/smoke.yaml\n"))
        let missing = try Program.run(Program.poplar, ["profile", "show", "nonesuch"])
        #expect(missing.status == 64 && missing.errors.contains("poplar profile list") && missing.output.isEmpty)
        let near = try Program.run(Program.poplar, ["run", "exchange-mxed"])
        #expect(near.status == 64 && near.errors.contains("did you mean 'exchange-mixed'?"), "\(near.errors)")
    }

    @Test("check prints ok for good files, and every error of the others with its place: 64")
    func check() throws {
        let folder = try ScratchFolder()
        let bad = try folder.write(
            "bad.yaml",
            good.replacingOccurrences(of: "rate: 10", with: "rte: 10").replacingOccurrences(of: "basic", with: "basik"))
        let own = try folder.write("good.yaml", good)
        let result = try Program.run(Program.poplar, ["profile", "check", bad, own, "nonesuch"])
        #expect(result.status == 64)
        #expect(result.output.hasPrefix("ok \(own): ") && result.output.split(separator: "\n").count == 1, "\(result.output)")
        #expect(result.errors.hasPrefix("\(bad):3:1: error:"), "\(result.errors)")
        #expect(result.errors.contains("\(bad):5:21: error:") && result.errors.contains("nonesuch"), "\(result.errors)")
        let all = try Program.run(Program.poplar, ["profile", "check"])
        #expect(all.status == 0 && all.output.contains("profiles/exchange-mixed.yaml: "), "\(all.errors)")
    }

    @Test("doctor prints a line a finding, as JSON too; exit 1 exactly when something is bad")
    func doctor() throws {
        let text = try Program.run(Program.poplar, ["doctor"])
        #expect(text.status == (text.output.contains("\nBAD ") || text.output.hasPrefix("BAD ") ? 1 : 0))
        #expect(text.output.contains("descriptors") && text.output.contains("wake-ups"))
        let json = try Program.run(Program.poplar, ["doctor", "--json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect((object["status"] as? String == "bad") == (json.status == 1))
        let findings = try #require(object["findings"] as? [[String: Any]])
        #expect(findings.contains { $0["check"] as? String == "openssl" && $0["status"] as? String == "ok" })
    }

    @Test(
        "output that cannot be written is exit 1 with the reason, not a success; a reader that went away is none",
        arguments: [
            ["profile", "list"], ["profile", "show", "smoke"], ["profile", "check", "smoke"], ["doctor"], ["doctor", "--json"],
        ])
    func full(words: [String]) throws {
        func run(_ end: String) throws -> Outcome {
            try Program.run("/bin/bash", ["-c", "trap '' PIPE; \"$@\" \(end)", "bash", Program.poplar] + words)
        }
        let full = try run(">/dev/full")
        #expect(full.status == 1)
        #expect(full.errors == "poplar: cannot write to standard output: No space left on device\n")
        let closed = try run(">&-")
        #expect(closed.status == 1 && closed.errors.contains("standard output"), "\(closed.errors)")
        let gone = try run("| true; echo ${PIPESTATUS[0]}")
        #expect(gone.errors.isEmpty && (gone.output == "0\n" || words[0] == "doctor"), "\(gone.output)\(gone.errors)")
    }

    @Test("a broken profile goes before output that is lost: 64")
    func brokenAndFull() throws {
        let folder = try ScratchFolder()
        let files = [try folder.write("bad.yaml", good + "nonsense: 1\n"), try folder.write("good.yaml", good)]
        for word in ["check", "list"] {
            let outcome = try Program.run(
                "/bin/bash", ["-c", "\"$@\" >/dev/full", "bash", Program.poplar, "profile", word] + files)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("bad.yaml") && outcome.errors.contains("No space left"), "\(outcome.errors)")
        }
    }

    @Test("a dry run prints the plan and starts nothing")
    func dryRun() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("mine.yaml", good)
        let out = folder.url.appendingPathComponent("run").path
        let plan = try Program.run(Program.poplar, ["run", file, "--dry-run", "--out", out, "--threads", "1"])
        #expect(plan.status == 0, "\(plan.errors)")
        for word in ["sessions   about 20", "users ", "ports ", "files ", "memory ", "plan hash  "] {
            #expect(plan.output.contains(word), "\(word): \(plan.output)")
        }
        #expect(!FileManager.default.fileExists(atPath: out))
    }
}
