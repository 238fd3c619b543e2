// `poplar run` (contracts.md 3): checks everything first, starts the embedded server where no target is given, runs the
// load, and leaves a run folder. Exit codes are those of contracts.md 1; the last line on stdout is `run DIR`.

import ArgumentParser
import Configuration
import Doctor
import Foundation
import LoadGenerator
import Reactor
import Results
import Terminal
import Workload

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a load profile and record what it measured.",
        discussion: """
            All five methods against the embedded server, about fifteen seconds:
              poplar run exchange-mixed

            Another rate and length, the same plan every time:
              poplar run exchange-mixed --rate 200 --duration 30 --seed 7

            What it would do, without doing it:
              poplar run exchange-mixed --dry-run

            What client and server said in some of the sessions, those that failed among them:
              poplar run exchange-mixed --trace 10

            For a program, an object a second:
              poplar run smoke --json-lines | jq -R 'fromjson? | select(.type == "second") | .p99_us'

            Against a server that already runs, with users of its own:
              poplar run smoke --pop3 127.0.0.1:1110 --pop3s 127.0.0.1:1995 --users users.csv

            Exit codes: 0 pass, 1 error or target unreachable, 2 a limit failed, 3 inconclusive, 4 invalid run,
            64 usage or profile error, 130 interrupted with results written.
            """)

    @Argument(help: "A profile file, or a name in profiles/.")
    var profile: String

    @Option(help: ArgumentHelp("The server's clear-text port.", valueName: "host:port"))
    var pop3: String?

    @Option(help: ArgumentHelp("The server's TLS port.", valueName: "host:port"))
    var pop3s: String?

    @Option(
        help: ArgumentHelp(
            "Addresses that connections come from, in turn: 127.0.0.2,127.0.0.4-127.0.0.9; replaces the profile's.",
            valueName: "list"))
    var source: [String] = []

    @Option(help: ArgumentHelp("User table in CSV form; without it, the embedded population.", valueName: "file.csv"))
    var users: String?

    @Option(help: ArgumentHelp("Sessions a second in the measured phases.", valueName: "rate"))
    var rate: Double?

    @Option(help: ArgumentHelp("Seconds of the measured phases.", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("Seed of the plan, below 2^53.", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Run folder; by default results/runs/<UTC time>-<profile>.", valueName: "folder"))
    var out: String?

    @Flag(help: "Replace the results that the folder of --out holds.")
    var force = false

    @OptionGroup var access: TargetOptions

    @Flag(name: .customLong("dry-run"), help: "Print the plan and check the users; start nothing.")
    var dryRun = false

    @Flag(help: "Print nothing while the run goes on: only the report at its end.")
    var quiet = false

    @Flag(name: .customLong("json-lines"), help: "Print a JSON object a second, and one at the end; the report goes to stderr.")
    var jsonLines = false

    @Option(help: ArgumentHelp("Generator threads; by default one for each CPU left to the generator.", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp("Keep the dialogues of this many sessions in dialogues.txt, secrets redacted.", valueName: "count"))
    var trace = 0

    mutating func validate() throws {
        if quiet, jsonLines { throw ValidationError("--quiet and --json-lines exclude each other") }
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads is 1 to 256, not \(threads)") }
        guard out != "" else { throw ValidationError("--out names no folder: leave it out, or give one") }
        guard (0...1000).contains(trace) else { throw ValidationError("--trace is 1 to 1000 sessions, not \(trace)") }
    }

    mutating func run() throws {
        do {
            let load = try prepare()
            if let out, !force { try RunFolder.refuseResults(out) }
            if dryRun { return try printPlan(load) }
            try checkMemory(load)
            try RunTarget.checkSources(load.profile, load.target)
            // Whether the users suffice, before anything is started, connected or made.
            for thread in 0..<load.threads {
                _ = try Schedule(profile: load.profile, users: load.users, thread: thread, threads: load.threads)
            }
            var session = RunSession(command: self, load: load)
            let code = try session.run()
            if code != .pass { throw ArgumentParser.ExitCode(code.rawValue) }
        } catch let code as ArgumentParser.ExitCode {
            throw code
        } catch {
            complain(of: error)
            throw ArgumentParser.ExitCode(Self.code(of: error).rawValue)
        }
    }

    /// Usage, profile and configuration errors are 64, everything else that stops a run before it starts is 1.
    private static func code(of error: any Error) -> Results.ExitCode {
        switch error {
        case is ConfigurationErrors, is OverrideError, is ScheduleError, is ProfileFile.Missing, is ValidationError: .usage
        case LoadRun.Failure.schedule: .usage
        case let error as SystemError where error.isMalformed: .usage
        case FolderError.holdsResults: .usage
        case is Interrupted: .interrupted
        default: .failure
        }
    }

    /// What is known before anything starts.
    struct Load {
        var profile: Profile
        var users: UserTable
        var target: RunTarget?
        /// Those of `--ca`, in PEM form.
        var authorities: [UInt8]?
        var threads: Int
        var generatorCPUs: [Int]
        var serverCPUs: [Int]
    }

    private func prepare() throws -> Load {
        let source = try ProfileFile.read(profile)
        let given = ProfileLoader.Given(pop3: pop3, pop3s: pop3s, hasUserTable: self.users != nil)
        var loaded = try ProfileLoader.load(text: source.text, file: source.file, given: given)
            .overriding(rate: rate, durationSeconds: duration, seed: seed).replacing(sources: self.source)
        var users = UserTable.embedded(users: loaded.population.users)
        if let file = self.users {
            users = try UserTable.read(file)
            for warning in users.warnings.prefix(10) { complain(warning.rendered(file: file, as: "warning")) }
            if users.warnings.count > 10 {
                let isAll = users.warnings.count < DiagnosticCollector.limit
                complain("\(TerminalText.line(file)): and \(isAll ? "" : "at least ")\(users.warnings.count - 10) more warnings")
            }
        }
        loaded = try ProfileFile.replaying(loaded, users: users)
        var target: RunTarget?
        let addresses = (pop3 ?? loaded.target.pop3, pop3s ?? loaded.target.pop3s)
        if addresses.0 != nil || addresses.1 != nil {
            let resolved = try access.resolve(pop3: addresses.0, pop3s: addresses.1)
            try resolved.checkPorts(loaded)
            target = resolved
        }
        if let mismatch = RunTarget.sourceMismatch(loaded, target) { throw mismatch }
        // Half of the CPUs are the embedded server's, where there are two or more; both sides are then pinned.
        let all = Affinity.current()
        let half = all.count / 2
        let generator = half > 0 && target == nil ? Array(all[half...]) : all
        let server = half > 0 ? Array(all[..<half]) : all
        let local = target.map { $0.isLoopback } ?? false
        return Load(
            profile: loaded, users: users, target: target, authorities: try access.authorities(),
            threads: threads ?? max(1, local ? all.count / 2 : generator.count),
            generatorCPUs: generator, serverCPUs: server)
    }

    /// Throws what the machine has no memory for at the start, the embedded server's population included.
    private func checkMemory(_ load: Load) throws {
        var memory = StartMemory()
        memory.addGenerator(load.profile, users: load.users.count, threads: load.threads)
        if load.target == nil { memory.addServer(of: load.profile, workers: load.serverCPUs.count) }
        let what = load.target == nil ? "the run with its embedded server" : "the run"
        if let shortage = memory.shortage(MachineProbe().memoryRoom(), of: what) {
            throw ValidationError("\(shortage); \(shortage.remedy)")
        }
    }

    private func printPlan(_ load: Load) throws {
        var plan = try DryRun(profile: load.profile, users: load.users, threads: load.threads)
        plan.needs = PlanNeeds(
            profile: load.profile, users: load.users, threads: load.threads, startsServer: load.target == nil,
            shares: plan.scriptShares)
        plan.room = Self.room(isLoopback: load.target?.isLoopback ?? true, sources: max(1, load.profile.sources.count))
        try emit("\(plan)\n")
        if let short = plan.demands.first(where: { !$0.isMet }) { throw ValidationError(short.shortage) }
    }
}

extension RunCommand {
    /// What this machine has for a plan; nil where it does not say.
    private static func room(isLoopback: Bool, sources: Int) -> PlanRoom? {
        let machine = MachineProbe().read(openssl: "", wakeUps: 0)
        guard let ports = machine.ports else { return nil }
        // A port that this side closed is taken again after a second: by 1 everywhere, by 2 on loopback.
        let isReused = machine.portReuse == 1 || machine.portReuse == 2 && isLoopback
        return PlanRoom(
            ports: ports, sourceAddresses: sources, restS: isReused ? 1 : 60, descriptors: Int(clamping: machine.descriptorsHard),
            memoryBytes: machine.memoryRoom)
    }
}
