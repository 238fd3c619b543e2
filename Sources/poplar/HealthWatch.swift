// The generator's own health while the run goes on: what would make it invalid in the end is told when it is first seen, with its
// cause, so that nobody waits for an hour to learn it. What a moment can bring about has to hold for two seconds; a shortage of
// the generator's own is told at once. The verdict at the end is RunVerdict's, over the whole run.

import LoadGenerator
import Results
import Telemetry
import Workload

/// A check that does not hold at the moment.
struct GeneratorFlag: Equatable {
    /// The check of `validity` in summary.json that it foretells.
    let check: String
    /// What is wrong, with its figures.
    let text: String
}

struct HealthWatch {
    /// Flags that have been told, in their order.
    private(set) var told: [GeneratorFlag] = []
    private var second = 0
    /// Of the threads together, second by second.
    private(set) var cpus: CPUShares
    /// Seconds in a row in which a check did not hold.
    private var streaks: [String: Int] = [:]

    private static let patience = 2

    init(threads: Int, pinned: [Int]) { cpus = CPUShares(threads: threads, pinned: pinned) }

    /// Looks once for each complete second; the flags that are new.
    mutating func look(_ run: LoadRun, _ profile: Profile, hiccupP99Ns: UInt64) -> [GeneratorFlag] {
        let complete = run.collector.completeSeconds
        guard complete > second else { return [] }
        second = complete
        cpus.note(run.health.map(\.lastSecondShare))
        var new: [GeneratorFlag] = []
        let sudden = shortages(run, profile)
        let lasting = profile.model.isOpen ? burdens(run, hiccupP99Ns) : []
        for check in streaks.keys where !lasting.contains(where: { $0.check == check }) { streaks[check] = 0 }
        for flag in lasting { streaks[flag.check, default: 0] += 1 }
        for flag in sudden + lasting.filter({ streaks[$0.check, default: 0] >= Self.patience })
        where !told.contains(where: { $0.check == flag.check }) {
            told.append(flag)
            new.append(flag)
        }
        return new
    }

    /// Whether anything is wrong at the moment: for the lamp.
    var isBurdened: Bool { !told.isEmpty || streaks.values.contains { $0 > 0 } }

    private func shortages(_ run: LoadRun, _ profile: Profile) -> [GeneratorFlag] {
        var flags: [GeneratorFlag] = []
        let errors = run.collector.totals.allPhases.errors
        for kind in ErrorClass.allCases where kind.isOwn && errors[kind] > 0 {
            guard kind != .ownUsersExhausted || !profile.allowsOverlap else { continue }
            guard let shortage = kind.shortage else { continue }
            flags.append(
                GeneratorFlag(
                    check: kind.name, text: "\(shortage.cause), \(errors[kind]) times so far: \(shortage.remedy)"))
        }
        let waits = run.health.reduce(0) { $0 &+ $1.inFlightCapHits }
        if profile.model.isOpen, waits > 0 {
            flags.append(
                GeneratorFlag(
                    check: "in_flight_cap_waits",
                    text: "sessions wait for a place: limits.in_flight is \(profile.limits.inFlight), and all are taken"))
        }
        return flags
    }

    private static func busy(_ who: String, _ share: Double) -> GeneratorFlag {
        GeneratorFlag(
            check: "generator_busy_seconds",
            text: "\(who) used \(Int((share * 100).rounded())) % of a CPU in the last second: lower the rate, or give more CPUs")
    }

    /// By the same figures as the verdict at the end, over what has been measured so far, so that a flag which stays is its
    /// verdict.
    private func burdens(_ run: LoadRun, _ hiccupP99Ns: UInt64) -> [GeneratorFlag] {
        var flags: [GeneratorFlag] = []
        for (number, health) in run.health.enumerated() where health.seconds >= 2 && health.busySeconds * 10 > health.seconds {
            flags.append(Self.busy("generator thread \(number)", health.lastSecondShare))
        }
        if cpus.seconds >= 2, cpus.busySeconds * 10 > cpus.seconds {
            flags.append(Self.busy("the generator's threads together", cpus.busiest(run.health.map(\.lastSecondShare))))
        }
        let totals = run.collector.totals
        // Who fell due in the second that is being handed over may not have begun yet.
        if totals.measured.planned >= 100, Double(totals.measured.started) < Double(totals.measured.planned) * 0.95 {
            flags.append(
                GeneratorFlag(
                    check: "started_share",
                    text: "of \(totals.measured.planned) sessions that fell due so far \(totals.measured.started) were begun"))
        }
        if let lag = totals.startLagP99Ns {
            let limit = totals.startLagLimitNs(hiccupP99Ns: hiccupP99Ns)
            if lag > limit {
                flags.append(
                    GeneratorFlag(
                        check: "start_lag_p99_us",
                        text: "sessions start late: \(lag / 1000) us at the 99th percentile so far, limit \(limit / 1000) us"))
            }
        }
        return flags
    }
}
