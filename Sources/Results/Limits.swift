// A profile's limits, held against what a run measured. What was not measured, or by too few samples, is nil, and its
// limit inconclusive: never a pass.

public import Telemetry
public import Workload

extension RunTotals {
    /// What `metric` came to, in the metric's own unit (share, per second, nanoseconds). `measuredSeconds`: the divisor.
    public func observed(_ metric: SLOMetric, measuredSeconds: Double) -> Double? {
        func perSecond(_ count: UInt64) -> Double? { measuredSeconds > 0 ? Double(count) / measuredSeconds : nil }
        return switch metric {
        case .errorShare: errorShare
        case .fallbackShare: fallbackShare
        case .unfinishedShare: unfinishedShare
        case .sessionsPerSecond: perSecond(measured.succeeded)
        case .messagesPerSecond: perSecond(measured.messages)
        case .bytesPerSecond: perSecond(measured.payloadBytes)
        case .latency(let statistic, let series): observed(statistic, of: series)
        case .errorClassShare(let kind): measured.planned > 0 ? Double(measured.errors[kind]) / Double(measured.planned) : nil
        case .withinShare(let series, let ns): distribution(series).flatMap { share($0.count(upTo: ns), of: $0.count) }
        case .lateShare(let rule):
            late.indices.contains(rule.slot) ? share(late[rule.slot], of: latency.merged(rule.step)?.count ?? 0) : nil
        }
    }

    /// A share of fewer than twenty samples says nothing.
    private func share(_ part: UInt64, of whole: UInt64) -> Double? { whole >= 20 ? Double(part) / Double(whole) : nil }

    /// In the closed model a session counts from its real start, and there is no lag.
    private func distribution(_ series: SLOSeries) -> LatencyHistogram? {
        switch series {
        case .session: model == .open ? latency.corrected : latency.service
        case .sessionService: latency.service
        case .sessionFailed: latency.failed
        case .startLag: model == .open ? latency.lag : nil
        case .step(let step, let auth, let transport): latency.merged(step, auth: auth, transport: transport)
        }
    }

    private func observed(_ statistic: SLOStatistic, of series: SLOSeries) -> Double? {
        guard let distribution = distribution(series) else { return nil }
        return switch statistic {
        case .min: distribution.minimum.map { Double($0) }
        case .mean: distribution.mean
        case .max: distribution.maximum.map { Double($0) }
        case .p50: distribution.credibleValue(at: .p50).map { Double($0) }
        case .p90: distribution.credibleValue(at: .p90).map { Double($0) }
        case .p99: distribution.credibleValue(at: .p99).map { Double($0) }
        case .p999: distribution.credibleValue(at: .p999).map { Double($0) }
        }
    }

    /// The first limit with `abort` that fails on what has been measured so far, in `measuredSeconds`; nil while none does, or
    /// while too little has been measured to say.
    public func abortingRow(_ limits: [SLOLimit], measuredSeconds: Double) -> RunSummary.SLORow? {
        guard measured.succeeded &+ measured.failed >= 100 else { return nil }
        return evaluate(
            limits.filter { $0.aborts && ($0.metric.unit != .perSecond || measuredSeconds >= 5) },
            measuredSeconds: measuredSeconds
        ).first { $0.verdict == .fail }
    }

    /// The rows of `slo` in summary.json. Times are given in microseconds there. `limits` is `profile.slo`, which holds
    /// `SLOLimit.standard` where a profile has none, or, at the end of a run, `profile.limits(unfinished:endedEarly:)`.
    public func evaluate(_ limits: [SLOLimit], measuredSeconds: Double) -> [RunSummary.SLORow] {
        limits.map { limit in
            let observed = observed(limit.metric, measuredSeconds: measuredSeconds)
            let (unit, scale): (String, Double) =
                switch limit.metric.unit {
                case .share: ("share", 1)
                case .perSecond: ("per_s", 1)
                case .nanoseconds: ("us", 1_000)
                }
            let verdict: RunSummary.SLOVerdict =
                switch limit.verdict(observed: observed) {
                case .pass: .pass
                case .fail: .fail
                case .inconclusive: .inconclusive
                }
            return RunSummary.SLORow(
                metric: limit.metricText, comparison: limit.comparison.rawValue, limit: limit.limit / scale, unit: unit,
                observed: observed.map { $0 / scale }, verdict: verdict)
        }
    }
}
