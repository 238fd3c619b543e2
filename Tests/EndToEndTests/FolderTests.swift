// Two runs and one folder: what a user sees who gives --out twice.

import Foundation
import Glibc
import Testing

@Suite("poplar run --out", .serialized)
struct FolderTests {
    private let profile = """
        name: short
        rate: 20
        phases: [{name: steady, duration: 400ms}]
        clients: [{persona: basic}]
        mailbox_work: [{name: look}]
        population: {users: 200, messages: 1, bytes: 100}

        """

    @Test("a folder in use is refused with 1 before anything is started, whatever the first run is doing")
    func inUse() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profile)
        let words = ["run", file, "--out", folder.url.path + "/run"]
        let output = try Pipe2()
        let first = try Child(
            Program.poplar, words + ["--duration", "60", "--json-lines"], seconds: 90, output: output.write, errors: nil)
        output.closeWrite()
        #expect(output.read(until: "\"type\":\"start\"").contains("start"))
        let second = try Program.run(Program.poplar, words)
        #expect(second.status == 1, "\(second.errors)")
        #expect(second.errors.contains("/run is in use by another run (process "))
        #expect(second.output.isEmpty)
        kill(first.pid, SIGTERM)
        _ = output.readAll()
        #expect(first.wait() == 130)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/run").allSatisfy { !$0.hasPrefix(".") })
    }

    @Test("results are replaced with --force alone; without it the exit is 64 and they stay")
    func results() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profile)
        let words = ["run", file, "--out", folder.url.path + "/run", "--seed"]
        #expect([0, 4].contains(try Program.run(Program.poplar, words + ["1"]).status))
        let old = try folder.read("run/summary.json")
        for more in [[], ["--dry-run"]] {
            let second = try Program.run(Program.poplar, words + ["2"] + more)
            #expect(second.status == 64)
            #expect(second.errors.contains("/run holds summary.json already: give another folder with --out, or --force"))
        }
        #expect(try folder.read("run/summary.json") == old)
        #expect([0, 4].contains(try Program.run(Program.poplar, words + ["2", "--force"]).status))
        #expect(try folder.read("run/summary.json") != old)
    }

    @Test("a line break in --out is spelled out wherever the folder is named")
    func lineBreak() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profile)
        let words = ["run", file, "--out", folder.url.path + "/a\nb"]
        let first = try Program.run(Program.poplar, words + ["--trace", "1"])
        #expect([0, 4].contains(first.status), "\(first.errors)")
        #expect(first.output.hasSuffix("\nrun \(folder.url.path)/a\\u{A}b\n"), "\(first.output)")
        #expect(!first.output.contains("/a\n") && !first.errors.contains("/a\n"))
        let second = try Program.run(Program.poplar, words)
        #expect(second.status == 64 && second.errors.contains("/a\\u{A}b holds summary.json already"), "\(second.errors)")
    }

    @Test(
        "a line break in any name that cannot be used is spelled out in the error",
        arguments: [
            ["run", "a\nb"], ["run", "smoke", "--pop3", "a\nb:110"], ["run", "smoke", "--users", "a\nb"],
            ["run", "smoke", "--pop3", "127.0.0.1:1", "--pop3s", "127.0.0.1:1", "--ca", "a\nb"],
            ["run", "smoke", "--out", "/proc/a\nb"], ["probe", "a\nb:110"],
            ["profile", "check", "a\nb"], ["profile", "list", "a\nb"], ["profile", "show", "a\nb"],
            ["serve", "--pop3", "a\nb:110"], ["serve", "--check", "--config", "a\nb"],
            ["serve", "--pop3", "127.0.0.1:0", "--log", "/proc/a\nb"],
            ["serve", "--pop3", "127.0.0.1:0", "--cert", "a\nb", "--key", "c\nd"],
            ["serve", "--pop3", "127.0.0.1:0", "--metrics", "a\nb:9"],
        ])
    func brokenNames(words: [String]) throws {
        let outcome = try Program.run(Program.poplar, words)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("a\\u{A}b") && !outcome.errors.contains("a\nb"), "\(words): \(outcome.errors)")
    }

    @Test("a run that was killed leaves its folder free for the next")
    func killed() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profile)
        let words = ["run", file, "--out", folder.url.path + "/run"]
        let killed = try Program.run(
            "/usr/bin/timeout", ["-s", "KILL", "2", Program.poplar] + words + ["--duration", "60", "--quiet"])
        #expect(killed.status != 0)
        let second = try Program.run(Program.poplar, words)
        #expect([0, 4].contains(second.status), "\(second.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/run").allSatisfy { !$0.hasPrefix(".") })
    }
}
