// The grammar of a limit: `metric comparison value`, a metric being a name, or a function of a series. Pure; every error
// carries its offset in the text, so that the loader can point at it.

import Configuration
import Telemetry

/// Why a limit's text is refused: the offset in scalars from its start, and what to do.
struct SLOSyntaxError: Error, Equatable {
    let offset: Int
    let message: String
    let remedy: String
}

enum SLOParser {
    private static let scalars: [(name: String, metric: SLOMetric)] = [
        ("errors", .errorShare), ("fallbacks", .fallbackShare), ("unfinished", .unfinishedShare),
        ("sessions_per_s", .sessionsPerSecond), ("messages_per_s", .messagesPerSecond), ("bytes_per_s", .bytesPerSecond),
    ]
    private static let wholes: [(name: String, series: SLOSeries)] = [
        ("session", .session), ("session_service", .sessionService), ("session_failed", .sessionFailed), ("start_lag", .startLag),
    ]
    private static let functions =
        SLOStatistic.allCases.map { "\($0.rawValue)(session)" } + [
            "errors(timeout)", "within(session, 1s)", "late(retr, 5s + 3000B/s)",
        ]
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
                remedy: Spelling.advice(for: name, among: scalars.map(\.name) + functions, noun: "valid"))
        }
        let function = string(text[..<open]).trimmed()
        let inner = text[(open + 1)..<close]
        switch function {
        case "errors": return .errorClassShare(try errorClass(string(inner), offset: open + 1))
        case "within":
            let (first, second, cut) = try pair(inner, function, example: "within(retr, 5s)")
            return .withinShare(try series(first, offset: open + 1), UInt64(try value(second, .nanoseconds, offset: cut)))
        case "late":
            let (first, second, cut) = try pair(inner, function, example: "late(retr, 5s + 3000B/s)")
            return .lateShare(try lateRule(first, second, open + 1, cut))
        default: break
        }
        guard let statistic = SLOStatistic(rawValue: function == "p99.9" ? "p99_9" : function) else {
            throw SLOSyntaxError(
                offset: offset, message: "unknown figure '\(function.shown(limit: 60))'",
                remedy: Spelling.advice(
                    for: function, among: SLOStatistic.allCases.map(\.rawValue) + ["errors", "within", "late"], noun: "valid"))
        }
        return .latency(statistic, try series(string(text[(open + 1)..<close]), offset: open + 1))
    }

    private static func errorClass(_ text: String, offset: Int) throws(SLOSyntaxError) -> ErrorClass {
        let name = text.trimmed()
        if let known = ErrorClass.allCases.first(where: { $0.name == name }) { return known }
        throw SLOSyntaxError(
            offset: offset, message: "unknown error class '\(name.shown(limit: 60))'",
            remedy: Spelling.advice(for: name, among: ErrorClass.allCases.map(\.name), noun: "valid"))
    }

    /// The two arguments of a function, with the offset of the second.
    private static func pair(
        _ text: ArraySlice<Unicode.Scalar>, _ function: String, example: String
    ) throws(SLOSyntaxError) -> (String, String, Int) {
        guard let comma = text.firstIndex(of: ",") else {
            throw SLOSyntaxError(
                offset: text.startIndex, message: "'\(function)' takes two arguments", remedy: "write for example '\(example)'")
        }
        let start = text[(comma + 1)...].firstIndex { $0 != " " } ?? comma + 1
        return (string(text[..<comma]), string(text[start...]).trimmed(), start)
    }

    /// `duration`, or `duration + size/s`.
    private static func lateRule(
        _ stepName: String, _ text: String, _ stepOffset: Int, _ offset: Int
    ) throws(SLOSyntaxError) -> LateRule {
        let name = stepName.trimmed()
        guard let step = [Step.retr, .top].first(where: { $0.name == name }) else {
            throw SLOSyntaxError(
                offset: stepOffset, message: "'\(name.shown(limit: 60))' retrieves no message", remedy: "valid: retr, top")
        }
        let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false).map { $0.trimmed() }
        let allowance = UInt64(try value(parts[0], .nanoseconds, offset: offset))
        guard parts.count > 1 else { return LateRule(step: step, allowanceNs: allowance, bytesPerSecond: nil) }
        guard parts[1].hasSuffix("/s"), let speed = ScalarText.size(parts[1].dropLast(2).trimmed()), speed > 0 else {
            throw SLOSyntaxError(
                offset: offset, message: "'\(parts[1].shown(limit: 60))' is not a speed",
                remedy: "write octets a second, for example 3000B/s or 64KiB/s")
        }
        return LateRule(step: step, allowanceNs: allowance, bytesPerSecond: speed)
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
