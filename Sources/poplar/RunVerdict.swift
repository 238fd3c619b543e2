// From a run's totals to what judges it: the profile's limits, and the checks that say whether the generator itself can
// be trusted (contracts, section 5).

import Digest
import LoadGenerator
import Results
import Telemetry
import Workload

enum RunVerdict {
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
