// From a run's totals to what judges it: the profile's limits, and the checks that say whether the generator itself can
// be trusted (contracts, section 5).

import Digest
import LoadGenerator
import Results
import Telemetry
import Workload

enum RunVerdict {
    /// Every limit of the profile, held against the run.
    static func limits(_ profile: Profile, _ totals: RunTotals, measuredSeconds: Double) -> [RunSummary.SLORow] {
        profile.evaluateSLO { observe($0, totals, measuredSeconds) }.map { result in
            let isTime = result.limit.metric.unit == .nanoseconds
            let scale = isTime ? 1e-3 : 1
            return RunSummary.SLORow(
                metric: result.limit.metricText, comparison: result.limit.comparison.rawValue, limit: result.limit.limit * scale,
                unit: isTime ? "us" : result.limit.metric.unit == .share ? "share" : "per_s",
                observed: result.observed.map { $0 * scale }, verdict: verdict(result.verdict))
        }
    }

    private static func verdict(_ verdict: SLOLimit.Verdict) -> RunSummary.SLOVerdict {
        switch verdict {
        case .pass: .pass
        case .fail: .fail
        case .inconclusive: .inconclusive
        }
    }

    private static func observe(_ metric: SLOMetric, _ totals: RunTotals, _ seconds: Double) -> Double? {
        func rate(_ count: UInt64) -> Double? { seconds > 0 ? Double(count) / seconds : nil }
        switch metric {
        case .errorShare: return totals.errorShare
        case .fallbackShare: return totals.fallbackShare
        case .sessionsPerSecond: return rate(totals.measured.succeeded)
        case .messagesPerSecond: return rate(totals.measured.messages)
        case .bytesPerSecond: return rate(totals.measured.payloadBytes)
        case .latency(let statistic, let series): return figure(statistic, histogram(series, totals))
        }
    }

    private static func histogram(_ series: SLOSeries, _ totals: RunTotals) -> LatencyHistogram? {
        switch series {
        case .session: return totals.model == .open ? totals.latency.corrected : totals.latency.service
        case .sessionService: return totals.latency.service
        case .sessionFailed: return totals.latency.failed
        case .startLag: return totals.model == .open ? totals.latency.lag : nil
        case .step(let step, let auth, let transport):
            var sum: LatencyHistogram?
            for label in totals.usedSteps
            where label.step == step && (auth ?? label.auth) == label.auth && (transport ?? label.transport) == label.transport {
                guard let cell = totals.latency[label] else { continue }
                if sum == nil { sum = cell } else { sum?.merge(cell) }
            }
            return sum
        }
    }

    private static func figure(_ statistic: SLOStatistic, _ histogram: LatencyHistogram?) -> Double? {
        guard let histogram, histogram.count > 0 else { return nil }
        switch statistic {
        case .min: return histogram.minimum.map { Double($0) }
        case .mean: return histogram.mean
        case .max: return histogram.maximum.map { Double($0) }
        case .p50: return histogram.credibleValue(at: .p50).map { Double($0) }
        case .p90: return histogram.credibleValue(at: .p90).map { Double($0) }
        case .p99: return histogram.credibleValue(at: .p99).map { Double($0) }
        case .p999: return histogram.credibleValue(at: .p999).map { Double($0) }
        }
    }

    /// The standard checks and the generator's own. A closed run may use all of its CPU: its rate is what comes out.
    static func validity(_ run: LoadRun, _ totals: RunTotals, _ profile: Profile, hiccup: LatencyHistogram) -> [RunSummary
        .ValidityRow]
    {
        var rows = totals.validityChecks(hiccup: hiccup, allowsOverlap: profile.allowsOverlap)
        let health = run.health
        let failed = Double(run.failedThreads)
        rows.append(.init(check: "generator_threads_failed", value: failed, limit: 0, ok: failed == 0))
        guard profile.model.isOpen else { return rows }
        let busiest = health.map(\.meanShare).max() ?? 0
        rows.append(.init(check: "generator_thread_cpu", value: busiest, limit: 0.9, ok: busiest <= 0.9))
        let waits = Double(health.reduce(0) { $0 &+ $1.inFlightCapHits })
        rows.append(.init(check: "in_flight_cap_waits", value: waits, limit: 0, ok: waits == 0))
        return rows
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

    /// What the generator itself cost, in one line.
    static func cost(_ run: LoadRun, _ totals: RunTotals) -> String {
        let health = run.health
        let cpuNs = health.reduce(0) { $0 &+ $1.cpuNs }
        let sessions = totals.allPhases.started
        let busiest = health.map(\.meanShare).max() ?? 0
        let worst = health.map(\.worstSecondShare).max() ?? 0
        let perSession = sessions > 0 ? Double(cpuNs) / Double(sessions) / 1e3 : 0
        func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
        return "\(health.count) thread\(health.count == 1 ? "" : "s"), \((perSession * 10).rounded() / 10) us CPU per session, "
            + "busiest \(percent(busiest)) of a CPU, worst second \(percent(worst)), "
            + "longest turn \(Double((health.map(\.turnMaxNs).max() ?? 0) / 10_000) / 100) ms"
    }

    static func sha256(_ text: String) -> String {
        let octets = Array(text.utf8)
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
