// While the run goes on: one block on a terminal, redrawn in place; a line every few seconds elsewhere.
// Pure: a state becomes text. The state is taken on the control thread, never in a generator's loop.

public import Telemetry

/// What the live view shows: the last complete second, and where the run stands.
public struct LiveState: Sendable, Equatable {
    public var profile: String
    public var phase: String
    public var isMeasured: Bool
    /// Seconds into the run, and its planned length.
    public var elapsedS: Double
    public var durationS: Double
    /// Sessions per second, second by second, the last complete one at the end; nothing is offered in the closed model.
    public var offered: [Double]?
    public var achieved: [Double]
    public var p50Ns: UInt64?
    public var p99Ns: UInt64?
    public var maxNs: UInt64?
    public var lagP99Ns: UInt64?
    public var inFlight: UInt64
    /// Ended well so far, all phases.
    public var succeeded: UInt64
    /// Failed so far by class, all phases.
    public var errors: ErrorCounts

    /// From the collector, after a `poll`. `history`: how many seconds the sparkline shows.
    public init(
        _ collector: Collector, profile: String, phase: String, isMeasured: Bool, elapsedS: Double, durationS: Double,
        history: Int = 30
    ) {
        self.profile = profile
        self.phase = phase
        self.isMeasured = isMeasured
        self.elapsedS = elapsedS
        self.durationS = durationS
        let totals = collector.totals
        let complete = totals.series.prefix(collector.completeSeconds)
        let shown = complete.suffix(history)
        offered = totals.model == .open ? shown.map(\.offeredPerS) : nil
        achieved = shown.map(\.achievedPerS)
        let last = complete.last
        p50Ns = last?.row.p50Ns
        p99Ns = last?.row.p99Ns
        maxNs = last?.row.maxNs
        lagP99Ns = last?.row.lagP99Ns
        inFlight = last?.inFlight ?? 0
        succeeded = totals.allPhases.succeeded
        errors = totals.allPhases.errors
    }

    var errorText: String {
        let total = errors.total
        guard total > 0 else { return "errors 0" }
        let classes = ErrorClass.allCases.filter { errors[$0] > 0 }.sorted { errors[$0] > errors[$1] }
        return "errors \(Figure.count(total)): "
            + classes.map { "\($0.rawName) \(Figure.count(errors[$0]))" }.joined(separator: ", ")
    }

    var rateText: String {
        let achieved = "achieved \(Figure.rate(achieved.last))"
        return offered.map { "offered \(Figure.rate($0.last))  " + achieved } ?? achieved
    }

    var latencyText: String { "p50 \(Figure.time(ns: p50Ns))  p99 \(Figure.time(ns: p99Ns))  max \(Figure.time(ns: maxNs))" }
}

public enum LiveView {
    /// A line for a log: no colour, no cursor movement, its line feed included.
    public static func logLine(_ state: LiveState) -> String {
        let seconds = DecimalText.padded(DecimalText.fixed(state.elapsedS, digits: 0), 4)
        return "\(seconds) s  \(state.phase)  \(state.rateText)  \(state.latencyText)  in flight \(Figure.count(state.inFlight))"
            + "  \(state.errorText)\n"
    }

    /// The block's lines, none wider than `columns` characters.
    public static func lines(_ state: LiveState, columns: Int, style: Style) -> [String] {
        let left = max(0, state.durationS - state.elapsedS)
        let eta = left > 0 ? "ends in \(Figure.span(left))" : "draining"
        let phase = state.phase + (state.isMeasured ? "" : " (not measured)")
        let lag = state.lagP99Ns.map { "  start lag p99 \(Figure.time(ns: $0))" } ?? ""
        let texts: [(String, Style.Ink?)] = [
            ("\(state.profile)  \(phase)  \(bar(state.elapsedS, of: state.durationS, width: 24))  \(eta)", .strong),
            (
                "  \(state.rateText)  \(sparkline(state.achieved, ceiling: ((state.offered ?? []) + state.achieved).max() ?? 0))",
                nil
            ),
            ("  last second  \(state.latencyText)\(lag)", nil),
            (
                "  in flight \(Figure.count(state.inFlight))  succeeded \(Figure.count(state.succeeded))  \(state.errorText)",
                state.errors.total > 0 ? .bad : nil
            ),
        ]
        return texts.map { text, ink in
            let cut = text.count > columns ? String(text.prefix(max(0, columns - 1))) + "…" : text
            return ink.map { style.paint(cut, $0) } ?? cut
        }
    }

    /// What to write to a terminal to replace a block of `previous` lines (0 at first) by `lines`. The cursor ends
    /// below the block.
    public static func redraw(_ lines: [String], previous: Int) -> String {
        var text = previous > 0 ? "\u{1b}[\(previous)A" : ""
        for line in lines { text += "\r\u{1b}[2K\(line)\n" }
        // Lines of a longer old block.
        return previous > lines.count ? text + "\u{1b}[J" : text
    }

    static func bar(_ done: Double, of whole: Double, width: Int) -> String {
        let share = whole > 0 ? max(0, min(1, done / whole)) : 1
        let full = Int((share * Double(width)).rounded(.down))
        let percent = DecimalText.padded(DecimalText.fixed((share * 100).rounded(.down), digits: 0), 3)
        return String(repeating: "━", count: full) + String(repeating: "┄", count: width - full) + " \(percent) %"
    }

    /// One character per value, from 0 to `ceiling`.
    static func sparkline(_ values: [Double], ceiling: Double) -> String {
        let levels = Array("▁▂▃▄▅▆▇█")
        return String(
            values.map { value in
                guard ceiling > 0, value > 0 else { return levels[0] }
                return levels[max(0, min(levels.count - 1, Int((value / ceiling * Double(levels.count - 1)).rounded())))]
            })
    }
}
