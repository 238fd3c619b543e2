// What a run shows while it goes on, how it ends when it is told to, and what a full disk leaves: with real processes.
// Nothing here is timed: what has to come first is waited for, line by line.

import Foundation
import Testing

@Suite("poplar run for people", .serialized)
struct DisplayTests {
    private let profile = """
        name: shown
        rate: 50
        phases:
          - {name: warm-up, duration: 500ms, measure: off}
          - {name: steady, duration: 2s}
        clients: [{persona: basic}]
        mailbox_work: [{name: look, stat: on}]
        population: {users: 2000, messages: 1, bytes: 256}
        limits: {session_timeout: 5s}

        """

    private func words(_ folder: ScratchFolder, _ more: [String], profile text: String? = nil) throws -> [String] {
        let file = try folder.write("shown.yaml", text ?? profile)
        return ["run", file, "--out", folder.url.appendingPathComponent("run").path] + more
    }

    private func object(_ line: Substring) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }

    @Test("--json-lines: a start, an object for every second, an end with the folder; `run DIR` comes last, the report on stderr")
    func jsonLines() throws {
        let folder = try ScratchFolder()
        let outcome = try Program.run(Program.poplar, try words(folder, ["--json-lines"]))
        let lines = outcome.output.split(separator: "\n")
        let path = folder.url.appendingPathComponent("run").path
        #expect(lines.last == "run \(path)")
        let objects = try lines.dropLast().map { try object($0) }
        #expect(objects.first?["type"] as? String == "start" && objects.last?["type"] as? String == "end")
        let seconds = objects.filter { $0["type"] as? String == "second" }
        #expect(seconds.count == objects.count - 2)
        #expect(seconds.compactMap { $0["second"] as? Int } == Array(0..<seconds.count) && seconds.count >= 2)
        #expect(objects.last?["run"] as? String == path)
        #expect(objects.last?["exit_code"] as? Int == Int(outcome.status))
        let summary = try #require(objects.last?["summary"] as? [String: Any])
        let data = try Data(contentsOf: folder.url.appendingPathComponent("run/summary.json"))
        #expect(try JSONSerialization.jsonObject(with: data) as? NSDictionary == summary as NSDictionary)
        #expect(outcome.errors.contains(" sessions   "), "\(outcome.errors)")
    }

    @Test("--quiet: the report at the end and the folder, nothing before")
    func quiet() throws {
        let folder = try ScratchFolder()
        let outcome = try Program.run(Program.poplar, try words(folder, ["--quiet"]))
        #expect(outcome.output.hasPrefix("\n") && outcome.output.contains("  shown, open model"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix("run \(folder.url.appendingPathComponent("run").path)\n"))
    }

    @Test("on a terminal: a block redrawn in place, then the report", .enabled(if: Program.exists("script")))
    func terminal() throws {
        let folder = try ScratchFolder()
        let quoted = ([Program.poplar] + (try words(folder, []))).map { "'\($0)'" }.joined(separator: " ")
        let outcome = try Program.run(
            Program.path("script") ?? "", ["-qec", quoted, "/dev/null"], environment: ["TERM": "xterm", "NO_COLOR": "1"])
        let text = outcome.output.replacingOccurrences(of: "\r\n", with: "\n")
        #expect(text.contains("\u{1b}[9A\r\u{1b}[2Kshown  steady  "), "\(text.prefix(2000))")
        #expect(text.contains("  last 10 s  ") && text.contains("  generator "))
        #expect(!text.contains("\u{1b}[3"), "NO_COLOR")
        #expect(text.contains("\nrun \(folder.url.appendingPathComponent("run").path)\n"))
    }

    @Test("the first Ctrl-C lets sessions end, the second ends them: both write everything, marked", arguments: [1, 2])
    func interrupted(signals: Int) throws {
        let silent = try SilentPort()
        let folder = try ScratchFolder()
        let text = profile.replacingOccurrences(of: "session_timeout: 5s", with: "session_timeout: 60s, step_timeout: 60s")
        let (output, errors) = (try Pipe2(), try Pipe2())
        let arguments = try words(
            folder, ["--json-lines", "--duration", "60", "--pop3", "127.0.0.1:\(silent.port)"], profile: text)
        let child = try Child(Program.poplar, arguments, seconds: 60, output: output.write, errors: errors.write)
        output.closeWrite()
        errors.closeWrite()
        var seen = output.read(until: "\"type\":\"second\"")
        kill(child.pid, SIGINT)
        let said = errors.read(until: "interrupted")
        if signals == 2 { kill(child.pid, SIGINT) }
        seen += output.readAll()
        #expect(child.wait() == 130, "\(said)")
        let end = try object(try #require(seen.split(separator: "\n").last { $0.hasPrefix("{") }))
        let summary = try #require(end["summary"] as? [String: Any])
        #expect(summary["verdict"] as? String == "interrupted" && end["exit_code"] as? Int == 130)
        let counts = try #require(summary["all_phases"] as? [String: Int])
        let parts = ["succeeded", "failed", "cancelled", "in_flight"].map { counts[$0] ?? -1 }
        #expect((counts["planned"] ?? 0) > 0 && counts["planned"] == parts.reduce(0, +))
        // Nobody was answered, and nobody timed out: all were ended by the stop.
        #expect(counts["succeeded"] == 0 && (counts["failed"] ?? -1) == 0, "\(counts)")
        for name in ["manifest.json", "profile.yaml", "summary.json", "series.csv", "steps.hlog", "errors.jsonl", "summary.md"] {
            #expect(!folder.read("run/\(name)").isEmpty || name == "errors.jsonl", "\(name)")
        }
    }

    private func files(_ folder: ScratchFolder) throws -> [String: Data] {
        let run = folder.url.appendingPathComponent("run")
        var found: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: run.path) {
            found[name] = try Data(contentsOf: run.appendingPathComponent(name))
        }
        return found
    }

    @Test(
        "standard output that takes nothing is 1, and the folder is whole",
        arguments: [[], ["--quiet"], ["--json-lines"]])
    func full(options: [String]) throws {
        let folder = try ScratchFolder()
        let outcome = try Program.run(
            "/bin/bash", ["-c", "\"$@\" >/dev/full", "bash", Program.poplar] + (try words(folder, options)))
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("cannot write to standard output: No space left on device"))
        #expect(folder.read("run/summary.json").contains("\"verdict\""))
    }

    @Test(
        "standard error that takes nothing, or has no reader, changes nothing; nor do descriptors that were closed",
        arguments: ["2>/dev/full", "2> >(true)", "2>&-", "<&- >&- 2>&-"])
    func errors(redirection: String) throws {
        let folder = try ScratchFolder()
        let outcome = try Program.run(
            "/bin/bash", ["-c", "\"$@\" --trace 2 \(redirection)", "bash", Program.poplar] + (try words(folder, [])))
        #expect([0, 4].contains(outcome.status), "\(redirection): \(outcome.status)")
        let run = folder.url.appendingPathComponent("run")
        for name in try FileManager.default.contentsOfDirectory(atPath: run.path) {
            #expect(!name.hasPrefix("."))
            let data = try Data(contentsOf: run.appendingPathComponent(name))
            #expect(
                data.range(of: Data("poplar: ".utf8)) == nil && data.range(of: Data("sessions   ".utf8)) == nil
                    || name == "summary.md")
        }
    }

    @Test("a reader of stdout that goes away does not end the run")
    func closedPipe() throws {
        let folder = try ScratchFolder()
        let quoted = ([Program.poplar] + (try words(folder, ["--json-lines"]))).map { "'\($0)'" }.joined(separator: " ")
        let outcome = try Program.run("/bin/bash", ["-c", "\(quoted) | head -n 1; exit ${PIPESTATUS[0]}"])
        #expect([0, 3, 4].contains(outcome.status), "\(outcome.errors)")
        #expect(try files(folder)["summary.json"] != nil)
    }
}
