// What a run amounts to: counters, histograms and the series, merged exactly over all threads. A value that grows by
// one bank at a time. Invariant: histograms, steps, rows and fallbacks cover the measured phases; `allPhases` and the
// series cover the whole run.

/// One second of the run, all phases. Counts stand in the second in which the thing happened: planned starts in their
/// planned second, starts in theirs, ends in theirs.
public struct SecondRow: Sendable, Equatable {
    public var counts = SessionCounts()
    /// Sessions that ended well in this second, as the recorders handed them over (to within a turn of their loops).
    public var samples: UInt64 = 0
    /// Their latency, nanoseconds; corrected in the open model, service in the closed one. Plain nearest rank, with no
    /// minimum of samples: the series shows `samples` beside it.
    public var p50Ns: UInt64?
    public var p99Ns: UInt64?
    public var maxNs: UInt64?
    /// Start lag of the sessions begun in this second, nanoseconds; nil in the closed model.
    public var lagP99Ns: UInt64?

    public init() {}
}

/// A second of the series with what is cumulative in it.
public struct SeriesRow: Sendable, Equatable {
    /// Seconds since the start of the run.
    public var second: Int
    /// Length, 1 but for the last row, seconds.
    public var lengthS: Double
    public var row: SecondRow
    /// Sessions open at the end of the second: begun so far less ended so far.
    public var inFlight: UInt64

    /// Planned starts per second (open model).
    public var offeredPerS: Double { Double(row.counts.planned) / lengthS }
    /// Successful sessions per second.
    public var achievedPerS: Double { Double(row.counts.succeeded) / lengthS }
}

/// Sessions of the measured phases by the first method planned and the transport.
public struct SessionRowTotals: Sendable, Equatable {
    public var succeeded: UInt64 = 0
    public var failed: UInt64 = 0
    /// Cancelled, or in flight at the end.
    public var unfinished: UInt64 = 0
    /// Succeeded only by another method.
    public var fallbacks: UInt64 = 0
    /// Latency of the succeeded: corrected in the open model, service in the closed one.
    public var latency: LatencyHistogram?

    public init() {}

    public var sessions: UInt64 { succeeded &+ failed &+ unfinished }
}

public struct FallbackTotals: Sendable, Equatable {
    public var from: AuthMethod
    public var to: AuthMethod
    public var count: UInt64
    public var lostNs: UInt64
}

/// The latency histograms that steps.hlog carries, over some span of time.
public struct LatencySet: Sendable, Equatable {
    public var corrected = LatencyHistogram(.session)
    public var service = LatencyHistogram(.session)
    public var failed = LatencyHistogram(.session)
    public var lag = LatencyHistogram(.session)
    var steps = [LatencyHistogram?](repeating: nil, count: StepLabel.count)
    var failedSteps = [LatencyHistogram?](repeating: nil, count: StepLabel.count)

    public init() {}

    public subscript(label: StepLabel) -> LatencyHistogram? { steps[label.index] }

    /// The steps of a label that failed after they had begun.
    public func failed(_ label: StepLabel) -> LatencyHistogram? { failedSteps[label.index] }

    /// Every histogram that holds a sample, with its tag in steps.hlog.
    public func visit<Failure: Error>(_ body: (String, LatencyHistogram) throws(Failure) -> Void) throws(Failure) {
        for (tag, histogram) in [
            ("session.corrected", corrected), ("session.service", service), ("session.failed", failed), ("start_lag", lag),
        ] where histogram.count > 0 { try body(tag, histogram) }
        for index in steps.indices {
            guard let label = StepLabel(index: index) else { continue }
            if let histogram = steps[index], histogram.count > 0 { try body(label.tag, histogram) }
            if let histogram = failedSteps[index], histogram.count > 0 { try body(label.tag + ".failed", histogram) }
        }
    }

    public var isEmpty: Bool {
        corrected.count == 0 && service.count == 0 && failed.count == 0 && lag.count == 0
            && (steps + failedSteps).allSatisfy { ($0?.count ?? 0) == 0 }
    }

