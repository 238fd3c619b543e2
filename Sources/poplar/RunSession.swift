// One run, from the first thread to the last file, on the control thread: looks at the collector ten times a second,
// shows where the run stands, obeys signals, and judges at the end. Whatever happens after the first session, the
// folder is written.

import Dialogue
import Digest
import Foundation
import LoadGenerator
import PoplarCore
import Reactor
import Report
import Results
import TLS
import Telemetry
import Terminal
import Workload

struct RunSession {
    let command: RunCommand
    let load: RunCommand.Load
    private var signals = 0
    private var display: RunDisplay
    /// Why the folder cannot be written; the run goes on, and its report is printed all the same.
    private var unwritten: FileError?
    private var judgedSecond = -1
    /// The limit that ended the run before its time.
    private var abortedBy: RunSummary.SLORow?
    private var notes: [String] = []
    /// The sessions of `--trace`, once the run is over.
    private var traced: [TracedSession]?
    private var health: HealthWatch

    init(command: RunCommand, load: RunCommand.Load) {
        self.command = command
        self.load = load
        display = RunDisplay(load.profile, quiet: command.quiet, jsonLines: command.jsonLines)
        health = HealthWatch(threads: load.threads, pinned: Self.pinned(load))
    }

    mutating func run() throws -> Results.ExitCode {
        // Before any thread, so that all of them leave the signals to this one.
        let queue = try SignalQueue([SIGINT, SIGTERM, SIGHUP])
        // A limit on the size of files is an error of a write, not the end of the run.
        signal(SIGXFSZ, SIG_IGN)
        // First of all: a run that cannot have its folder starts nothing.
        let folder = try claimFolder()
        do {
            return try run(in: folder, queue)
        } catch {
            folder.discard()
            throw error
        }
    }

    private func claimFolder() throws(FolderError) -> RunFolder {
        if let out = command.out { return try RunFolder.use(out, replacing: command.force) }
        return try RunFolder.create(profile: load.profile.name, epochSeconds: UInt64(max(0, time(nil))))
    }

    private mutating func run(in folder: RunFolder, _ queue: borrowing SignalQueue) throws -> Results.ExitCode {
        let profile = load.profile
        var target = load.target ?? RunTarget()
        var server: EmbeddedServer?
        if load.target == nil {
            let started = try EmbeddedServer.start(
                profile, cpus: load.serverCPUs.count < Affinity.current().count ? load.serverCPUs : [],
                workers: load.serverCPUs.count, signals: queue.descriptor
            ) { seconds in
                complain("the embedded server fills its mailboxes: \(seconds) s so far")
            }
            server = started
            target.pop3 = started.pop3
            target.pop3s = started.pop3s
            target.pop3Peer = started.pop3.flatMap { TLSPeer(address: $0.hostOctets) }
            target.pop3sPeer = started.pop3s.flatMap { TLSPeer(address: $0.hostOctets) }
            target.names = [started.pop3.map { "pop3 \($0.text)" }, started.pop3s.map { "pop3s \($0.text)" }].compactMap { $0 }
        }
        defer { server?.stop() }
        try target.check(profile, signals: queue.descriptor)
        let run = try LoadRun(configuration(target, isEmbedded: server != nil))
        let startEpochNs = Self.epochNs(at: run.startNs)
        var writer = try RunWriter(
            folder, startEpochNs: startEpochNs, logEveryS: RunWriter.logInterval(durationNs: profile.durationNs))
        let startedAt = Self.timeText(startEpochNs)
        warnOfUsers()
        if display.mode == .jsonLines { display.write(object: startLine(target, startedAt)) }
        let monitor = try HiccupMonitor(cpus: run.configuration.cpus)
        try run.start()
        watch(run, queue, &writer, server, monitor)
        run.wait()
        if command.trace > 0 { traced = run.tracedSessions() }
        let summary = conclude(run, monitor.stop())
        let manifest = manifest(run, server, target: target, startedAt: startedAt)
        // The folder first: whoever reads the report may be slow.
        write(run, writer, summary, manifest)
        folder.release()
        if unwritten == nil, let count = traced?.count {
            notes.append("dialogues of \(count) sessions in \(folder.path)/\(RunFolder.File.dialogues)")
        }
        if let warning = RunVerdict.letPass(run) { display.say(warning) }
        report(summary, run)
        let code = unwritten == nil ? summary.verdict.exitCode : ExitCode.first(of: [.failure, summary.verdict.exitCode])
        if display.mode == .jsonLines {
            let end = JSONLines.End(exitCode: code.rawValue, run: unwritten == nil ? folder.path : nil, summary: summary)
            display.write(object: end)
        }
        if let unwritten {
            folder.discard()
            display.say("the results could not be written: \(unwritten)")
        } else {
            display.close("run \(TerminalText.line(folder.path))")
        }
        awaitReaders(queue)
        guard display.refusedBy != 0 else { return code }
        // The folder is whole all the same; what was to be read is not.
        complain("cannot write to standard output: \(String(cString: strerror(display.refusedBy)))")
        return ExitCode.first(of: [.failure, code])
    }

