// Whoever reads a run's output may be slow, or gone: what is measured, written and obeyed must not depend on him.
// Nothing here is timed: the pipe is full before the run begins, so its first word already waits.

import Foundation
import Testing

@Suite("Slow readers of a run", .serialized)
struct ReaderTests {
    private let profile = """
        name: unread
        rate: 50
        arrivals: uniform
        phases: [{name: steady, duration: 3s}]
        clients: [{persona: basic}]
        mailbox_work: [{name: look, stat: on}]
        population: {users: 2000, messages: 1, bytes: 256}

        """

    /// Fills a pipe; how many octets it took.
    private func fill(_ pipe: Pipe2) -> Int {
        let flags = fcntl(pipe.write, F_GETFL)
        _ = fcntl(pipe.write, F_SETFL, flags | O_NONBLOCK)
        defer { _ = fcntl(pipe.write, F_SETFL, flags) }
        let block = [UInt8](repeating: 10, count: 4096)
        var sum = 0
        while true {
            let count = Glibc.write(pipe.write, block, block.count)
            if count <= 0 { return sum }
            sum += count
        }
    }

    private func waitForFile(_ url: URL) -> Bool {
        for _ in 0..<3_000 {
            if FileManager.default.fileExists(atPath: url.path) { return true }
            usleep(20_000)
        }
        return false
    }

    private func table(_ text: String) -> [[String: String]] {
        let lines = text.split(separator: "\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
    }

    enum Ending: CaseIterable { case read, signal }

    @Test(
        "output that nobody reads: each second stands where it was, the folder is whole before a word is read, a signal ends it",
        arguments: Ending.allCases, [["--json-lines"], []])
    func unread(ending: Ending, options: [String]) throws {
        let folder = try ScratchFolder()
        let run = folder.url.appendingPathComponent("run")
        let output = try Pipe2()
        let filled = fill(output)
        #expect(filled >= 4096)
        let words = ["run", try folder.write("unread.yaml", profile), "--out", run.path] + options
        let child = try Child(Program.poplar, words, seconds: 90, output: output.write, errors: nil)
        output.closeWrite()
        try #require(waitForFile(run.appendingPathComponent("summary.json")), "written although nobody reads")
        let rows = table(folder.read("run/series.csv"))
        #expect(rows.prefix(3).map { $0["planned"] } == ["50", "50", "50"])
        // A busy machine may put an end off by a second, not by all of them.
        #expect(rows.prefix(3).count { ($0["samples"].flatMap { Int($0) } ?? 0) > 0 } >= 2, "\(rows)")
        switch ending {
        case .read:
            let said = output.readAll()
            #expect(said.hasSuffix("\nrun \(run.path)\n"))
            #expect(said.contains(options.isEmpty ? "  unread, open model" : "\"type\":\"end\""))
        case .signal: kill(child.pid, SIGTERM)
        }
        #expect([0, 4].contains(child.wait()), "the run had ended by itself")
        let summary = try JSONSerialization.jsonObject(with: Data(folder.read("run/summary.json").utf8)) as? [String: Any]
        #expect(["pass", "invalid"].contains(summary?["verdict"] as? String))
    }

    @Test("a terminal that hangs up ends the run as SIGTERM does: everything is written, marked")
    func hangUp() throws {
        let folder = try ScratchFolder()
        let run = folder.url.appendingPathComponent("run")
        let output = try Pipe2()
        let words = ["run", try folder.write("unread.yaml", profile), "--out", run.path, "--duration", "60", "--json-lines"]
        let child = try Child(Program.poplar, words, seconds: 90, output: output.write, errors: nil)
        output.closeWrite()
        var seen = output.read(until: "\"type\":\"second\"")
        kill(child.pid, SIGHUP)
        seen += output.readAll()
        #expect(child.wait() == 130)
        #expect(seen.contains("\"verdict\":\"interrupted\"") && seen.hasSuffix("\nrun \(run.path)\n"))
        #expect(FileManager.default.fileExists(atPath: run.appendingPathComponent("summary.json").path))
    }
}
