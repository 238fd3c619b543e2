// The first real starts of a thread's measured sessions, for the test of the arrivals: bounded, written by the thread, read by
// the control thread up to the count that it sees.

import Synchronization

final class StartLog: @unchecked Sendable {
    static let capacity = 10_000
    private let times: UnsafeMutablePointer<UInt64>
    private let published = Atomic<Int>(0)

    init() {
        times = .allocate(capacity: Self.capacity)
        times.initialize(repeating: 0, count: Self.capacity)
    }

    deinit { times.deallocate() }

    /// What the thread writes to; it lives as long as this object.
    var notes: StartNotes { StartNotes(times: times) }

    /// By the thread alone, now and then: how many it has written.
    func publish(_ count: Int) { published.store(count, ordering: .releasing) }

    func read() -> [UInt64] { (0..<published.load(ordering: .acquiring)).map { times[$0] } }
}

/// The thread's end of it.
struct StartNotes {
    fileprivate let times: UnsafeMutablePointer<UInt64>
    private(set) var count = 0

    fileprivate init(times: UnsafeMutablePointer<UInt64>) { self.times = times }

    /// `ns` from the start of the run.
    mutating func note(_ ns: UInt64) {
        guard count < StartLog.capacity else { return }
        times[count] = ns
        count &+= 1
    }
}
