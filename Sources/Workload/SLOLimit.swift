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
    case sessionsPerSecond
    case messagesPerSecond
    case bytesPerSecond
    case latency(SLOStatistic, SLOSeries)

    /// What the observed value and the limit count.
    public enum Unit: Sendable {
        case share
        case perSecond
        case nanoseconds
    }

    public var unit: Unit {
        switch self {
        case .errorShare, .fallbackShare: .share
        case .sessionsPerSecond, .messagesPerSecond, .bytesPerSecond: .perSecond
        case .latency: .nanoseconds
        }
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
    public let metric: SLOMetric
    public let comparison: Comparison
    /// In the metric's unit.
    public let limit: Double

    /// The metric's own text, e.g. `p99(session)`.
    public var metricText: String {
        text.split(whereSeparator: { $0 == "<" || $0 == ">" }).first.map { $0.trimmed() } ?? text
    }

    /// In force without `slo:`.
    public static let standard = SLOLimit(
        text: "errors <= 1%", position: nil, metric: .errorShare, comparison: .atMost, limit: 0.01)

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

/// A limit held against a run.
public struct SLOResult: Sendable, Equatable {
    public let limit: SLOLimit
    /// In the metric's unit; nil where it could not be observed.
    public let observed: Double?
    public let verdict: SLOLimit.Verdict
}

extension Profile {
    /// Every limit, held against what `observe` reports for its metric (nil: not observed, or too few samples).
    public func evaluateSLO(_ observe: (SLOMetric) -> Double?) -> [SLOResult] {
        slo.map { limit in
            let observed = observe(limit.metric)
            return SLOResult(limit: limit, observed: observed, verdict: limit.verdict(observed: observed))
        }
    }
}

/// Why a limit's text is refused: the offset in scalars from its start, and what to do.
struct SLOSyntaxError: Error, Equatable {
    let offset: Int
    let message: String
    let remedy: String
}

enum SLOParser {
    private static let scalars: [(name: String, metric: SLOMetric)] = [
        ("errors", .errorShare), ("fallbacks", .fallbackShare), ("sessions_per_s", .sessionsPerSecond),
        ("messages_per_s", .messagesPerSecond), ("bytes_per_s", .bytesPerSecond),
    ]
    private static let wholes: [(name: String, series: SLOSeries)] = [
        ("session", .session), ("session_service", .sessionService), ("session_failed", .sessionFailed), ("start_lag", .startLag),
    ]
    static let metricNames = scalars.map(\.name) + SLOStatistic.allCases.map { "\($0.rawValue)(...)" }
    static let seriesNames = wholes.map(\.name) + Step.allCases.map(\.name)

    /// `metric comparison value`. Positions in errors are offsets into `text`.
    static func parse(_ text: String, at position: SourcePosition?) throws(SLOSyntaxError) -> SLOLimit {
        let all = Array(text.unicodeScalars)
        guard let cut = all.firstIndex(where: { $0 == "<" || $0 == ">" || $0 == "=" || $0 == "!" }) else {
            let name = text.trimmed()
            if (try? metric(Array(name.unicodeScalars))) != nil {
                throw SLOSyntaxError(
                    offset: 0, message: "the limit '\(name.shown(limit: 60))' compares with nothing",
                    remedy: "write for example '\(name) <= 1%'")
            }
            throw SLOSyntaxError(
                offset: 0, message: "a limit reads 'metric comparison value'",
                remedy: "for example: errors <= 1%, p99(session) < 200ms, sessions_per_s >= 380")
        }
        var end = cut + 1
        if end < all.count, all[end] == "=" { end += 1 }
        let sign = string(all[cut..<end])
        guard let comparison = SLOLimit.Comparison(rawValue: sign) else {
            throw SLOSyntaxError(offset: cut, message: "'\(sign)' is not a comparison", remedy: "valid: <, <=, >, >=")
        }
        let metric = try metric(Array(all[..<cut]))
        let start = all[end...].firstIndex { $0 != " " } ?? end
        let limit = try value(string(all[end...]).trimmed(), metric.unit, offset: start)
        return SLOLimit(text: text.trimmed(), position: position, metric: metric, comparison: comparison, limit: limit)
    }

    private static func metric(_ text: [Unicode.Scalar]) throws(SLOSyntaxError) -> SLOMetric {
        let name = string(text[...]).trimmed()
        let offset = text.firstIndex { $0 != " " } ?? 0
        if let known = scalars.first(where: { $0.name == name }) { return known.metric }
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close,
            string(text[(close + 1)...]).trimmed().isEmpty
        else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown metric '\(name.shown(limit: 60))'",
                remedy: Spelling.advice(
                    for: name, among: scalars.map(\.name) + SLOStatistic.allCases.map { "\($0.rawValue)(session)" }, noun: "valid"
                ))
        }
        let function = string(text[..<open]).trimmed()
        guard let statistic = SLOStatistic(rawValue: function == "p99.9" ? "p99_9" : function) else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown figure '\(function.shown(limit: 60))'",
                remedy: Spelling.advice(for: function, among: SLOStatistic.allCases.map(\.rawValue), noun: "valid"))
        }
        return .latency(statistic, try series(string(text[(open + 1)..<close]), offset: open + 1))
    }

    private static func series(_ text: String, offset: Int) throws(SLOSyntaxError) -> SLOSeries {
        let name = text.trimmed()
        if let whole = wholes.first(where: { $0.name == name }) { return whole.series }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, let step = Step.allCases.first(where: { $0.name == parts[0] }) else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown series '\(name.shown(limit: 60))'",
                remedy: Spelling.advice(for: parts[0], among: seriesNames, noun: "valid, a step also with .auth and .transport"))
        }
        guard parts.count > 1 else { return .step(step, nil, nil) }
        guard let auth = AuthMethod.allCases.first(where: { $0.name == parts[1] }) else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown method '\(parts[1].shown(limit: 60))' in '\(name.shown(limit: 60))'",
                remedy: Spelling.advice(for: parts[1], among: AuthMethod.allCases.map(\.name), noun: "valid"))
        }
        guard parts.count > 2 else { return .step(step, auth, nil) }
        guard let transport = Transport.allCases.first(where: { $0.name == parts[2] }) else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown transport '\(parts[2].shown(limit: 60))' in '\(name.shown(limit: 60))'",
                remedy: Spelling.advice(for: parts[2], among: Transport.allCases.map(\.name), noun: "valid"))
        }
        return .step(step, auth, transport)
    }

    private static func value(_ text: String, _ unit: SLOMetric.Unit, offset: Int) throws(SLOSyntaxError) -> Double {
        let shown = text.shown(limit: 60)
        switch unit {
        case .share:
            if let share = ScalarText.share(text) { return share }
            throw SLOSyntaxError(
                offset: offset, message: "'\(shown)' is not a share", remedy: "write a percentage from 0% to 100%")
        case .perSecond:
            if let number = ScalarText.number(text) { return number }
            throw SLOSyntaxError(
                offset: offset, message: "'\(shown)' is not a number a second", remedy: "write a plain number, for example 380")
        case .nanoseconds:
            if let ns = ScalarText.durationNs(text) { return Double(ns) }
            throw SLOSyntaxError(offset: offset, message: "'\(shown)' is not a duration", remedy: ScalarText.durationRemedy)
        }
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}
