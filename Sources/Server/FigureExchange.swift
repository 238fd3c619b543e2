// One worker's figures for another thread: the other asks by a number, the worker copies its counters into the slot and
// answers with that number. The worker writes the slot only while a question is open, the asker reads it only after its
// own question was answered, so the two never meet there. The last figures of a worker that ends have a slot of their own.

import Synchronization

/// What a worker hands over.
struct WorkerFigures {
    var counters = Counters()
    /// Connections open, by the kind of their listener.
    var openClear: UInt64 = 0
    var openEncrypted: UInt64 = 0
    /// Bytes that the worker's thread has ever allocated, by the allocator's own count; nil where it keeps none.
    var allocatedBytes: UInt64?

    /// One line of `name=value` pairs, for SIGUSR1 and `--counters`.
    func text(worker number: Int) -> String {
        "worker \(number): \(counters.text) thread_allocated_bytes=\(allocatedBytes.map { "\($0)" } ?? "unknown")\n"
    }
}

final class FigureExchange: @unchecked Sendable {
    private let slot: UnsafeMutablePointer<WorkerFigures>
    private let asked = Atomic<UInt64>(0)
    private let answered = Atomic<UInt64>(0)
    private let isOver = Atomic<Bool>(false)

    init() {
        slot = .allocate(capacity: 2)
        slot.initialize(repeating: WorkerFigures(), count: 2)
    }

    deinit { slot.deallocate() }

    /// The worker's side: answers the latest question, once.
    func answer(_ figures: @autoclosure () -> WorkerFigures) {
        let question = asked.load(ordering: .acquiring)
        guard question != answered.load(ordering: .relaxed) else { return }
        slot.pointee = figures()
        answered.store(question, ordering: .releasing)
    }

    /// The worker's side: nothing changes from here on. Call it once.
    func finish(_ figures: WorkerFigures) {
        slot[1] = figures
        isOver.store(true, ordering: .releasing)
    }

    /// The asker's side, one thread at a time: opens a question. An older one needs no answer any more.
    func ask() -> UInt64 { asked.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue }

    /// The answer, when it has come. `question` must be the latest.
    func answer(to question: UInt64) -> WorkerFigures? {
        if isOver.load(ordering: .acquiring) { return slot[1] }
        return answered.load(ordering: .acquiring) == question ? slot.pointee : nil
    }
}
