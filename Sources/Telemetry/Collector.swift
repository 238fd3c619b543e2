// The control thread's side: takes full banks, merges them into the totals, the series and the open log interval.
// Invariant: every sample enters the totals exactly once; a round merges the same second of all threads, unless one of
// them is more than half a second behind. Memory is bounded: the log interval is merged in place until it is drained.

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
    private var rowLatency = LatencyHistogram(.session)
    private var rowLag = LatencyHistogram(.session)

    /// How long a full bank waits for those of the other threads.
    static let patienceNs: UInt64 = 500_000_000

    /// One exchange per generator thread. Second 0 begins at `runStartNs`, CLOCK_MONOTONIC nanoseconds.
    public init(threads: Int, runStartNs: UInt64, model: LoadModel) {
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
            rowIndex = index
            rowLatency.removeAll()
            rowLag.removeAll()
        }
        totals.grow(to: index)
        rowLatency.merge((totals.model == .open ? bank.corrected : bank.service).pointee)
        rowLatency.merge(bank.unmeasuredLatency.pointee)
        rowLag.merge(bank.lag.pointee)
        rowLag.merge(bank.unmeasuredLag.pointee)
        totals.seconds[index].samples = rowLatency.count
        totals.seconds[index].p50Ns = rowLatency.value(at: .p50)
        totals.seconds[index].p99Ns = rowLatency.value(at: .p99)
        totals.seconds[index].maxNs = rowLatency.maximum
        totals.seconds[index].lagP99Ns = rowLag.value(at: .p99)
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
