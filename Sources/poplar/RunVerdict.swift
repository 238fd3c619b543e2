// From a run's totals to what judges it: the profile's limits, and the checks that say whether the generator itself can
// be trusted (contracts, section 5).

import Dialogue
import Digest
import LoadGenerator
import Report
import Results
import Statistics
import TLS
import Telemetry
import Workload

enum RunVerdict {
    /// The standard checks and the generator's own. A closed run may use all of its CPU, since its rate is what comes out, unless
    /// its profile claims that this rate is the server's maximum.
    static func validity(
        _ run: LoadRun, _ totals: RunTotals, _ profile: Profile, hiccup: LatencyHistogram, cpus: CPUShares
    ) -> [RunSummary.ValidityRow] {
        var rows = totals.validityChecks(hiccup: hiccup, allowsOverlap: profile.allowsOverlap)
        let health = run.health
        func row(_ check: String, _ value: Double?, atMost limit: Double) {
            rows.append(.init(check: check, value: value, limit: limit, ok: (value ?? 0) <= limit))
        }
        row("generator_threads_failed", Double(run.failedThreads), atMost: 0)
        row("littles_law_gap", littlesLawGap(health, totals), atMost: 0.05)
        guard profile.model.isOpen || profile.claimsServerMaximum else { return rows }
        row("generator_thread_cpu", cpus.busiest(health.map(\.meanShare)), atMost: 0.9)
        row("generator_busy_seconds", busyShare(health, cpus), atMost: 0.1)
        guard profile.model.isOpen else { return rows }
        row("in_flight_cap_waits", Double(health.reduce(0) { $0 &+ $1.inFlightCapHits }), atMost: 0)
        if let test = arrivals(run, profile), test.samples >= 100 {
            // Every machine holds its threads up by some microseconds, which a long run shows surely; five in a hundred
            // starts out of place is what would matter.
            row("arrivals_distance", rounded(test.distance), atMost: max(0.05, rounded(test.distanceLimit1PerMille)))
        }
        return rows
    }

    /// Of starts some milliseconds apart, where the rate is highest: two sessions of one thread cannot begin closer than a
    /// connect takes.
    private static func arrivals(_ run: LoadRun, _ profile: Profile) -> AndersonDarling? {
        let peak = profile.phases.filter(\.isMeasured).reduce(0) { max($0, $1.startRate, $1.endRate) }
        let perThread = peak / Double(max(1, run.configuration.threads))
        return AndersonDarling(exponentialGaps: run.normalisedGaps, each: max(1, Int((perThread / 250).rounded(.up))))
    }

