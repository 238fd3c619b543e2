// From the merged totals to the figures of summary.json. Pure; the only place where counts become quotients.
// Invariant: every quotient can be recomputed from the counts beside it, to the last digit.

import Statistics
public import Telemetry

extension RunSummary.Figures {
    /// Of a histogram of nanoseconds.
    public init(_ histogram: LatencyHistogram?) {
        self.init(
            count: histogram?.count ?? 0, min: microseconds(histogram?.minimum), mean: microseconds(histogram?.mean),
            p50: microseconds(histogram?.credibleValue(at: .p50)), p90: microseconds(histogram?.credibleValue(at: .p90)),
            p99: microseconds(histogram?.credibleValue(at: .p99)), p999: microseconds(histogram?.credibleValue(at: .p999)),
            max: microseconds(histogram?.maximum), p50Interval: interval(histogram, .p50), p99Interval: interval(histogram, .p99),
            p999Interval: interval(histogram, .p999))
    }
}

/// The values at the ends of a percentile's 95 % interval of ranks; nil where the percentile itself is not told.
private func interval(_ histogram: LatencyHistogram?, _ quantile: Quantile) -> [Double]? {
    guard let histogram, histogram.credibleValue(at: quantile) != nil else { return nil }
    let share = Double(quantile.numerator) / Double(quantile.denominator)
    guard let ranks = RankInterval(quantile: share, count: histogram.count) else { return nil }
    return [ranks.lower, ranks.upper].compactMap { histogram.value(rank: $0).map { Double($0) / 1_000 } }
}

private func microseconds(_ nanoseconds: UInt64?) -> Double? { nanoseconds.map { Double($0) / 1_000 } }

/// Rounded to the nanosecond.
private func microseconds(_ nanoseconds: Double?) -> Double? { nanoseconds.map { $0.rounded() / 1_000 } }

extension RunSummary.Sessions {
    public init(_ counts: SessionCounts) {
        self.init(
            planned: counts.planned, succeeded: counts.succeeded, failed: counts.failed, cancelled: counts.cancelled,
            inFlight: counts.inFlight)
    }
}

extension RunSummary {
    /// The summary of a run whose recorders have finished.
    /// - Parameter measuredSeconds: length of the measured phases as they really ran, seconds.
    public init(
        _ totals: RunTotals, profile: ProfileName, seed: UInt64, measuredSeconds: Double, evidence: Evidence
    ) {
        let isOpen = totals.model == .open
        let measured = totals.measured
        func perSecond(_ count: UInt64) -> Double { measuredSeconds > 0 ? Double(count) / measuredSeconds : 0 }
        var errors: [String: UInt64] = [:]
        for kind in ErrorClass.allCases where measured.errors[kind] > 0 { errors[kind.name] = measured.errors[kind] }
        self.init(
            verdict: evidence.verdict, reasons: evidence.reasons, profile: profile, seed: seed,
            model: isOpen ? .open : .closed, durationS: measuredSeconds, sessions: Sessions(measured),
            allPhases: Sessions(totals.allPhases), expectedRefusals: measured.expectedRefusals, errors: errors,
            throughput: Throughput(
                sessionsPerS: perSecond(measured.succeeded), messagesPerS: perSecond(measured.messages),
                bytesPerS: perSecond(measured.payloadBytes), offeredSessionsPerS: isOpen ? perSecond(measured.planned) : nil),
            latencyUs: Latencies(
                sessionCorrected: isOpen ? Figures(totals.latency.corrected) : nil,
                sessionService: Figures(totals.latency.service),
                sessionFailed: Figures(totals.latency.failed), startLag: isOpen ? Figures(totals.latency.lag) : nil),
            steps: totals.usedSteps.map { Self.row(totals, $0) },
            methods: totals.usedSessions.map { Self.row(totals, $0) },
            fallbacks: totals.fallbacks.map {
                FallbackRow(
                    from: $0.from.name, to: $0.to.name, count: $0.count,
                    lostUsMean: (Double($0.lostNs) / Double($0.count)).rounded() / 1_000)
            },
            slo: evidence.slo, validity: evidence.validity, warnings: evidence.warnings.isEmpty ? nil : evidence.warnings)
    }

    private static func row(_ totals: RunTotals, _ label: StepLabel) -> StepRow {
        let figures = Figures(totals.latency[label])
        return StepRow(
            step: label.step.name, auth: label.auth.name, transport: label.transport.name, count: figures.count,
            errors: totals.errors(of: label), min: figures.min, mean: figures.mean, p50: figures.p50, p90: figures.p90,
            p99: figures.p99, p999: figures.p999, max: figures.max, p50Interval: figures.p50Interval,
            p99Interval: figures.p99Interval, p999Interval: figures.p999Interval,
            failed: totals.latency.failed(label).map { RunSummary.Figures($0) })
    }

    private static func row(_ totals: RunTotals, _ label: SessionLabel) -> MethodRow {
        let row = totals[label]
        let figures = Figures(row.latency)
        return MethodRow(
            auth: label.auth.name, transport: label.transport.name, sessions: row.sessions, succeeded: row.succeeded,
            failed: row.failed, fallbacks: row.fallbacks, min: figures.min, mean: figures.mean, p50: figures.p50,
            p90: figures.p90, p99: figures.p99, p999: figures.p999, max: figures.max, p50Interval: figures.p50Interval,
            p99Interval: figures.p99Interval, p999Interval: figures.p999Interval)
    }
}

extension RunTotals {
    /// Failed sessions as a share of the planned ones of the measured phases; nil without a session.
    public var errorShare: Double? {
        measured.planned > 0 ? Double(measured.failed) / Double(measured.planned) : nil
    }

    /// Sessions of the measured phases that came to no end by the drain deadline: still open, or due and never connected.
    public var unfinishedSessions: UInt64 { measured.inFlight &+ measured.cancelled }

    /// They as a share of the planned ones; nil without a session.
    public var unfinishedShare: Double? {
        measured.planned > 0 ? Double(unfinishedSessions) / Double(measured.planned) : nil
    }

    /// Sessions saved by a fallback as a share of the planned ones; nil without a session.
    public var fallbackShare: Double? {
        measured.planned > 0 ? Double(fallbacks.reduce(0) { $0 &+ $1.count }) / Double(measured.planned) : nil
    }
}
