// The table of exit codes (docs/exit-codes.md) as far as `poplar run` reaches it: a real process for each row, and for each
// pair of neighbours in the order in which one goes before the other.
// Invariant: no row hangs on how busy this machine is. What is judged by its limits is a closed load, whose validity asks for no
// punctual starts; what must be invalid is so by far; signals are sent when the run has said that it is under way.

import Foundation
import Glibc
import Testing

private let usage: Int32 = 64
private let failure: Int32 = 1
private let interrupted: Int32 = 130
private let invalid: Int32 = 4
private let limitFailed: Int32 = 2
private let inconclusive: Int32 = 3
private let pass: Int32 = 0

/// Limits whose outcome is certain.
private let holds = "sessions_per_s >= 1"
private let fails = "sessions_per_s >= 1000000"
private let cannotBeSeen = "p99.9(session_failed) < 1h"

/// A load of half a second, with something changed.
private func profile(_ limits: [String] = [holds], load: String = closed, phase: String = "500ms", more: String = "") -> String {
    """
    name: short
    \(load)
    phases: [{name: steady, duration: \(phase)}]
    clients: [{persona: basic}]
    mailbox_work: [{name: look, stat: on}]
    population: {users: 40, messages: 1, bytes: 256}
    slo: [\(limits.map { "'\($0)'" }.joined(separator: ", "))]
    \(more)

    """
}

private let closed = "{model: closed, users: 4, think_time: 5ms}".dropFirst().dropLast()
    .split(separator: ", ").joined(separator: "\n")
/// Twenty users, and a hundred starts a second: where nobody is answered, soon no user is left.
private let crowded = "rate: 100"
private let brief = "limits: {step_timeout: 400ms, session_timeout: 400ms, drain_timeout: 1s}"

/// A row of the table: when `poplar run` ends with `code`.
struct ExitRow: Sendable, CustomTestStringConvertible {
    var code: Int32
    var when: String
    var profile: String
    /// Beyond the profile and the run folder; `SILENT` stands for a port that nobody answers on, `PROFILE` for the profile's file.
    var arguments: [String] = []
    /// What is told, in the reasons or on standard error.
    var says: [String]
    var testDescription: String { "\(code): \(when)" }
}

@Suite("Exit codes of poplar run", .serialized)
struct ExitCodeTests {
    private func words(_ folder: ScratchFolder, _ text: String, _ more: [String] = []) throws -> [String] {
        ["run", try folder.write("short.yaml", text), "--out", folder.url.appendingPathComponent("run").path] + more
    }

    // MARK: By what the run measured

