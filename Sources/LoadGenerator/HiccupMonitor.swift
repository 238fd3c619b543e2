// What the machine itself does to a thread that only sleeps: one that wakes every two milliseconds and notes how late
// (the method of jHiccup). A generator on a machine that holds its threads back cannot start sessions on time, and its
// start lag is to be judged against this. It serves nothing else and shares no CPU time worth naming: a few
// microseconds a wake-up. It asks for the shortest slice, so that where it shares a CPU with a generator thread the kernel
// lets it in before that thread's slice is over: otherwise it would see our own load and call it the machine's.

import Glibc
import PoplarCore
public import Reactor
import Synchronization
public import Telemetry

public final class HiccupMonitor: @unchecked Sendable {
    private static let periodNs: UInt64 = 2_000_000
    /// The least that the kernel grants: a wake-up takes some microseconds.
    private static let sliceNs: UInt64 = 100_000

    private let isStopped = Atomic<Bool>(false)
    private let recentP99 = Atomic<UInt64>(0)
    private var lateness = LatencyHistogram(.session)
    private var thread: WorkerThread?

    /// Starts the thread. `cpus`: those of the generator; none leaves it to the kernel.
    public init(cpus: [Int]) throws(SystemError) {
        thread = try WorkerThread(name: "poplar-hiccup", cpu: nil) { [self] in
            if !cpus.isEmpty { Affinity.pin(to: cpus) }
            Affinity.removeTimerSlack()
            Affinity.askTimeSlice(ns: Self.sliceNs)
            watch()
        }
    }

    /// Ends the thread and gives what it saw: lateness in nanoseconds, a sample a wake-up.
    public func stop() -> LatencyHistogram {
        isStopped.store(true, ordering: .releasing)
        thread.take()?.join()
        return lateness
    }

    /// The 99th percentile so far, nanoseconds; renewed about once a second.
    public var p99Ns: UInt64 { recentP99.load(ordering: .relaxed) }

    private func watch() {
        var due = MonotonicClock.now() &+ Self.periodNs
        while !isStopped.load(ordering: .acquiring) {
            var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
            clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil)
            let now = MonotonicClock.now()
            lateness.record(now > due ? now &- due : 0)
            if lateness.count % 500 == 0 { recentP99.store(lateness.value(at: .p99) ?? 0, ordering: .relaxed) }
            // A thread that was held back for long owes no wake-ups: what it missed is one hiccup, not many.
            due = max(due &+ Self.periodNs, now)
        }
    }
}