    mutating func merge(_ bank: Bank) {
        corrected.merge(bank.corrected.pointee)
        service.merge(bank.service.pointee)
        failed.merge(bank.failed.pointee)
        lag.merge(bank.lag.pointee)
        for index in 0..<StepLabel.count {
            Self.merge(bank.steps[index], into: &steps[index])
            Self.merge(bank.failedSteps[index], into: &failedSteps[index])
        }
    }

    private static func merge(_ cells: Bank.Cells?, into histogram: inout LatencyHistogram?) {
        guard let cells, cells.pointee.count > 0 else { return }
        if histogram == nil { histogram = LatencyHistogram(.step) }
        histogram?.merge(cells.pointee)
    }

    mutating func removeAll() {
        corrected.removeAll()
        service.removeAll()
        failed.removeAll()
        lag.removeAll()
        for index in steps.indices {
            steps[index]?.removeAll()
            failedSteps[index]?.removeAll()
        }
    }
}

public struct RunTotals: Sendable {
    public let model: LoadModel
    /// CLOCK_MONOTONIC nanoseconds of second 0.
    public let runStartNs: UInt64
    /// The end of what has been merged so far, CLOCK_MONOTONIC nanoseconds.
    public internal(set) var endNs: UInt64
    public internal(set) var measured = SessionCounts()
    public internal(set) var allPhases = SessionCounts()
    /// Histograms of the measured phases.
    public internal(set) var latency = LatencySet()
    /// Second by second; those of a long run that were given away (`retire`) are missing at the front.
    public internal(set) var seconds: [SecondRow] = []
    /// The second that `seconds[0]` is.
    public internal(set) var firstSecond = 0
    /// Sessions open at its start.
    var openBefore: UInt64 = 0
    /// What is kept of every second, for the tests of a whole run.
    var retiredPaces: [Pace] = []
    /// Hand-overs put off because the collector was late: a second of the series may then hold more than it should.
    public internal(set) var lateHandovers: UInt64 = 0
    /// Late retrievals of the measured phases, by the slot of their rule.
    public internal(set) var late = [UInt64](repeating: 0, count: Bank.lateSlots)
    var stepErrors = [UInt64](repeating: 0, count: StepLabel.count)
    var rows = [SessionRowTotals](repeating: SessionRowTotals(), count: SessionLabel.count)
    var fallbackCells = [FallbackCell](repeating: FallbackCell(), count: AuthMethod.count * AuthMethod.count)

    public init(model: LoadModel, runStartNs: UInt64) {
        self.model = model
        self.runStartNs = runStartNs
        endNs = runStartNs
    }

    /// Failed steps of a label, attempts saved by a fallback included.
    public func errors(of label: StepLabel) -> UInt64 { stepErrors[label.index] }

    public subscript(label: SessionLabel) -> SessionRowTotals { rows[label.index] }

    /// Labels of the step matrix with a sample or an error, in the order of their definition.
    public var usedSteps: [StepLabel] {
        (0..<StepLabel.count).compactMap { index in
            (latency.steps[index]?.count ?? 0) > 0 || stepErrors[index] > 0 ? StepLabel(index: index) : nil
        }
    }

    /// Rows of the session table that are not empty, in the order of their definition.
    public var usedSessions: [SessionLabel] {
        (0..<SessionLabel.count).compactMap { rows[$0].sessions > 0 ? SessionLabel(index: $0) : nil }
    }

    /// Saved sessions by method planned and method in use.
    public var fallbacks: [FallbackTotals] {
        fallbackCells.indices.compactMap { index in
            let cell = fallbackCells[index]
            guard cell.count > 0, let from = AuthMethod(rawValue: UInt8(index / AuthMethod.count)),
                let to = AuthMethod(rawValue: UInt8(index % AuthMethod.count))
            else { return nil }
            return FallbackTotals(from: from, to: to, count: cell.count, lostNs: cell.lostNs)
        }
    }

    /// Samples beyond the histograms' range (one hour): counted, their maximum kept.
    public var clampedSamples: UInt64 {
        var sum = latency.corrected.clamped &+ latency.service.clamped &+ latency.failed.clamped &+ latency.lag.clamped
        for histogram in latency.steps + latency.failedSteps { sum &+= histogram?.clamped ?? 0 }
        return sum
    }

