// What a generator thread writes its samples into: single writer, no lock, no allocation in the steady state.
// Use: call `swapIfDue` once a turn, right after the wait and before handling events, with the turn's clock reading;
// bound the wait by `nextSwapNs`. Then a bank holds one second of the run, to within one turn of the loop.
// Invariant: steps and rows of the session table hold the measured phases only; the seconds hold all phases.

public struct Recorder: ~Copyable {
    @usableFromInline var bank: UnsafeMutablePointer<Bank>
    @usableFromInline let runStartNs: UInt64
    @usableFromInline let isOpen: Bool
    /// When the next hand-over is due: a whole second of the run, CLOCK_MONOTONIC nanoseconds.
    public private(set) var nextSwapNs: UInt64
    private let exchange: RecorderExchange

    /// Nanoseconds between hand-overs.
    public static let intervalNs: UInt64 = 1_000_000_000

    /// The one recorder of `exchange`.
    public init(_ exchange: RecorderExchange) {
        self.exchange = exchange
        bank = exchange.claim()
        runStartNs = exchange.runStartNs
        isOpen = exchange.model == .open
        nextSwapNs = exchange.runStartNs &+ Self.intervalNs
        open(second: 0)
    }

    /// A planned start fell due (open model), or a user begins a session (closed model). Once for each session, before
    /// its record. `plannedNs` places it in its second, even when it is told late.
    @inlinable
    public mutating func sessionDue(plannedNs: UInt64, measured: Bool) {
        if measured { bank.pointee.measured.planned &+= 1 } else { bank.pointee.unmeasured.planned &+= 1 }
        Bank.slot(bank, second(plannedNs)).pointee.planned &+= 1
    }

    /// A session really begins: connect is being called. Once for each session whose record has a `startNs`.
    /// In the open model its start lag is recorded here, so that a late generator shows in the second where it is late.
    @inlinable
    public mutating func sessionStarted(plannedNs: UInt64, startNs: UInt64, measured: Bool) {
        if measured { bank.pointee.measured.started &+= 1 } else { bank.pointee.unmeasured.started &+= 1 }
        Bank.slot(bank, second(startNs)).pointee.started &+= 1
        guard isOpen else { return }
        let lag = startNs > plannedNs ? startNs &- plannedNs : 0
        (measured ? bank.pointee.lag : bank.pointee.unmeasuredLag).pointee.record(lag)
    }

    /// A step ended well. `latencyNs` runs from the write of the command to the last octet of the reply.
    @inlinable
    public mutating func record(step: Step, auth: AuthMethod, transport: Transport, latencyNs: UInt64, measured: Bool) {
        guard measured else { return }
        record(latencyNs, in: bank.pointee.steps, StepLabel(step: step, auth: auth, transport: transport).index, .step)
    }

    /// A step failed, by a refusal, a fault or its time-out, `latencyNs` after it began; nil when it never began.
    /// It counts in its label's errors, and its time in the label's histogram of failures, never among those that ended well.
    @inlinable
    public mutating func record(failed step: Step, auth: AuthMethod, transport: Transport, latencyNs: UInt64?, measured: Bool) {
        guard measured else { return }
        let index = StepLabel(step: step, auth: auth, transport: transport).index
        bank.pointee.stepErrors[index] &+= 1
        if let latencyNs { record(latencyNs, in: bank.pointee.failedSteps, index, .step) }
    }

    @inlinable
    func record(_ latencyNs: UInt64, in table: UnsafeMutablePointer<Bank.Cells?>, _ index: Int, _ layout: HistogramLayout) {
        if let cells = table[index] {
            cells.pointee.record(latencyNs)
        } else {
            Bank.allocate(table, index, layout).pointee.record(latencyNs)
        }
    }

    /// A retrieval of the measured phases ended well, but late by the rule of `slot`.
    @inlinable
    public mutating func recordLate(slot: Int) {
        assert(slot >= 0 && slot < Bank.lateSlots, "a rule without a slot")
        guard slot >= 0, slot < Bank.lateSlots else { return }
        bank.pointee.late[slot] &+= 1
    }

    /// A session is over: once for each session that fell due, those in flight at the drain deadline included.
    @inlinable
    public mutating func record(session: SessionRecord) {
        if session.measured { bank.pointee.measured.count(session) } else { bank.pointee.unmeasured.count(session) }
        // What never began or never ended has no end of its own: it counts where the recorder stands.
        let end = session.endNs == 0 ? nextSwapNs &- 1 : session.endNs
        Bank.slot(bank, second(end)).pointee.count(session)
        recordLatency(session)
        if session.measured { recordRow(session) }
    }

    @inlinable
    mutating func recordLatency(_ session: SessionRecord) {
        guard session.startNs != 0, session.endNs != 0 else { return }
        let service = session.endNs > session.startNs ? session.endNs &- session.startNs : 0
        switch session.outcome {
        case .succeeded, .expectedRefusal:
            let corrected = session.endNs > session.plannedNs ? session.endNs &- session.plannedNs : 0
            let shown = isOpen ? corrected : service
            guard session.measured else {
                bank.pointee.unmeasuredLatency.pointee.record(shown)
                return
            }
            if isOpen { bank.pointee.corrected.pointee.record(corrected) }
            bank.pointee.service.pointee.record(service)
            let index = SessionLabel(auth: session.plannedAuth, transport: session.transport).index
            record(shown, in: bank.pointee.sessions, index, .session)
        case .failed: if session.measured { bank.pointee.failed.pointee.record(service) }
        case .cancelled, .inFlight: break
        }
    }

    @inlinable
    mutating func recordRow(_ session: SessionRecord) {
        let row = bank.pointee.rows + SessionLabel(auth: session.plannedAuth, transport: session.transport).index
        switch session.outcome {
        case .succeeded, .expectedRefusal: row.pointee.succeeded &+= 1
        case .failed: row.pointee.failed &+= 1
        case .cancelled, .inFlight: row.pointee.unfinished &+= 1
        }
        guard let from = session.fallbackFrom, session.outcome == .succeeded else { return }
        row.pointee.fallbacks &+= 1
        let cell = bank.pointee.fallbacks + (Int(from.rawValue) &* AuthMethod.count &+ Int(session.auth.rawValue))
        cell.pointee.count &+= 1
        cell.pointee.lostNs &+= session.fallbackLostNs
    }

    /// Hands the bank over when its second is full. Never blocks: when the collector is late the bank goes on filling.
    @inlinable
    public mutating func swapIfDue(nowNs: UInt64) {
        if nowNs >= nextSwapNs { handOver(nowNs: nowNs) }
    }

    /// The last hand-over, at the end of the thread. The collector sees the recorder as finished.
    public consuming func finish(nowNs: UInt64) {
        bank.pointee.closedNs = nowNs
        exchange.finish(bank)
    }

    @usableFromInline
    mutating func handOver(nowNs: UInt64) {
        let second = Int(truncatingIfNeeded: (nowNs &- runStartNs) / Self.intervalNs)
        nextSwapNs = runStartNs &+ UInt64(truncatingIfNeeded: second &+ 1) &* Self.intervalNs
        bank.pointee.closedNs = nowNs
        guard let spare = exchange.swap(bank) else { return }
        bank = spare
        open(second: second)
    }

    private func open(second: Int) { bank.pointee.firstSecond = second &- Bank.secondsBehind }

    /// The second of the run that a time falls into; before the start, second 0.
    @inlinable
    func second(_ timeNs: UInt64) -> Int {
        timeNs > runStartNs ? Int(truncatingIfNeeded: (timeNs &- runStartNs) / 1_000_000_000) : 0
    }
}
