// One run, from the first thread to the last file, on the control thread: looks at the collector ten times a second,
// shows where the run stands, obeys signals, and judges at the end. Whatever happens after the first session, the
// folder is written.

import Digest
import Foundation
import LoadGenerator
import PoplarCore
import Reactor
import Report
import Results
import TLS
import Telemetry
import Workload

struct RunSession {
    let command: RunCommand
    let load: RunCommand.Load
    private var signals = 0
    private var shownSecond = -1
    private var judgedSecond = -1
    private var shownLines = 0
    private var notes: [String] = []
    private var health = HealthWatch()
    /// The limit that ended the run before its time.
    private var abortedBy: RunSummary.SLORow?
    private let isTerminal = isatty(1) == 1
    private let style = Style(isTerminal: isatty(1) == 1, noColor: ProcessInfo.processInfo.environment["NO_COLOR"])
    /// Seconds between log lines where there is no terminal.
    private static let logEverySeconds = 5

    init(command: RunCommand, load: RunCommand.Load) {
        self.command = command
        self.load = load
    }

    mutating func run() throws -> Results.ExitCode {
        // Before any thread, so that all of them leave the signals to this one.
        let queue = try SignalQueue([SIGINT, SIGTERM])
        let profile = load.profile
        var target = load.target ?? RunTarget()
        var server: EmbeddedServer?
        if load.target == nil {
            let started = try EmbeddedServer.start(
                profile, cpus: load.serverCPUs.count < Affinity.current().count ? load.serverCPUs : [],
                workers: load.serverCPUs.count)
            server = started
            target.pop3 = started.pop3
            target.pop3s = started.pop3s
            target.names = [started.pop3.map { "pop3 \($0.text)" }, started.pop3s.map { "pop3s \($0.text)" }].compactMap { $0 }
        }
        defer { server?.stop() }
        try target.check(profile)
        let folder =
            try command.out.map { path throws(FileError) in try RunFolder.use(path) }
            ?? RunFolder.create(profile: profile.name, epochSeconds: UInt64(max(0, time(nil))))
        let run = try LoadRun(configuration(target, isEmbedded: server != nil))
        let startEpochNs = Self.epochNs(at: run.startNs)
        var writer = try RunWriter(folder, startEpochNs: startEpochNs)
        let startedAt = Self.timeText(startEpochNs)
        warnOfUsers()
        let monitor = try HiccupMonitor(cpus: run.configuration.cpus)
        try run.start()
        try watch(run, queue, &writer, server, monitor)
        run.wait()
        let code = try conclude(run, writer, folder, server, monitor.stop(), target: target, startedAt: startedAt)
        print("run \(folder.path)")
        return code
    }