    @Test(
        "a run that ended by itself is judged: its folder is whole, the deciding reason comes first",
        arguments: [
            ExitRow(code: pass, when: "every limit holds", profile: profile([holds, "errors <= 0%"]), says: []),
            ExitRow(code: limitFailed, when: "a limit failed", profile: profile([holds, fails]), says: ["sessions_per_s >="]),
            ExitRow(
                code: inconclusive, when: "a limit asks for a percentile of too few samples",
                profile: profile([holds, cannotBeSeen]), says: ["too few samples to say"]),
            ExitRow(
                code: limitFailed, when: "a limit failed and another is inconclusive", profile: profile([cannotBeSeen, fails]),
                says: ["sessions_per_s >=", "too few samples to say"]),
            ExitRow(
                code: invalid, when: "the generator was saturated",
                profile: profile(["errors <= 100%"], load: "rate: 50000", more: "overlap: on\n" + brief), says: ["invalid: "]),
            ExitRow(
                code: invalid, when: "the generator ran out of users",
                profile: profile(["errors <= 100%"], load: crowded, more: brief), arguments: ["--pop3", "SILENT"],
                says: ["invalid: own_users_exhausted"]),
            ExitRow(
                code: invalid, when: "the run is invalid, a limit failed, and another is inconclusive",
                profile: profile([cannotBeSeen, fails], load: crowded, more: brief), arguments: ["--pop3", "SILENT"],
                says: ["invalid: own_users_exhausted", "sessions_per_s >=", "too few samples to say"]),
        ])
    func judged(row: ExitRow) throws {
        let (folder, silent) = (try ScratchFolder(), try SilentPort())
        let arguments = row.arguments.map { $0 == "SILENT" ? "127.0.0.1:\(silent.port)" : $0 }
        let finished = FinishedRun(folder, try Program.run(Program.poplar, try words(folder, row.profile, arguments)))
        #expect(finished.outcome.status == row.code, "\(finished.outcome.output)\(finished.outcome.errors)")
        #expect(finished.outcome.output.hasSuffix("run \(finished.folder.path)\n"))
        let reasons = try finished.reasons
        #expect(reasons.isEmpty == (row.code == pass))
        #expect(reasons.first?.contains(row.says.first ?? "") ?? true, "\(reasons)")
        for words in row.says { #expect(reasons.contains { $0.contains(words) }, "\(words): \(reasons)") }
        _ = try finished.sessions()
    }

    @Test("2, not 1: a target that answered at first and died later; the run ends on time, its sessions count as failed")
    func diedLater() throws {
        let server = try ServedPoplar("--population", "users=40,messages=1,bytes=256")
        let folder = try ScratchFolder()
        let text = profile(["errors <= 0%"], phase: "2s")
        let run = try WatchedRun(try words(folder, text, ["--pop3", "127.0.0.1:\(server.pop3)"]))
        run.waitForSecond()
        server.stop()
        let finished = FinishedRun(folder, run.finish())
        #expect(finished.outcome.status == limitFailed, "\(finished.outcome.output)\(finished.outcome.errors)")
        #expect((try finished.sessions()["succeeded"] ?? 0) > 0)
        #expect((try #require(try finished.summary["errors"] as? [String: Int])["refused"] ?? 0) > 0)
    }

    @Test("2: a server that falls silent in mid-run, and a drain that ends before any time-out")
    func fellSilent() throws {
        let server = try AnsweringPort { line, count in count > 200 ? nil : AnsweringPort.good(line) }
        let folder = try ScratchFolder()
        let limits = "limits: {step_timeout: 20s, session_timeout: 30s, drain_timeout: 200ms}"
        let text = profile([holds, "errors <= 0%"], more: limits)
        let finished = FinishedRun(folder, try Program.run(Program.poplar, try words(folder, text, ["--pop3", server.target])))
        #expect(finished.outcome.status == limitFailed, "\(finished.outcome.output)\(finished.outcome.errors)")
        let sessions = try finished.sessions()
        #expect((sessions["succeeded"] ?? 0) > 0 && sessions["failed"] == 0 && sessions["in_flight"] == 4, "\(sessions)")
        #expect(try finished.reasons.map { $0.hasPrefix("unfinished <= 1 % failed: observed ") } == [true])
        #expect(finished.outcome.output.contains("note       4 sessions were still open when the drain ended"))
    }

    // MARK: By a signal

    @Test("130: SIGINT and SIGTERM; what ran is written, marked, and adds up", arguments: [SIGINT, SIGTERM])
    func signalled(signal: Int32) throws {
        let folder = try ScratchFolder()
        let run = try WatchedRun(try words(folder, profile(phase: "60s")))
        run.waitForSecond()
        run.send(signal)
        let finished = FinishedRun(folder, run.finish())
        #expect(finished.outcome.status == interrupted, "\(finished.outcome.errors)")
        #expect(try finished.summary["verdict"] as? String == "interrupted")
        #expect((try finished.sessions("all_phases")["planned"] ?? 0) > 0)
        _ = try finished.sessions()
    }

    @Test("130 goes before 4 and 2: interrupted, invalid and over its limits")
    func signalledAndInvalid() throws {
        let (folder, silent) = (try ScratchFolder(), try SilentPort())
        let text = profile([fails], load: crowded, phase: "60s", more: brief)
        let run = try WatchedRun(try words(folder, text, ["--pop3", "127.0.0.1:\(silent.port)"]))
        run.waitForSecond()
        run.send(SIGINT)
        let finished = FinishedRun(folder, run.finish())
        #expect(finished.outcome.status == interrupted, "\(finished.outcome.errors)")
        let reasons = try finished.reasons
        #expect(reasons.first == "interrupted by a signal")
        for words in ["invalid: own_users_exhausted", "sessions_per_s >="] {
            #expect(reasons.contains { $0.contains(words) }, "\(reasons)")
        }
    }

    // MARK: By what stands in the way

    @Test("1: nobody listens there: one clear line, and no folder")
    func unreachable() throws {
        let folder = try ScratchFolder()
        let finished = FinishedRun(
            folder, try Program.run(Program.poplar, try words(folder, profile(), ["--pop3", "127.0.0.1:1"])))
        #expect(finished.outcome.status == failure)
        #expect(finished.outcome.errors.contains("127.0.0.1:1"))
        #expect(finished.outcome.errors.split(separator: "\n").count == 1, "\(finished.outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: finished.folder.path))
    }

    @Test("1: the run folder cannot be made: said before anything runs")
    func noFolder() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("short.yaml", profile())
        let outcome = try Program.run(Program.poplar, ["run", file, "--out", "\(file)/run"])
        #expect(outcome.status == failure)
        #expect(outcome.errors.contains("\(file) is no folder: give another name with --out"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    /// No file may grow beyond a few kibibytes; a write that would is an error like that of a full disk.
    private func confined(_ kibibytes: Int, _ words: [String]) -> [String] {
        let quoted = ([Program.poplar] + words).map { "'\($0)'" }.joined(separator: " ")
        return ["-c", "ulimit -f \(kibibytes); exec \(quoted)"]
    }

    private func files(_ folder: URL) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            found[name] = try Data(contentsOf: folder.appendingPathComponent(name))
        }
        return found
    }

    @Test(
        "1, before 4 and 2: a full disk; the report is on stdout all the same, an older result untouched, and nothing left over",
        arguments: [1, 3])
    func fullDisk(kibibytes: Int) throws {
        let folder = try ScratchFolder()
        let first = FinishedRun(folder, try Program.run(Program.poplar, try words(folder, profile())))
        #expect(first.outcome.status == pass, "\(first.outcome.errors)")
        let before = try files(first.folder)
        let silent = try SilentPort()
        let text = profile([fails], load: crowded, more: brief)
        let target = ["--pop3", "127.0.0.1:\(silent.port)"]
        let second = try Program.run("/bin/bash", confined(kibibytes, try words(folder, text, target + ["--force"])))
        #expect(second.status == failure, "\(second.errors)")
        #expect(
            second.output.contains("INVALID  short, open model") && second.output.contains(" sessions   "), "\(second.output)")
        #expect(!second.output.contains("\nrun ") && second.errors.contains("could not be written"), "\(second.errors)")
        #expect(try files(first.folder) == before)
        let new = try ScratchFolder()
        let third = try Program.run("/bin/bash", confined(kibibytes, try words(new, profile())))
        #expect(third.status == failure, "\(third.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: new.url.path) == ["short.yaml"])
    }

    @Test("1 goes before 130: interrupted, and the disk is full")
    func fullDiskInterrupted() throws {
        let folder = try ScratchFolder()
        let run = try WatchedRun("/bin/bash", confined(1, try words(folder, profile(phase: "60s"), ["--json-lines"])))
        run.waitForSecond()
        run.send(SIGINT)
        let outcome = run.finish()
        #expect(outcome.status == failure, "\(outcome.errors)")
        #expect(outcome.output.contains("\"verdict\":\"interrupted\"") && outcome.errors.contains("could not be written"))
    }

    @Test(
        "64: usage, profile and configuration, said before anything is connected or written",
        arguments: [
            ExitRow(code: usage, when: "an unknown option", profile: profile(), arguments: ["--fast"], says: ["--fast"]),
            ExitRow(
                code: usage, when: "options that exclude each other", profile: profile(),
                arguments: ["--quiet", "--json-lines"], says: ["--quiet and --json-lines exclude each other"]),
            ExitRow(
                code: usage, when: "a certificate that is to be verified and not to be", profile: profile(),
                arguments: ["--ca", "x.pem", "--insecure"], says: ["--ca and --insecure exclude each other"]),
            ExitRow(
                code: usage, when: "an authority file that is not there", profile: profile(),
                arguments: ["--ca", "/nowhere/ca.pem"], says: ["cannot read the authorities /nowhere/ca.pem: No such file"]),
            ExitRow(
                code: usage, when: "an authority file without a certificate", profile: profile(), arguments: ["--ca", "PROFILE"],
                says: ["short.yaml: holds no certificate in PEM form"]),
            ExitRow(
                code: usage, when: "a folder without a name, as of a variable that is not set", profile: profile(),
                arguments: ["--out", ""], says: ["--out names no folder"]),
            ExitRow(
                code: usage, when: "a target that is no address", profile: profile(), arguments: ["--pop3", "foo"],
                says: ["'foo' is not HOST:PORT (IPv6 as [::1]:1110)\n"]),
            ExitRow(
                code: usage, when: "a target whose port is none", profile: profile(), arguments: ["--pop3", "127.0.0.1:99999"],
                says: ["'127.0.0.1:99999' is not HOST:PORT"]),
            ExitRow(
                code: usage, when: "a port that the profile needs and nobody named", profile: profile(),
                arguments: ["--pop3s", "127.0.0.1:1"], says: ["has pop3 sessions: give --pop3 HOST:PORT"]),
            ExitRow(
                code: usage, when: "before 1: more users than there are, and a target where nobody listens",
                profile: profile(load: "model: closed\nusers: 19"), arguments: ["--pop3", "127.0.0.1:1", "--users", "ONE"],
                says: ["asks for 19 users at once, and the user table has 1 rows"]),
            ExitRow(
                code: usage, when: "a rate for a closed load", profile: profile(), arguments: ["--rate", "5"],
                says: ["closed"]),
            ExitRow(
                code: usage, when: "a profile that is wrong: every place, the line, and the key that was meant",
                profile: profile(load: "rte: 100", more: "seed: many"),
                says: ["short.yaml:2:1: error:", "rte: 100", "did you mean 'rate'?", "short.yaml:8:7: error:"]),
            ExitRow(
                code: usage, when: "a limit that names no metric", profile: profile(["p99(sessoin) < 1s"]),
                says: ["short.yaml:", "did you mean 'session'?"]),
            ExitRow(
                code: usage, when: "a user table that is not there", profile: profile(),
                arguments: ["--users", "/nowhere/users.csv"], says: ["/nowhere/users.csv"]),
            ExitRow(
                code: usage, when: "a user table that is none", profile: profile(), arguments: ["--users", "PROFILE"],
                says: ["short.yaml:1:1: error:"]),
            ExitRow(
                code: usage, when: "a target that is not loopback, without --allow-remote", profile: profile(),
                arguments: ["--pop3", "192.0.2.1:110"], says: ["--allow-remote"]),
            ExitRow(
                code: usage, when: "before 1: a profile that is wrong, and a target where nobody listens",
                profile: profile(load: "rte: 100"), arguments: ["--pop3", "127.0.0.1:1"], says: ["short.yaml:2:1: error:"]),
        ])
    func refused(row: ExitRow) throws {
        let folder = try ScratchFolder()
        let profile = folder.url.appendingPathComponent("short.yaml").path
        let elsewhere = try ScratchFolder()
        let header = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password"
        let one = try elsewhere.write("one.csv", header + "\nsue,secret,,,,,\n")
        let arguments = row.arguments.map { $0 == "PROFILE" ? profile : $0 == "ONE" ? one : $0 }
        let outcome = try Program.run(Program.poplar, try words(folder, row.profile, arguments))
        #expect(outcome.status == row.code, "\(outcome.output)\(outcome.errors)")
        for words in row.says { #expect(outcome.errors.contains(words), "\(words): \(outcome.errors)") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["short.yaml"])
    }
}

/// A run that is looked at while it goes on: its first complete second is waited for, line by line, not guessed by a clock.
private final class WatchedRun {
    private let child: Child
    private let output: Pipe2
    /// What a run says there fits into a pipe.
    private let errors: Pipe2
    private var seen = ""

    convenience init(_ words: [String]) throws { try self.init(Program.poplar, words + ["--json-lines"]) }

    init(_ path: String, _ words: [String]) throws {
        output = try Pipe2()
        errors = try Pipe2()
        child = try Child(path, words, seconds: 60, output: output.write, errors: errors.write)
        output.closeWrite()
        errors.closeWrite()
    }

    func waitForSecond() {
        if !seen.contains("\"type\":\"second\"") { seen += output.read(until: "\"type\":\"second\"") }
    }

    func send(_ signal: Int32) { kill(child.pid, signal) }

    func finish() -> Outcome {
        seen += output.readAll()
        return Outcome(status: child.wait(), output: seen, errors: errors.readAll())
    }
}
