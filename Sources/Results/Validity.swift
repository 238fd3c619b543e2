// The checks that say whether a run can be trusted at all: does it add up, and was the generator itself the bottleneck?
// What only the generator knows (CPU of its threads, for instance) it appends itself.

import Statistics
public import Telemetry

extension RunTotals {
    /// The standard checks.
    /// - Parameters:
    ///   - hiccup: what a thread that only sleeps met on this machine meanwhile; nil where nobody watched. A start lag
    ///     p99 is in order up to 1 ms + the hiccups' p99, or a tenth of the corrected p99 where that is more.
    ///   - allowsOverlap: whether the profile asks for sessions of one user that overlap.
    public func validityChecks(hiccup: LatencyHistogram? = nil, allowsOverlap: Bool = false) -> [RunSummary.ValidityRow] {
        let faults = Double(conservationFaults.count)
        var rows = [RunSummary.ValidityRow(check: "conservation_faults", value: faults, limit: 0, ok: faults == 0)]
        for kind in ErrorClass.allCases where kind.isOwn && !(kind == .ownUsersExhausted && allowsOverlap) {
            let count = Double(allPhases.errors[kind])
            rows.append(RunSummary.ValidityRow(check: kind.name, value: count, limit: 0, ok: count == 0))
        }
        guard model == .open else { return rows }
        let started = measured.planned > 0 ? Double(measured.started) / Double(measured.planned) : nil
        rows.append(RunSummary.ValidityRow(check: "started_share", value: started, limit: 0.99, ok: (started ?? 1) >= 0.99))
        let hiccupNs = hiccup?.credibleValue(at: .p99)
        let hiccupUs = hiccupNs.map { Double($0) / 1_000 }
        if hiccup != nil {
            // Beyond ten milliseconds the machine itself is what would be measured.
            let isCalm = (hiccupUs ?? 0) <= 10_000
            rows.append(RunSummary.ValidityRow(check: "hiccup_p99_us", value: hiccupUs, limit: 10_000, ok: isCalm))
        }
        let lag = startLagP99Ns.map { Double($0) / 1_000 }
        let limit = Double(startLagLimitNs(hiccupP99Ns: hiccupNs ?? 0)) / 1_000
        rows.append(RunSummary.ValidityRow(check: "start_lag_p99_us", value: lag, limit: limit, ok: (lag ?? 0) <= limit))
        return rows
    }

    /// The 99th percentile of the start lag, nanoseconds, as it is held against its limit. Of fewer than 1,000 starts, the least
    /// that it can be: what more of them exceed than one in a hundred would by chance (99.9 %). nil of one or two.
    public var startLagP99Ns: UInt64? {
        let lag = latency.lag
        if let value = lag.credibleValue(at: .p99) { return value }
        let excess = RankInterval.plausibleExcess(share: 0.01, count: lag.count)
        return excess < lag.count ? lag.value(rank: lag.count - excess) : nil
    }

    /// What that may be, nanoseconds: 1 ms more than what the machine does to a thread that only sleeps, or a tenth of the
    /// sessions' own 99th percentile where that is more.
    public func startLagLimitNs(hiccupP99Ns: UInt64) -> UInt64 {
        max(1_000_000 &+ hiccupP99Ns, (latency.corrected.value(at: .p99) ?? 0) / 10)
    }
}

extension ErrorClass {
    /// What a session of this class lacked, and what gives it more; nil for what the server or the network does.
    public var shortage: (cause: String, remedy: String)? {
        switch self {
        case .ownPorts:
            (
                "the generator ran out of local ports",
                "name more source addresses (--source), or widen net.ipv4.ip_local_port_range"
            )
        case .ownDescriptors:
            (
                "the generator ran out of descriptors or socket memory",
                "raise the hard limit of open files (ulimit -Hn), or lower limits.in_flight"
            )
        case .ownUsersExhausted:
            ("the generator found no user without an open session", "give the load more users, or set 'overlap: on'")
        case .resolve, .refused, .connectTimeout, .tls, .greeting, .auth, .wrongAdmit, .protocolViolation, .content, .inUse,
            .earlyClose,
            .reset, .timeout:
            nil
        }
    }
}