    /// Waits until standard output has been read, or a signal comes: the results are written by then. Messages on
    /// standard error are waited for as well, but nobody has to read them: five seconds at the most.
    private func awaitReaders(_ queue: borrowing SignalQueue) {
        while !display.isOutputDone { if queue.wait(timeoutMs: 20) != nil { return } }
        for _ in 0..<250 where !display.areMessagesDone { if queue.wait(timeoutMs: 20) != nil { return } }
    }

    private func startLine(_ target: RunTarget, _ startedAt: String) -> JSONLines.Start {
        .init(
            profile: .init(name: load.profile.name, sha256: RunVerdict.sha256(load.profile.sourceText)),
            model: load.profile.model.isOpen ? .open : .closed, seed: load.profile.seed,
            durationS: Double(load.profile.durationNs) / 1e9, targets: target.names, startedAt: startedAt)
    }

    /// The CPUs that the generator's threads are dealt out to; none leaves them to the kernel.
    private static func pinned(_ load: RunCommand.Load) -> [Int] {
        load.generatorCPUs.count < Affinity.current().count ? load.generatorCPUs : []
    }

    private func configuration(_ target: RunTarget, isEmbedded: Bool) -> LoadConfiguration {
        var verification = LoadConfiguration.Verification.none
        if let authorities = load.authorities {
            verification = .authority(authorities)
        } else if !target.isLoopback, !command.access.insecure {
            verification = .system
        }
        return LoadConfiguration(
            profile: load.profile, users: load.users, pop3: target.pop3, pop3s: target.pop3s,
            stlsPeer: target.pop3Peer, tlsPeer: target.pop3sPeer, verification: verification,
            knownMessageBytes: isEmbedded ? load.profile.population.uniformBytes.map { UInt64($0) } : nil, threads: load.threads,
            cpus: Self.pinned(load),
            tracedSessions: command.trace)
    }

    private mutating func warnOfUsers() {
        let profile = load.profile
        if let trace = profile.trace, let source = profile.traceSource {
            notes.append("\(trace.count) starts of the trace \(source.path) (SHA-256 \(trace.sha256))")
            return
        }
        notes += profile.userShortages(load.users, threads: load.threads).map(\.note)
    }

    // MARK: While it runs

    private mutating func watch(
        _ run: LoadRun, _ queue: borrowing SignalQueue, _ writer: inout RunWriter, _ server: EmbeddedServer?,
        _ monitor: HiccupMonitor
    ) {
        var serverIsGone = false
        while !run.isFinished {
            if queue.wait(timeoutMs: 100) != nil {
                signals += 1
                run.requestStop(signals > 1 ? .now : .drain)
                if signals == 1 { display.say("interrupted: open sessions have 2 s to end; once more ends them now") }
            }
            if run.poll() { append(run, &writer) }
            for flag in health.look(run, load.profile, hiccupP99Ns: monitor.p99Ns) {
                display.say("not valid as it stands: \(flag.text)")
            }
            abortIfFailed(run)
            display.update(run, health)
            if let server, !serverIsGone, server.hasEnded() {
                serverIsGone = true
                notes.append("the embedded server ended before the run did")
                display.say("the embedded server has ended")
            }
        }
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
        display.say("ends early: \(row.statement)")
        run.requestStop(.drain)
    }

