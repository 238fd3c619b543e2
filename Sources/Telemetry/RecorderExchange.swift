// The hand-over between one recorder and the collector: two banks and one atomic slot.
// Invariant: the slot holds the address of the bank that the recorder does not own; its lowest bit says that the bank
// is full. Only the recorder sets the bit, only the collector clears it, so neither ever waits for the other.

internal import Synchronization

public final class RecorderExchange: @unchecked Sendable {
    /// The start of the run, CLOCK_MONOTONIC nanoseconds: second 0 of the series.
    public let runStartNs: UInt64
    public let model: LoadModel
    private let first: UnsafeMutablePointer<Bank>
    private let second: UnsafeMutablePointer<Bank>
    private let slot: Atomic<UInt>
    /// The bank of a recorder that has finished; 0 until then.
    private let last: Atomic<UInt>
    private let claimed: Atomic<Bool>
    private let late: Atomic<UInt64>

    public init(runStartNs: UInt64, model: LoadModel) {
        self.runStartNs = runStartNs
        self.model = model
        first = Bank.make()
        second = Bank.make()
        slot = Atomic(UInt(bitPattern: second))
        last = Atomic(0)
        claimed = Atomic(false)
        late = Atomic(0)
    }

    deinit {
        Bank.free(first)
        Bank.free(second)
    }

    // MARK: The recorder's side

    /// The bank that the recorder starts with. Once per exchange.
    func claim() -> UnsafeMutablePointer<Bank> {
        precondition(!claimed.exchange(true, ordering: .acquiringAndReleasing), "an exchange serves one recorder")
        return first
    }

    /// Gives `full` away and returns the spare bank; nil, and nothing given, while the collector still has that one.
    func swap(_ full: UnsafeMutablePointer<Bank>) -> UnsafeMutablePointer<Bank>? {
        let held = slot.load(ordering: .acquiring)
        guard held & 1 == 0, let spare = UnsafeMutablePointer<Bank>(bitPattern: held) else {
            late.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        slot.store(UInt(bitPattern: full) | 1, ordering: .releasing)
        return spare
    }

    func finish(_ full: UnsafeMutablePointer<Bank>) {
        last.store(UInt(bitPattern: full), ordering: .releasing)
    }

    // MARK: The collector's side

    /// Whether the recorder has made its last hand-over.
    var isFinished: Bool { last.load(ordering: .acquiring) != 0 }

    var hasFull: Bool { slot.load(ordering: .acquiring) & 1 == 1 }

    /// Hand-overs put off because the collector was late.
    var lateHandovers: UInt64 { late.load(ordering: .relaxed) }

    /// Lets `merge` read the full bank, if there is one, then gives it back empty.
    func takeFull(_ merge: (UnsafeMutablePointer<Bank>) -> Void) {
        let held = slot.load(ordering: .acquiring)
        guard held & 1 == 1, let bank = UnsafeMutablePointer<Bank>(bitPattern: held & ~1) else { return }
        merge(bank)
        bank.pointee.clear()
        slot.store(held & ~1, ordering: .releasing)
    }

    /// Lets `merge` read the bank of a finished recorder, after `takeFull`; false when it has not finished.
    func takeLast(_ merge: (UnsafeMutablePointer<Bank>) -> Void) -> Bool {
        guard let bank = UnsafeMutablePointer<Bank>(bitPattern: last.load(ordering: .acquiring)) else { return false }
        merge(bank)
        bank.pointee.clear()
        return true
    }
}
