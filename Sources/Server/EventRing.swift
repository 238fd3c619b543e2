// The way from one worker to the log: a bounded ring of records with one writer and one reader, and no lock. A full
// ring takes nothing more and counts what was lost; the worker never waits. Words that both sides touch are an atomic
// each, the writer's and the reader's on cache lines of their own.
// Invariant: read <= written <= read + capacity, modulo 2^64. A reader that sleeps is woken by whatever is written
// after it has looked for the last time (see `sleep`).

import Synchronization

struct EventRing: @unchecked Sendable {
    private static let lineWords = 8
    private static let writtenWord = lineWords
    private static let lostWord = lineWords + 1
    private static let suppressedWord = 2 * lineWords
    /// On the reader's line: 1 while the reader sleeps.
    private static let sleepWord = 1
    private static let words = 2 * lineWords + 32

    private let records: UnsafeMutablePointer<EventRecord>
    private let state: UnsafeMutablePointer<Atomic<UInt64>>
    private let mask: UInt64

    /// `capacity` is rounded up to a power of two. The memory is freed by `deallocate` alone, after both sides have ended.
    init(capacity: Int) {
        var size = 2
        while size < capacity, size < 1 << 20 { size &*= 2 }
        records = .allocate(capacity: size)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Self.words * 8, alignment: 64)
        state = memory.bindMemory(to: Atomic<UInt64>.self, capacity: Self.words)
        for index in 0..<Self.words { (state + index).initialize(to: Atomic(0)) }
        mask = UInt64(size) &- 1
    }

    func deallocate() {
        records.deallocate()
        state.deinitialize(count: Self.words)
        UnsafeMutableRawPointer(state).deallocate()
    }

    var capacity: Int { Int(mask &+ 1) }

    // MARK: The writer's side

    /// False, and one more lost, when the reader is a whole ring behind.
    func push(_ record: EventRecord) -> Bool {
        let written = state[Self.writtenWord].load(ordering: .relaxed)
        guard written &- state[0].load(ordering: .acquiring) <= mask else {
            increment(Self.lostWord)
            return false
        }
        (records + Int(truncatingIfNeeded: written & mask)).initialize(to: record)
        state[Self.writtenWord].store(written &+ 1, ordering: .sequentiallyConsistent)
        return true
    }

    func countSuppressed(_ kind: EventKind) {
        let word = Self.suppressedWord &+ Int(kind.rawValue)
        state[word].store(state[word].load(ordering: .relaxed) &+ 1, ordering: .sequentiallyConsistent)
    }

    /// After `push` or `countSuppressed`: whether the reader sleeps and it falls to the caller to wake it.
    func mustWake() -> Bool {
        guard state[Self.sleepWord].load(ordering: .sequentiallyConsistent) == 1 else { return false }
        return state[Self.sleepWord].exchange(0, ordering: .sequentiallyConsistent) == 1
    }

    /// One writer: a load and a store do.
    private func increment(_ word: Int) {
        state[word].store(state[word].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    // MARK: The reader's side

    func pop() -> EventRecord? {
        let read = state[0].load(ordering: .relaxed)
        guard read != state[Self.writtenWord].load(ordering: .acquiring) else { return nil }
        let record = records[Int(truncatingIfNeeded: read & mask)]
        state[0].store(read &+ 1, ordering: .releasing)
        return record
    }

    /// Says that the reader is about to sleep. It then looks once more, by `isEmpty` and the counts, and sleeps only
    /// where there is nothing. Both sides write before they read, and these four accesses have one order for all
    /// threads (sequentially consistent): the reader sees what was written, or the writer sees that the reader sleeps.
    func sleep() { state[Self.sleepWord].store(1, ordering: .sequentiallyConsistent) }

    func wake() { state[Self.sleepWord].store(0, ordering: .relaxed) }

    var isEmpty: Bool { state[Self.writtenWord].load(ordering: .sequentiallyConsistent) == state[0].load(ordering: .relaxed) }

    /// Records that found the ring full, since the start.
    var lost: UInt64 { state[Self.lostWord].load(ordering: .relaxed) }

    /// Records of a kind that the worker held back, since the start.
    func suppressed(_ kind: EventKind) -> UInt64 {
        state[Self.suppressedWord &+ Int(kind.rawValue)].load(ordering: .sequentiallyConsistent)
    }
}
