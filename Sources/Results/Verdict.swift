// From observations to a verdict and an exit code: one rule for all commands (contracts, section 1).
// Invariant: where several apply, the first of 64, 1, 130, 4, 2, 3, 5; a limit that could not be observed is never a pass.

import Telemetry

/// Exit codes of every command.
public enum ExitCode: Int32, Sendable, CaseIterable {
    case pass = 0
    /// Internal or I/O error, target unreachable, findings of `doctor`.
    case failure = 1
    /// A limit or the regression gate failed.
    case limitFailed = 2
    case inconclusive = 3
    /// Generator saturated, rank missing, own users exhausted.
    case invalid = 4
    case noBaseline = 5
    /// Usage, profile or configuration error.
    case usage = 64
    /// SIGINT or SIGTERM, results written.
    case interrupted = 130

    private static let precedence: [ExitCode] = [
        .usage, .failure, .interrupted, .invalid, .limitFailed, .inconclusive, .noBaseline,
    ]

    /// The one to exit with when all of `codes` apply; pass when none does.
    public static func first(of codes: [ExitCode]) -> ExitCode {
        precedence.first { codes.contains($0) } ?? .pass
    }
}

public enum Verdict: String, Codable, Sendable, CaseIterable {
    case pass, fail, inconclusive, invalid, partial, interrupted

    public var exitCode: ExitCode {
        switch self {
        case .pass: .pass
        case .fail: .limitFailed
        case .inconclusive: .inconclusive
        case .invalid, .partial: .invalid
        case .interrupted: .interrupted
        }
    }
}

/// What a verdict rests on.
public struct Evidence: Sendable {
    /// Ended early by a signal.
    public var interrupted: Bool
    /// Ranks of a distributed run that left no result.
    public var missingRanks: Int
    /// The limit with `abort` that ended the run early.
    public var endedEarlyBy: RunSummary.SLORow?
    public var slo: [RunSummary.SLORow]
    public var validity: [RunSummary.ValidityRow]
    public var warnings: [String] = []

    public init(
        interrupted: Bool = false, missingRanks: Int = 0, endedEarlyBy: RunSummary.SLORow? = nil, slo: [RunSummary.SLORow],
        validity: [RunSummary.ValidityRow], warnings: [String] = []
    ) {
        self.interrupted = interrupted
        self.missingRanks = missingRanks
        self.endedEarlyBy = endedEarlyBy
        self.slo = slo
        self.validity = validity
        self.warnings = warnings
    }

    /// Every verdict that applies, with its reason; the deciding one first.
    private var findings: [(verdict: Verdict, reason: String)] {
        var found: [(Verdict, String)] = []
        if interrupted { found.append((.interrupted, "interrupted by a signal")) }
        for check in validity where !check.ok {
            let why = ErrorClass.allCases.first { $0.name == check.check }?.shortage.map { ": \($0.cause); \($0.remedy)" } ?? ""
            found.append(
                (.invalid, "invalid: \(check.check) is \(Self.text(check.value)), limit \(Self.text(check.limit))\(why)"))
        }
        if missingRanks > 0 { found.append((.partial, "\(missingRanks) rank(s) left no result")) }
        if let endedEarlyBy { found.append((.fail, "ended early: \(endedEarlyBy.statement)")) }
        for row in slo where row.verdict == .fail { found.append((.fail, row.statement)) }
        for row in slo where row.verdict == .inconclusive {
            found.append(
                (.inconclusive, "\(row.metric) \(row.comparison) \(Self.text(row.limit, row.unit)): too few samples to say"))
        }
        return found
    }

    public var verdict: Verdict { findings.first?.verdict ?? .pass }

    /// Why; empty for a pass.
    public var reasons: [String] { findings.map(\.reason) }

    fileprivate static func text(_ value: Double?, _ unit: String = "") -> String {
        guard let value else { return "null" }
        switch unit {
        case "share": return trimmed(value * 100, digits: 4) + " %"
        case "us": return trimmed(value, digits: 3) + " us"
        case "per_s": return trimmed(value, digits: 3) + "/s"
        default: return trimmed(value, digits: 3)
        }
    }

    /// Without trailing zeros.
    private static func trimmed(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(rounded)) : String(rounded)
    }
}

extension RunSummary.SLORow {
    /// That the limit failed, in words.
    public var statement: String {
        let seen = observed.map { Evidence.text($0, unit) } ?? "nothing"
        return "\(metric) \(comparison) \(Evidence.text(limit, unit)) failed: observed \(seen)"
    }
}
