// How often each script really runs. The profile's weights say it where every session draws among all scripts; a trace names
// scripts, and a closed user draws among those that he can run. Invariant: expectations, not counts of one draw.

struct PlanShares: Sendable {
    /// Parts of all sessions, a number for each row of `Profile.scripts`; they add up to 1.
    let all: [Double]
    /// Sessions expected in the measured phases, likewise; nil when closed.
    let measured: [Double]?

    /// `closed`: of a closed load, each user's probabilities summed up (see `Schedule.closedShares`).
    init(_ profile: Profile, closed: [Double]) {
        let weights = profile.scripts.shares
        if let trace = profile.trace {
            let starts = trace.startsByChoice(profile)
            all = expected(starts.all, by: trace.choices, rows: weights.count).map { $0 / Double(max(1, trace.count)) }
            measured = expected(starts.measured, by: trace.choices, rows: weights.count)
        } else if profile.model.isOpen {
            let sessions = profile.phases.reduce(0) { $0 + ($1.isMeasured ? $1.expectedSessions : 0) }
            all = weights
            measured = weights.map { $0 * sessions }
        } else {
            let users = closed.reduce(0, +)
            all = users > 0 ? closed.map { $0 / users } : weights
            measured = nil
        }
    }
}

extension Trace {
    /// Starts by the scripts that their lines leave open.
    fileprivate func startsByChoice(_ profile: Profile) -> (all: [Double], measured: [Double]) {
        var all = [Double](repeating: 0, count: choices.count)
        var measured = all
        var phases = profile.phases[...]
        var edge = phases.first?.durationNs ?? 0
        for start in starts {
            while phases.count > 1, start.ns >= edge {
                phases.removeFirst()
                edge &+= phases.first?.durationNs ?? 0
            }
            all[Int(start.choice)] += 1
            if phases.first?.isMeasured == true { measured[Int(start.choice)] += 1 }
        }
        return (all, measured)
    }
}

/// Sessions expected of each of `rows` scripts where so many draw by each of `tables`.
private func expected(_ sessions: [Double], by tables: [AliasTable], rows: Int) -> [Double] {
    zip(sessions, tables).reduce(into: [Double](repeating: 0, count: rows)) { sum, part in
        for (row, probability) in part.1.probabilities.enumerated() { sum[row] += part.0 * probability }
    }
}

extension Schedule {
    /// Closed load: how often each script is drawn, summed up over this thread's users.
    var closedShares: [Double] { closed.shares(rows: scripts.rows.count) }
}

extension ClosedUsers {
    fileprivate func shares(rows: Int) -> [Double] {
        var sessions = [Double](repeating: 0, count: tables.count)
        for table in tableOf { sessions[Int(table)] += 1 }
        return expected(sessions, by: tables, rows: rows)
    }
}
