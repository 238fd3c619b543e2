// The first real starts of a thread's measured sessions, for the test of the arrivals: bounded, written by the thread, read by
// the control thread up to the count that it sees.

import Synchronization

final class StartLog: @unchecked Sendable {
    static let capacity = 10_000
    private let times: UnsafeMutablePointer<UInt64>
    private let filled = Atomic<Int>(0)

    init() { times = .allocate(capacity: Self.capacity) }

    deinit { times.deallocate() }

    /// By the thread alone. `ns` from the start of the run.
    func note(_ ns: UInt64) {
        let next = filled.load(ordering: .relaxed)
        guard next < Self.capacity else { return }
        (times + next).initialize(to: ns)
        filled.store(next &+ 1, ordering: .releasing)
    }

    func read() -> [UInt64] { (0..<filled.load(ordering: .acquiring)).map { times[$0] } }
}
