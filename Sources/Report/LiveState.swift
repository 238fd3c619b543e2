// What the live view, the log line and the JSON line of a second are made from: where the run stands, its last complete
// second, its last ten, and how the generator itself fares. Taken on the control thread, from what was merged already.

public import Telemetry

public struct LiveState: Sendable, Equatable {
    /// Where the run stands. The edges are the seconds at which a phase ends and another begins.
    public struct Place: Sendable, Equatable {
        public var profile: String
        public var phase: String
        public var isMeasured: Bool
        /// Seconds into the run, and its planned length.
        public var elapsedS: Double
        public var durationS: Double
        public var edges: [Double]

        public init(
            profile: String, phase: String, isMeasured: Bool, elapsedS: Double, durationS: Double, edges: [Double] = []
        ) {
            self.profile = profile
            self.phase = phase
            self.isMeasured = isMeasured
            self.elapsedS = elapsedS
            self.durationS = durationS
            self.edges = edges
        }
    }

    /// Session latency over some time, nanoseconds; nil where no session ended well.
    public struct Window: Sendable, Equatable {
        public var name: String
        public var p50Ns: UInt64?
        public var p99Ns: UInt64?
        public var maxNs: UInt64?

        init(_ name: String, _ histogram: LatencyHistogram) {
            self.name = name
            p50Ns = histogram.value(at: .p50)
            p99Ns = histogram.value(at: .p99)
            maxNs = histogram.maximum
        }
    }

    public var place: Place
    /// Sessions per second, second by second, the last complete one at the end; nothing is offered in the closed model.
    public var offered: [Double]?
    public var achieved: [Double]
    /// The last second, the last ten, the measured part of the run.
    public var windows: [Window]
    public var lagP99Ns: UInt64?
    public var inFlight: UInt64
    /// Ended well so far, all phases.
    public var succeeded: UInt64
    /// Failed so far by class, all phases.
    public var errors: ErrorCounts
    public var lamp: Lamp?

    /// From the collector, after a `poll`. `history`: how many seconds the sparklines can show.
    public init(_ collector: Collector, _ place: Place, lamp: Lamp? = nil, history: Int = 60) {
        self.place = place
        self.lamp = lamp
        let totals = collector.totals
        let complete = totals.series.prefix { $0.second < collector.completeSeconds }
        let shown = complete.suffix(history)
        offered = totals.model == .open ? shown.map(\.offeredPerS) : nil
        achieved = shown.map(\.achievedPerS)
        windows = [
            Window("last second", collector.recentLatency(seconds: 1)), Window("last 10 s", collector.recentLatency(seconds: 10)),
            Window("measured", totals.model == .open ? totals.latency.corrected : totals.latency.service),
        ]
        lagP99Ns = complete.last?.row.lagP99Ns
        inFlight = complete.last?.inFlight ?? 0
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

    /// Of the last second, on one line.
    var latencyText: String {
        let last = windows.first
        return "p50 \(Figure.time(ns: last?.p50Ns))  p99 \(Figure.time(ns: last?.p99Ns))  max \(Figure.time(ns: last?.maxNs))"
    }
}

/// How the generator itself fares: a lamp and the reason for its colour.
public struct Lamp: Sendable, Equatable {
    public enum Colour: String, Sendable { case green, yellow, red }

    public var colour: Colour
    public var text: String

    public init(_ colour: Colour, _ text: String) {
        self.colour = colour
        self.text = text
    }

    /// - Parameters:
    ///   - flag: what makes the run invalid, once it has been seen; red.
    ///   - isBurdened: whether something is near it at the moment; yellow.
    ///   - busiestShare: CPU time over time of the busiest thread in the last second, 0...1.
    public init(flag: String?, isBurdened: Bool, lagP99Ns: UInt64?, busiestShare: Double) {
        let lag = lagP99Ns.map { "start lag p99 \(Figure.time(ns: $0)), " } ?? ""
        let busy = "busiest thread \(Figure.share((busiestShare * 100).rounded() / 100)) of a CPU"
        if let flag {
            self.init(.red, flag)
        } else if isBurdened {
            self.init(.yellow, "strained: \(lag)\(busy)")
        } else {
            self.init(.green, lag + busy)
        }
    }
}