    private func configuration(_ target: RunTarget, isEmbedded: Bool) throws -> LoadConfiguration {
        var verification = LoadConfiguration.Verification.none
        if let file = command.ca {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw SystemError(call: "open", code: errno, subject: "cannot read \(file)")
            }
            verification = .authority(Array(data))
        } else if !target.isLoopback, !command.insecure {
            verification = .system
        }
        return LoadConfiguration(
            profile: load.profile, users: load.users, pop3: target.pop3, pop3s: target.pop3s,
            tlsHostName: verification == .none ? nil : target.tlsHost, verification: verification,
            knownMessageBytes: isEmbedded ? load.profile.population.uniformBytes.map { UInt64($0) } : nil, threads: load.threads,
            cpus: load.generatorCPUs.count < Affinity.current().count ? load.generatorCPUs : [])
    }

    private mutating func warnOfUsers() {
        let profile = load.profile
        if let trace = profile.trace, let source = profile.traceSource {
            notes.append("\(trace.count) starts of the trace \(source.path) (SHA-256 \(trace.sha256))")
            return
        }
        let needed = profile.usersNeeded
        guard profile.model.isOpen, !profile.allowsOverlap, load.users.count < needed else { return }
        notes.append("\(load.users.count) users are fewer than rate x session time-out (\(needed)): a slow server exhausts them")
    }

    // MARK: While it runs

    private mutating func watch(
        _ run: LoadRun, _ queue: borrowing SignalQueue, _ writer: inout RunWriter, _ server: EmbeddedServer?,
        _ monitor: HiccupMonitor
    ) throws {
        var serverIsGone = false
        while !run.isFinished {
            if queue.wait(timeoutMs: 100) != nil {
                signals += 1
                run.requestStop()
                if signals == 1 { complain("interrupted: open sessions have 2 s to end; once more ends them now") }
            }
            if run.poll() { try writer.appendInterval(run.collector) }
            for flag in health.look(run, load.profile, hiccupP99Ns: monitor.p99Ns) {
                complain("this run is not valid: \(flag.text)")
            }
            abortIfFailed(run)
            show(run)
            if let server, !serverIsGone, server.hasEnded() {
                serverIsGone = true
                notes.append("the embedded server ended before the run did")
                complain("the embedded server has ended")
            }
        }
        try writer.appendInterval(run.collector)
    }

    /// A limit with `abort` that fails on the run so far ends it, as the first Ctrl-C would.
    private mutating func abortIfFailed(_ run: LoadRun) {
        let second = run.collector.completeSeconds
        guard second > judgedSecond, abortedBy == nil, signals == 0 else { return }
        judgedSecond = second
        let end = min(run.stoppedNs ?? .max, run.startNs &+ UInt64(second) &* 1_000_000_000)
        let seconds = measuredSeconds(run.startNs, until: end)
        guard let row = run.collector.totals.abortingRow(load.profile.slo, measuredSeconds: seconds) else { return }
        abortedBy = row
        complain("ends early: \(row.statement)")
        run.requestStop()
    }

    private mutating func show(_ run: LoadRun) {
        let second = run.collector.completeSeconds
        guard second > shownSecond, second > 0 else { return }
        shownSecond = second
        let now = MonotonicClock.now()
        let elapsed = now > run.startNs ? now - run.startNs : 0
        let phase = load.profile.phase(atNs: elapsed)
        let state = LiveState(
            run.collector, profile: load.profile.name, phase: phase?.name ?? "drain", isMeasured: phase?.isMeasured ?? false,
            elapsedS: Double(elapsed) / 1e9, durationS: Double(load.profile.durationNs) / 1e9)
        if isTerminal {
            let lines = LiveView.lines(state, columns: columns, style: style)
            FileHandle.standardOutput.write(Data(LiveView.redraw(lines, previous: shownLines).utf8))
            shownLines = lines.count
        } else if second % Self.logEverySeconds == 0 {
            FileHandle.standardOutput.write(Data(LiveView.logLine(state).utf8))
        }
    }

    private var columns: Int {
        var size = winsize()
        return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 100
    }

    // MARK: At its end

    private mutating func conclude(
        _ run: LoadRun, _ writer: consuming RunWriter, _ folder: RunFolder, _ server: EmbeddedServer?, _ hiccup: LatencyHistogram,
        target: RunTarget, startedAt: String
    ) throws -> Results.ExitCode {
        let totals = run.collector.totals
        let measuredSeconds = measuredSeconds(run.startNs, until: run.stoppedNs ?? .max)
        let evidence = Evidence(
            interrupted: signals > 0, endedEarlyBy: abortedBy,
            slo: totals.evaluate(load.profile.slo, measuredSeconds: measuredSeconds),
            validity: RunVerdict.validity(run, totals, load.profile, hiccup: hiccup),
            warnings: RunVerdict.warnings(run, totals, load.profile))
        let summary = RunSummary(
            totals, profile: .init(name: load.profile.name, sha256: RunVerdict.sha256(load.profile.sourceText)),
            seed: load.profile.seed, measuredSeconds: measuredSeconds, evidence: evidence)
        let isVerified = run.configuration.verification != .none
        if load.profile.usesTLS, !isVerified { notes.append("the server's certificate was not verified") }
        let manifest = Manifest(
            tool: .init(
                version: BuildVersion.number, gitCommit: BuildVersion.commit, swift: BuildVersion.swift,
                openssl: OpenSSLVersion.text,
                allocator: BuildVersion.allocator, buildFlags: BuildVersion.optimisation),
            commandLine: CommandLine.arguments, startedAt: startedAt,
            endedAt: Self.timeText(Self.epochNs(at: MonotonicClock.now())),
            server: server.map {
                .init(pid: $0.pid, commandLine: $0.commandLine, affinity: $0.cpus.map(String.init).joined(separator: ","))
            },
            targets: target.names, certificateVerified: load.profile.usesTLS ? isVerified : nil, generatorThreads: load.threads,
            notes: notes)
        print("\n" + EndReport.text(summary, style: style), terminator: "")
        for note in notes { print(" note       \(note)") }
        print(" generator  \(RunVerdict.cost(run, totals))")
        fflush(nil)
        try writer.finish(
            run.collector, summary: summary, manifest: manifest, profileText: load.profile.sourceText,
            errors: RunVerdict.examples(run))
        try folder.write("summary.md", MarkdownReport.text(summary))
        try folder.write("junit.xml", JUnitReport.text(summary))
        try folder.write("metrics.prom", PrometheusReport.text(summary))
        return summary.verdict.exitCode
    }

    /// Length of the measured phases as they really ran, up to a moment.
    private func measuredSeconds(_ startNs: UInt64, until endNs: UInt64) -> Double {
        let end = endNs > startNs ? endNs - startNs : 0
        var edge: UInt64 = 0
        var sum: UInt64 = 0
        for phase in load.profile.phases {
            let next = edge + phase.durationNs
            if phase.isMeasured, end > edge { sum += min(next, end) - edge }
            edge = next
        }
        return Double(sum) / 1e9
    }

    /// Wall clock of a monotonic time, nanoseconds since 1970.
    private static func epochNs(at monotonicNs: UInt64) -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let wall = UInt64(max(0, now.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, now.tv_nsec))
        return wall &+ monotonicNs &- MonotonicClock.now()
    }

    private static func timeText(_ epochNs: UInt64) -> String {
        ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(epochNs / 1_000_000_000)))
    }
}