    /// Writes what is new. After a failure nothing more is tried.
    private mutating func append(_ run: LoadRun, _ writer: inout RunWriter) {
        guard unwritten == nil else { return }
        do throws(FileError) { try writer.append(run.collector) } catch {
            unwritten = error
            display.say("\(error): the run goes on, without its files")
        }
    }

    // MARK: At its end

    /// The verdict.
    private mutating func conclude(_ run: LoadRun, _ hiccup: LatencyHistogram) -> RunSummary {
        let totals = run.collector.totals
        let measuredSeconds = measuredSeconds(run.startNs, until: run.stoppedNs ?? .max)
        let evidence = Evidence(
            interrupted: signals > 0, endedEarlyBy: abortedBy,
            slo: totals.evaluate(
                load.profile.limits(unfinished: totals.unfinishedSessions, endedEarly: run.stoppedNs != nil),
                measuredSeconds: measuredSeconds),
            validity: RunVerdict.validity(run, totals, load.profile, hiccup: hiccup, cpus: health.cpus),
            warnings: RunVerdict.warnings(run, totals, load.profile, cpus: health.cpus))
        let summary = RunSummary(
            totals, profile: .init(name: load.profile.name, sha256: RunVerdict.sha256(load.profile.sourceText)),
            seed: load.profile.seed, measuredSeconds: measuredSeconds, evidence: evidence)
        if run.stoppedNs == nil, let text = RunVerdict.unfinished(totals, load.profile.limits) { notes.append(text) }
        if load.profile.usesTLS { notes += RunVerdict.tlsNotes(run) }
        if display.lost > 0 { notes.append("\(display.lost) lines of the run were left out: nobody read them") }
        return summary
    }

    private func report(_ summary: RunSummary, _ run: LoadRun) {
        var text = "\n" + EndReport.text(summary, style: display.style)
        for note in notes { text += " note       \(TerminalText.line(note))\n" }
        text += EndReport.block("generator", RunVerdict.cost(run, run.collector.totals))
        display.report(text)
    }

    private func manifest(_ run: LoadRun, _ server: EmbeddedServer?, target: RunTarget, startedAt: String) -> Manifest {
        Manifest(
            tool: .init(
                version: BuildVersion.number, gitCommit: BuildVersion.commit, swift: BuildVersion.swift,
                openssl: OpenSSLVersion.text,
                allocator: BuildVersion.allocator, buildFlags: BuildVersion.optimisation),
            commandLine: CommandLine.arguments, startedAt: startedAt,
            endedAt: Self.timeText(Self.epochNs(at: MonotonicClock.now())),
            server: server.map {
                .init(pid: $0.pid, commandLine: $0.commandLine, affinity: $0.cpus.map(String.init).joined(separator: ","))
            },
            targets: target.names, sources: load.profile.sources.isEmpty ? nil : load.profile.sources.items,
            certificateVerified: load.profile.usesTLS ? RunVerdict.isCertificateVerified(run.handshakes) : nil,
            generatorThreads: load.threads, notes: notes)
    }

    private mutating func write(_ run: LoadRun, _ writer: consuming RunWriter, _ summary: RunSummary, _ manifest: Manifest) {
        guard unwritten == nil else { return }
        do throws(FileError) {
            try writer.finish(
                run.collector, summary: summary, manifest: manifest, profileText: load.profile.sourceText,
                errors: RunVerdict.examples(run),
                others: (traced.map {
                    [(RunFolder.File.dialogues, TraceReport.text($0, planned: run.collector.totals.allPhases.started))]
                } ?? []) + [
                    (RunFolder.File.markdown, MarkdownReport.text(summary)), (RunFolder.File.junit, JUnitReport.text(summary)),
                    (RunFolder.File.prometheus, PrometheusReport.text(summary)),
                ])
        } catch { unwritten = error }
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
