// The control thread's side: takes full banks, merges them into the totals, the series and the open log interval.
// Invariant: every sample enters the totals exactly once; a round merges the same second of all threads, unless one of
// them is more than half a second behind. Memory is bounded: the log interval is merged in place until it is drained, and
// rows of the series that nothing changes any more are given away (`takeSettledRows`), all but twelve octets each.

public final class Collector {
    public private(set) var totals: RunTotals
    public let exchanges: [RecorderExchange]
    /// Whole seconds of the series that all threads have handed over.
    public private(set) var completeSeconds = 0
    private var finished: [Bool]
    private var waitingSinceNs: UInt64?
    private var interval = LatencySet()
    private var intervalStartNs: UInt64
    private var rowIndex = -1
    /// Session latency of the last seconds, each at its second modulo the length.
    private var recent = [LatencyHistogram](repeating: LatencyHistogram(.session), count: Collector.recentSeconds)
    private var rowLag = LatencyHistogram(.session)

    /// How long a full bank waits for those of the other threads.
    static let patienceNs: UInt64 = 500_000_000
    /// Seconds whose latency can be asked for together.
    public static let recentSeconds = 10
    /// Rows of the series that stay here; a sixtieth of them is given away at once.
    let rowsKept: Int
    private var rowsGiven: Int { max(1, rowsKept / 60) }

    /// One exchange per generator thread. Second 0 begins at `runStartNs`, CLOCK_MONOTONIC nanoseconds.
    /// `rowsKept`: seconds of the series that stay here.
    public init(threads: Int, runStartNs: UInt64, model: LoadModel, rowsKept: Int = 3600) {
        self.rowsKept = rowsKept
        totals = RunTotals(model: model, runStartNs: runStartNs)
        exchanges = (0..<threads).map { _ in RecorderExchange(runStartNs: runStartNs, model: model) }
        finished = [Bool](repeating: false, count: threads)
        intervalStartNs = runStartNs
    }

    /// Whether every recorder has finished and been merged.
    public var isFinished: Bool { finished.allSatisfy { $0 } }

    /// Looks for full banks; some ten times a second is right. True when something was merged.
    @discardableResult
    public func poll(nowNs: UInt64) -> Bool {
        var full = 0
        var running = 0
        var ended = false
        for index in exchanges.indices where !finished[index] {
            if exchanges[index].isFinished {
                ended = true
            } else {
                running += 1
                if exchanges[index].hasFull { full += 1 }
            }
        }
        guard full > 0 || (ended && running == 0) else { return false }
        let since = waitingSinceNs ?? nowNs
        waitingSinceNs = since
        guard full == running || nowNs &- since >= Self.patienceNs else { return false }
        waitingSinceNs = nil
        mergeRound()
        return true
    }

    private func mergeRound() {
        let before = totals.endNs
        // A finished recorder's full bank is older than its last one: whether it has finished is read first.
        let ended = exchanges.map(\.isFinished)
        for index in exchanges.indices where !finished[index] { exchanges[index].takeFull { merge($0.pointee) } }
        for index in exchanges.indices where ended[index] && !finished[index] {
            finished[index] = exchanges[index].takeLast { merge($0.pointee) }
        }
        totals.lateHandovers = exchanges.reduce(0) { $0 &+ $1.lateHandovers }
        guard totals.endNs > before else { return }
        let elapsed = Int(truncatingIfNeeded: (totals.endNs - totals.runStartNs) / Recorder.intervalNs)
        completeSeconds = max(completeSeconds, elapsed)
    }

    private func merge(_ bank: Bank) {
        totals.merge(bank)
        interval.merge(bank)
        mergeRow(bank)
    }

    /// The second's latency figures. A bank that closes just after a whole second belongs to the second before.
    private func mergeRow(_ bank: Bank) {
        let sinceStart = bank.closedNs > totals.runStartNs ? bank.closedNs - totals.runStartNs : 0
        let closing = Int(truncatingIfNeeded: sinceStart / Recorder.intervalNs)
        // firstSecond places the second in which the bank was opened; a bank of one second closes in the next one.
        let index = max(bank.firstSecond + Bank.secondsBehind, closing - 1, rowIndex)
        if index != rowIndex {
            for second in max(rowIndex + 1, index - Self.recentSeconds + 1)...index {
                recent[second % Self.recentSeconds].removeAll()
            }
            rowIndex = index
            rowLag.removeAll()
        }
        totals.grow(to: index)
        let place = index % Self.recentSeconds
        recent[place].merge((totals.model == .open ? bank.corrected : bank.service).pointee)
        recent[place].merge(bank.unmeasuredLatency.pointee)
        rowLag.merge(bank.lag.pointee)
        rowLag.merge(bank.unmeasuredLag.pointee)
        let row = index - totals.firstSecond
        totals.seconds[row].samples = recent[place].count
        totals.seconds[row].p50Ns = recent[place].value(at: .p50)
        totals.seconds[row].p99Ns = recent[place].value(at: .p99)
        totals.seconds[row].maxNs = recent[place].maximum
        totals.seconds[row].lagP99Ns = rowLag.value(at: .p99)
    }

    /// Session latency of the last `seconds` seconds merged, `recentSeconds` at the most: corrected in the open model,
    /// service in the closed one, all phases.
    public func recentLatency(seconds: Int) -> LatencyHistogram {
        var sum = LatencyHistogram(.session)
        guard rowIndex >= 0 else { return sum }
        for second in max(0, rowIndex - min(seconds, Self.recentSeconds) + 1)...rowIndex {
            sum.merge(recent[second % Self.recentSeconds])
        }
        return sum
    }

    /// Rows that are older than those kept, some at a time or none, in their order: for series.csv, while a long run goes on.
    public func takeSettledRows() -> [SeriesRow] {
        let settled = min(completeSeconds, rowIndex) - rowsKept
        guard settled - totals.firstSecond >= rowsGiven else { return [] }
        return totals.retire(before: settled)
    }

    /// Gives the histograms gathered since the last call (or the start) to `body`, with the span they cover, and starts
    /// the next interval. For steps.hlog: call after `poll`, at whatever pace the log is to have.
    public func drainInterval<Failure: Error>(
        _ body: (_ startNs: UInt64, _ endNs: UInt64, _ latencies: LatencySet) throws(Failure) -> Void
    ) throws(Failure) {
        let end = max(totals.endNs, intervalStartNs)
        try body(intervalStartNs, end, interval)
        interval.removeAll()
        intervalStartNs = end
    }
}
