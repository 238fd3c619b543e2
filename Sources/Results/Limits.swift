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
        case .sessionsPerSecond: perSecond(measured.succeeded)
        case .messagesPerSecond: perSecond(measured.messages)
        case .bytesPerSecond: perSecond(measured.payloadBytes)
        case .latency(let statistic, let series): observed(statistic, of: series)
        }
    }

    private func observed(_ statistic: SLOStatistic, of series: SLOSeries) -> Double? {
        let distribution: LatencyHistogram? =
            switch series {
            case .session: latency.corrected
            case .sessionService: latency.service
            case .sessionFailed: latency.failed
            case .startLag: latency.lag
            case .step(let step, let auth, let transport): latency.merged(step, auth: auth, transport: transport)
            }
        guard let distribution else { return nil }
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

    /// The rows of `slo` in summary.json. Times are given in microseconds there. `limits` is `profile.slo`, which holds
    /// `SLOLimit.standard` where a profile has none.
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
