// Everything that one generator thread records between two hand-overs, in flat memory behind raw pointers.
// Invariant: one owner at a time (the recorder, or the collector after the hand-over); histograms of a label are
// allocated at its first sample and kept for the life of the run, so the steady state allocates nothing.

/// What is counted per row of the session table.
@usableFromInline
struct SessionRow: Sendable {
    @usableFromInline var succeeded: UInt64 = 0
    @usableFromInline var failed: UInt64 = 0
    /// Cancelled, or in flight at the end.
    @usableFromInline var unfinished: UInt64 = 0
    @usableFromInline var fallbacks: UInt64 = 0
}

/// Saved sessions that changed the method on the way, and what it cost them.
@usableFromInline
struct FallbackCell: Sendable {
    @usableFromInline var count: UInt64 = 0
    @usableFromInline var lostNs: UInt64 = 0
}

@usableFromInline
struct Bank {
    /// Seconds that a bank can tell apart; what lies outside falls into the nearest one.
    @usableFromInline static let secondsKept = 64
    /// Of them, how many lie before the second in which the bank was opened (late starts count in their planned second).
    @usableFromInline static let secondsBehind = 56

    /// Rules that tell late retrievals.
    @usableFromInline static let lateSlots = 8

    @usableFromInline typealias Cells = UnsafeMutablePointer<LatencyCells>

    @usableFromInline var measured = SessionCounts()
    @usableFromInline var unmeasured = SessionCounts()
    /// The run's second that `seconds[0]` stands for; may be negative at the start of the run.
    @usableFromInline var firstSecond = 0
    /// The hand-over: what the bank holds lies before this time.
    @usableFromInline var closedNs: UInt64 = 0
    @usableFromInline let seconds: UnsafeMutablePointer<SessionCounts>
    @usableFromInline let steps: UnsafeMutablePointer<Cells?>
    /// Of the steps that failed.
    @usableFromInline let failedSteps: UnsafeMutablePointer<Cells?>
    @usableFromInline let stepErrors: UnsafeMutablePointer<UInt64>
    @usableFromInline let sessions: UnsafeMutablePointer<Cells?>
    @usableFromInline let rows: UnsafeMutablePointer<SessionRow>
    @usableFromInline let fallbacks: UnsafeMutablePointer<FallbackCell>
    /// Retrievals that were late, by the rule's slot.
    @usableFromInline let late: UnsafeMutablePointer<UInt64>
    @usableFromInline let corrected: Cells
    @usableFromInline let service: Cells
    @usableFromInline let failed: Cells
    @usableFromInline let lag: Cells
    /// Of the phases that are not measured: for the time series only.
    @usableFromInline let unmeasuredLatency: Cells
    @usableFromInline let unmeasuredLag: Cells

    static func make() -> UnsafeMutablePointer<Bank> {
        func filled<Value>(_ value: Value, _ count: Int) -> UnsafeMutablePointer<Value> {
            let memory = UnsafeMutablePointer<Value>.allocate(capacity: count)
            memory.initialize(repeating: value, count: count)
            return memory
        }
        let bank = UnsafeMutablePointer<Bank>.allocate(capacity: 1)
        bank.initialize(
            to: Bank(
                seconds: filled(SessionCounts(), secondsKept),
                steps: filled(nil, StepLabel.count),
                failedSteps: filled(nil, StepLabel.count),
                stepErrors: filled(0, StepLabel.count),
                sessions: filled(nil, SessionLabel.count),
                rows: filled(SessionRow(), SessionLabel.count),
                fallbacks: filled(FallbackCell(), AuthMethod.count * AuthMethod.count),
                late: filled(0, lateSlots),
                corrected: LatencyCells.make(.session),
                service: LatencyCells.make(.session),
                failed: LatencyCells.make(.session),
                lag: LatencyCells.make(.session),
                unmeasuredLatency: LatencyCells.make(.session),
                unmeasuredLag: LatencyCells.make(.session)))
        return bank
    }

    static func free(_ bank: UnsafeMutablePointer<Bank>) {
        for index in 0..<StepLabel.count {
            if let cells = bank.pointee.steps[index] { LatencyCells.free(cells) }
            if let cells = bank.pointee.failedSteps[index] { LatencyCells.free(cells) }
        }
        for index in 0..<SessionLabel.count { if let cells = bank.pointee.sessions[index] { LatencyCells.free(cells) } }
        for cells in bank.pointee.fixedCells { LatencyCells.free(cells) }
        bank.pointee.seconds.deallocate()
        bank.pointee.steps.deallocate()
        bank.pointee.failedSteps.deallocate()
        bank.pointee.stepErrors.deallocate()
        bank.pointee.sessions.deallocate()
        bank.pointee.rows.deallocate()
        bank.pointee.fallbacks.deallocate()
        bank.pointee.late.deallocate()
        bank.deallocate()
    }

    private var fixedCells: [Cells] { [corrected, service, failed, lag, unmeasuredLatency, unmeasuredLag] }

    /// Back to empty. On the control thread, after the merge.
    mutating func clear() {
        measured = SessionCounts()
        unmeasured = SessionCounts()
        seconds.update(repeating: SessionCounts(), count: Self.secondsKept)
        for index in 0..<StepLabel.count {
            steps[index]?.pointee.clear()
            failedSteps[index]?.pointee.clear()
        }
        stepErrors.update(repeating: 0, count: StepLabel.count)
        for index in 0..<SessionLabel.count { sessions[index]?.pointee.clear() }
        rows.update(repeating: SessionRow(), count: SessionLabel.count)
        fallbacks.update(repeating: FallbackCell(), count: AuthMethod.count * AuthMethod.count)
        late.update(repeating: 0, count: Self.lateSlots)
        for cells in fixedCells { cells.pointee.clear() }
    }

    /// The slow path of a label's first sample.
    @usableFromInline
    static func allocate(_ table: UnsafeMutablePointer<Cells?>, _ index: Int, _ layout: HistogramLayout) -> Cells {
        let cells = LatencyCells.make(layout)
        table[index] = cells
        return cells
    }

    /// The counters of the second that `second` (of the run) falls into.
    @inlinable
    static func slot(_ bank: UnsafeMutablePointer<Bank>, _ second: Int) -> UnsafeMutablePointer<SessionCounts> {
        bank.pointee.seconds + max(0, min(secondsKept &- 1, second &- bank.pointee.firstSecond))
    }
}