    private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }

    /// How far the time that sessions were open by counting is from the sum of their durations, as a part of it.
    private static func littlesLawGap(_ health: [HealthReading], _ totals: RunTotals) -> Double? {
        let counted = Double(health.reduce(0) { $0 &+ $1.openNs })
        let told =
            Double(health.reduce(0) { $0 &+ $1.unfinishedNs }) + Double(totals.latency.service.sum + totals.latency.failed.sum)
        guard max(counted, told) > 0 else { return nil }
        return (abs(counted - told) / max(counted, told) * 1e6).rounded() / 1e6
    }

    /// Seconds in which the busiest thread, or the busiest CPU that several share, was used by more than 90 %, as a part of all.
    private static func busyShare(_ health: [HealthReading], _ cpus: CPUShares) -> Double {
        let own = health.map { $0.seconds > 0 ? Double($0.busySeconds) / Double($0.seconds) : 0 }.max() ?? 0
        return max(own, cpus.seconds > 0 ? Double(cpus.busySeconds) / Double(cpus.seconds) : 0)
    }

    /// What does not make the run invalid, but who reads its figures should know.
    static func warnings(_ run: LoadRun, _ totals: RunTotals, _ profile: Profile, cpus: CPUShares) -> [String] {
        var warnings: [String] = []
        let busiest = cpus.busiest(run.health.map(\.meanShare))
        if busiest > 0.8 {
            let percent = Int((busiest * 100).rounded())
            warnings.append(
                profile.model.isOpen
                    ? "the generator used \(percent) % of its busiest CPU"
                    : "the generator used \(percent) % of a CPU: this closed run may show its own maximum, not the server's")
        }
        let turns = run.health.reduce(0) { $0 &+ $1.turns }
        let slow = run.health.reduce(0) { $0 &+ $1.slowTurns }
        if turns > 0, Double(slow) / Double(turns) > 0.001 {
            warnings.append("\(slow) of \(turns) turns of the generator's loop took longer than 1 ms")
        }
        if let test = arrivals(run, profile), test.samples >= 100,
            test.statistic > AndersonDarling.limit1PerMille
        {
            warnings.append(
                "the real starts are no exact Poisson process: A squared \(rounded(test.statistic)), 99.9 % point "
                    + "\(AndersonDarling.limit1PerMille), distance \(rounded(test.distance))")
        }
        let lost = run.health.reduce(0) { $0 &+ $1.lostUsers }
        if lost > 0 { warnings.append("\(lost) users were lost by a fault of the generator: please report it") }
        if totals.lateHandovers > 0 {
            warnings.append(
                "\(totals.lateHandovers) hand-overs of a second were put off, since nobody took them: series.csv and "
                    + "steps.hlog are coarser there, the totals exact")
        }
        if let text = letPass(run) { warnings.append(text) }
        if let text = unsteady(totals, profile) { warnings.append(text) }
        if let text = unlimited(totals, profile) { warnings.append(text) }
        return warnings
    }

    /// MSER-5 over each measured stretch of one rate, of the median and of the throughput. Nothing is cut. A trace has a rate
    /// of its own making, so nothing is to settle.
    private static func unsteady(_ totals: RunTotals, _ profile: Profile) -> String? {
        if profile.model == .open(.trace) { return nil }
        for stretch in evenStretches(profile) {
            let whole = stretch.clamped(to: 0..<totals.paces.count)
            let seconds = totals.paces[whole]
            let median = SteadyState(seconds.compactMap { $0.p50Ns.map { Double($0) } })
            let rate = SteadyState(seconds.map { Double($0.succeeded) })
            for (name, state) in [("the median latency", median), ("the throughput", rate)] {
                guard let state, !state.isSteady else { continue }
                return "\(name) had not settled: MSER-5 would leave out the first \(state.cut) of the \(seconds.count) s "
                    + "from \(whole.lowerBound) s on"
            }
        }
        return nil
    }

    /// Measured phases that follow each other at one rate, as the whole seconds of the run that lie in them.
    private static func evenStretches(_ profile: Profile) -> [Range<Int>] {
        var stretches: [(rate: Double, startNs: UInt64, endNs: UInt64)] = []
        var edge: UInt64 = 0
        for phase in profile.phases {
            let start = edge
            edge += phase.durationNs
            guard phase.isMeasured, phase.startRate == phase.endRate else { continue }
            if let last = stretches.last, last.endNs == start, last.rate == phase.startRate {
                stretches[stretches.count - 1].endNs = edge
            } else {
                stretches.append((phase.startRate, start, edge))
            }
        }
        return stretches.compactMap { stretch in
            let (first, last) = (Int((stretch.startNs + 999_999_999) / 1_000_000_000), Int(stretch.endNs / 1_000_000_000))
            return first < last ? first..<last : nil
        }
    }

    /// What of the replies was wrong and let pass, since its class of checks is off.
    static func letPass(_ run: LoadRun) -> String? {
        let passed = run.health.reduce(PassedReplies()) { $0 + $1.passed }
        let parts: [(UInt64, String)] = [
            (passed.status, "refusals (status)"), (passed.size, "sizes that differ (size)"),
            (passed.terminator, "messages without the right end (terminator)"),
            (passed.listing, "figures and rows of another form (listing)"),
        ]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return text.isEmpty ? nil : "let pass, since the profile has these checks off: \(text)"
    }

    /// Failures that no limit of the profile judges.
    private static func unlimited(_ totals: RunTotals, _ profile: Profile) -> String? {
        guard let share = totals.errorShare, share > 0, !profile.limitsErrors else { return nil }
        return "\(totals.measured.failed) sessions failed (\(Figure.share(share))), and no limit of the profile is about errors"
    }

    /// Sessions that nobody knows the end of, where a longer drain would have told it.
    static func unfinished(_ totals: RunTotals, _ limits: Profile.RunLimits) -> String? {
        let count = totals.measured.inFlight
        guard count > 0, limits.drainTimeoutNs < limits.stepTimeoutNs else { return nil }
        return "\(count) sessions were still open when the drain ended; with limits.drain_timeout at least limits.step_timeout, "
            + "those that wait for an answer count as time-outs"
    }

    /// The first failures of each class, with the server's own words.
    static func examples(_ run: LoadRun) -> ErrorExamples {
        var examples = ErrorExamples()
        for note in run.failures {
            examples.add(
                ErrorExample(
                    note.kind, step: note.step, auth: note.auth, transport: note.transport, atNs: note.atNs, detail: note.reply))
        }
        return examples
    }

    /// Whether every TLS session found the certificate that it asked for. Where no handshake was done, none was
    /// verified.
    static func isCertificateVerified(_ handshakes: HandshakeCounts) -> Bool {
        handshakes.all > 0 && handshakes.verified == handshakes.all
    }

    /// What was negotiated, whether certificates were verified, and why TLS failed first, with what to do about it.
    static func tlsNotes(_ run: LoadRun) -> [String] {
        let handshakes = run.handshakes
        var notes: [String] = []
        if run.configuration.verification == .none { notes.append("the server's certificate was not verified") }
        let versions = [(TLS.TLSVersion.tls12, handshakes.tls12), (.tls13, handshakes.tls13)].filter { $0.1 > 0 }
        if !versions.isEmpty {
            notes.append("TLS handshakes: " + versions.map { "\($0.1) of \($0.0.text)" }.joined(separator: ", "))
        }
        var told: Set<TLSFailure.Cause> = []
        for failure in run.failures {
            guard let cause = failure.tlsCause, told.insert(cause).inserted else { continue }
            notes.append("TLS failed on \(failure.transport.name): \(failure.reply); \(Diagnosis.remedy(cause, .run))")
        }
        return notes
    }

    /// What the generator itself cost, a thought a line.
    static func cost(_ run: LoadRun, _ totals: RunTotals) -> [String] {
        let health = run.health
        let cpuNs = health.reduce(0) { $0 &+ $1.cpuNs }
        let sessions = totals.allPhases.started
        let busiest = health.map(\.meanShare).max() ?? 0
        let worst = health.map(\.worstSecondShare).max() ?? 0
        let perSession = sessions > 0 ? Double(cpuNs) / Double(sessions) / 1e3 : 0
        func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
        return [
            "\(health.count) thread\(health.count == 1 ? "" : "s"), \((perSession * 10).rounded() / 10) us CPU per session, "
                + "longest turn \(Double((health.map(\.turnMaxNs).max() ?? 0) / 10_000) / 100) ms",
            "busiest \(percent(busiest)) of a CPU, worst second \(percent(worst))", steadyState(run, health),
        ]
    }

    /// What the threads allocated once the run had settled, and how the arrivals stand up to their test.
    private static func steadyState(_ run: LoadRun, _ health: [HealthReading]) -> String {
        var text = "\(health.reduce(0) { $0 &+ $1.allocatedBytes }) bytes allocated after 5 s"
        if run.configuration.profile.usesTLS { text += " (TLS included)" }
        if let test = arrivals(run, run.configuration.profile) { text += ", arrivals A squared \(rounded(test.statistic))" }
        return text
    }

    static func sha256(_ text: String) -> String { sha256(Array(text.utf8)) }

    static func sha256(_ octets: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return SHA256.hash(octets.span).withSpan { digest in
            var text = ""
            for index in 0..<digest.count {
                text.append(digits[Int(digest[index] >> 4)])
                text.append(digits[Int(digest[index] & 15)])
            }
            return text
        }
    }
}