    /// The series with the sessions in flight at the end of each second.
    public var series: [SeriesRow] {
        var open = openBefore
        return seconds.indices.map { index in
            let counts = seconds[index].counts
            open = (open &+ counts.started) &- min(counts.endedAfterStart, open &+ counts.started)
            let second = firstSecond + index
            let start = runStartNs &+ UInt64(second) &* Recorder.intervalNs
            let last = index == seconds.count - 1
            let length = last && endNs > start ? min(1, Double(endNs - start) / 1e9) : 1
            return SeriesRow(second: second, lengthS: length, row: seconds[index], inFlight: open)
        }
    }

    /// A second in twelve octets: what the tests of a whole run need of it, however long it is.
    public struct Pace: Sendable, Equatable {
        public var succeeded: UInt32
        /// Median latency, nanoseconds; nil without a sample.
        public var p50Ns: Float?

        init(_ row: SecondRow) {
            succeeded = UInt32(clamping: row.counts.succeeded)
            p50Ns = row.p50Ns.map { Float($0) }
        }
    }

    /// Every second of the run from second 0, those given away included.
    public var paces: [Pace] { retiredPaces + seconds.map { Pace($0) } }

    /// The row of a second; nil when it is not there yet, or not any more.
    public func row(at second: Int) -> SecondRow? {
        let index = second - firstSecond
        return seconds.indices.contains(index) ? seconds[index] : nil
    }

    /// Gives away the rows before `second`. What is counted for them later counts in the first row kept.
    mutating func retire(before second: Int) -> [SeriesRow] {
        let rows = Array(series.prefix { $0.second < second })
        guard let last = rows.last, rows.count < seconds.count else { return [] }
        retiredPaces += rows.map { Pace($0.row) }
        openBefore = last.inFlight
        firstSecond = last.second + 1
        seconds.removeFirst(rows.count)
        return rows
    }

    mutating func merge(_ bank: Bank) {
        measured.add(bank.measured)
        allPhases.add(bank.measured)
        allPhases.add(bank.unmeasured)
        latency.merge(bank)
        endNs = max(endNs, bank.closedNs)
        for index in 0..<StepLabel.count { stepErrors[index] &+= bank.stepErrors[index] }
        for slot in late.indices { late[slot] &+= bank.late[slot] }
        for index in 0..<SessionLabel.count {
            let row = bank.rows[index]
            rows[index].succeeded &+= row.succeeded
            rows[index].failed &+= row.failed
            rows[index].unfinished &+= row.unfinished
            rows[index].fallbacks &+= row.fallbacks
            guard let cells = bank.sessions[index], cells.pointee.count > 0 else { continue }
            if rows[index].latency == nil { rows[index].latency = LatencyHistogram(.session) }
            rows[index].latency?.merge(cells.pointee)
        }
        for index in fallbackCells.indices {
            fallbackCells[index].count &+= bank.fallbacks[index].count
            fallbackCells[index].lostNs &+= bank.fallbacks[index].lostNs
        }
        for slot in 0..<Bank.secondsKept where bank.seconds[slot] != SessionCounts() {
            let second = max(firstSecond, bank.firstSecond + slot)
            grow(to: second)
            seconds[second - firstSecond].counts.add(bank.seconds[slot])
        }
    }

    mutating func grow(to second: Int) {
        while firstSecond + seconds.count <= second { seconds.append(SecondRow()) }
    }
}

extension LatencySet {
    /// One step over all methods and transports, or over those named: exact merge. nil when nothing was recorded.
    public func merged(_ step: Step, auth: AuthMethod? = nil, transport: Transport? = nil) -> LatencyHistogram? {
        var sum: LatencyHistogram?
        for index in steps.indices {
            guard let histogram = steps[index], histogram.count > 0, let label = StepLabel(index: index), label.step == step,
                auth == nil || auth == label.auth, transport == nil || transport == label.transport
            else { continue }
            if sum == nil { sum = histogram } else { sum?.merge(histogram) }
        }
        return sum
    }
}
