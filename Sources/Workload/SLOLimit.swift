// Limits of a profile's `slo:` list: `metric comparison value`, each kept with its place in the file. A metric that does
// not exist is an error there, never a pass; a metric that could not be observed makes its limit inconclusive, never a
// pass.

public import Configuration
public import Telemetry

/// What a limit looks at.
public enum SLOMetric: Sendable, Hashable {
    /// Failed sessions as a share of the planned ones of the measured phases.
    case errorShare
    /// Sessions saved by a fallback, as a share of the planned ones.
    case fallbackShare
    /// Sessions still open at the drain deadline, as a share of the planned ones; known when the run is over, not before.
    case unfinishedShare
    case sessionsPerSecond
    case messagesPerSecond
    case bytesPerSecond
    case latency(SLOStatistic, SLOSeries)
    /// Sessions that failed with one class, as a share of the planned ones.
    case errorClassShare(ErrorClass)
    /// Samples of a distribution at or under a duration (nanoseconds), as a share of them all.
    case withinShare(SLOSeries, UInt64)
    /// Retrievals that took longer than their size allows, as a share of those that ended well.
    case lateShare(LateRule)

    /// What the observed value and the limit count.
    public enum Unit: Sendable {
        case share
        case perSecond
        case nanoseconds
    }

    public var unit: Unit {
        switch self {
        case .errorShare, .fallbackShare, .unfinishedShare, .errorClassShare, .withinShare, .lateShare: .share
        case .sessionsPerSecond, .messagesPerSecond, .bytesPerSecond: .perSecond
        case .latency: .nanoseconds
        }
    }
}

/// How long a retrieval of a given size may take. SPECmail2001 asks for 5 s and half of a modem's line speed: 5s + 3000B/s.
public struct LateRule: Sendable, Hashable {
    /// Rules that one profile may have: each is a counter of its own in every recorder.
    public static let limit = 8

    /// `retr` or `top`: the steps with a payload.
    public let step: Step
    public let allowanceNs: UInt64
    /// The slowest speed beyond the allowance; nil where the size does not count.
    public let bytesPerSecond: UInt64?
    /// Its counter: the place among the profile's rules.
    public internal(set) var slot = 0

    public func isLate(latencyNs: UInt64, bytes: UInt64) -> Bool {
        guard latencyNs > allowanceNs else { return false }
        guard let bytesPerSecond, bytesPerSecond > 0 else { return true }
        // Bytes and speeds are far below 2^53, and a nanosecond more or less decides nothing.
        return Double(latencyNs &- allowanceNs) > Double(bytes) / Double(bytesPerSecond) * 1e9
    }
}

/// A figure of a latency distribution. A percentile with fewer than ten samples above it is not observed.
public enum SLOStatistic: String, Sendable, CaseIterable {
    case min, mean, p50, p90, p99
    case p999 = "p99_9"
    case max

    /// 0...1 for percentiles, nil for min, mean, max.
    public var quantile: Double? {
        switch self {
        case .p50: 0.5
        case .p90: 0.9
        case .p99: 0.99
        case .p999: 0.999
        case .min, .mean, .max: nil
        }
    }
}

/// A latency distribution.
public enum SLOSeries: Sendable, Hashable {
    /// From the planned start: session_corrected.
    case session
    /// From the real start.
    case sessionService
    case sessionFailed
    case startLag
    /// One step, over all methods and transports or over those named.
    case step(Step, AuthMethod?, Transport?)
}

/// One limit.
public struct SLOLimit: Sendable, Equatable {
    public enum Comparison: String, Sendable, CaseIterable {
        case atMost = "<="
        case atLeast = ">="
        case below = "<"
        case above = ">"
    }

    public enum Verdict: String, Sendable {
        case pass, fail, inconclusive
    }

    /// As given, e.g. `p99(session) < 200ms`.
    public let text: String
    /// Place in the profile; nil for the limit in force where there is no `slo:`.
    public let position: SourcePosition?
    public internal(set) var metric: SLOMetric
    public let comparison: Comparison
    /// In the metric's unit.
    public let limit: Double
    /// Whether the run ends early when the limit fails on what has been measured so far.
    public internal(set) var aborts = false

    /// The metric's own text, e.g. `p99(session)`.
    public var metricText: String {
        text.split(whereSeparator: { $0 == "<" || $0 == ">" }).first.map { $0.trimmed() } ?? text
    }

    /// In force without `slo:`.
    public static let standard = SLOLimit(
        text: "errors <= 1%", position: nil, metric: .errorShare, comparison: .atMost, limit: 0.01)

    /// In force where sessions came to no end and the profile says nothing of them: who never got an answer is in no latency
    /// and no error, so a server that hangs would pass.
    public static let unfinished = SLOLimit(
        text: "unfinished <= 1%", position: nil, metric: .unfinishedShare, comparison: .atMost, limit: 0.01)

    public func verdict(observed: Double?) -> Verdict {
        guard let observed, !observed.isNaN else { return .inconclusive }
        let holds =
            switch comparison {
            case .atMost: observed <= limit
            case .atLeast: observed >= limit
            case .below: observed < limit
            case .above: observed > limit
            }
        return holds ? .pass : .fail
    }
}

extension Profile {
    /// The limits that judge a run which left `unfinished` sessions without an end. One that was ended before its time left
    /// them so itself.
    public func limits(unfinished: UInt64, endedEarly: Bool) -> [SLOLimit] {
        let isNamed = slo.contains { $0.metric == .unfinishedShare }
        return isNamed || endedEarly || unfinished == 0 ? slo : slo + [.unfinished]
    }

    /// Whether a limit is about failed sessions, all of them or those of a class.
    public var limitsErrors: Bool {
        slo.contains { limit in
            switch limit.metric {
            case .errorShare, .errorClassShare: true
            default: false
            }
        }
    }

    /// What counts a retrieval as late, each at its slot.
    public var lateRules: [LateRule] {
        slo.compactMap { limit in
            if case .lateShare(let rule) = limit.metric { rule } else { nil }
        }
    }
}
