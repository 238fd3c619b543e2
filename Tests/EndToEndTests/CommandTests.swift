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
