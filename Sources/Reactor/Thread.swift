// Worker threads: named, pinned, with signals blocked, so that signals reach the control thread's signalfd alone.
// Invariant: a thread is joined before what its closure uses goes away.

import CLinux
import Glibc

/// One POSIX thread. It must be joined.
public struct WorkerThread: ~Copyable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let cpu: Int?
        let body: @Sendable () -> Void
        init(name: String, cpu: Int?, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.cpu = cpu
            self.body = body
        }
    }

    /// Starts `body` on a thread of its own. `name` is cut to 15 octets by the kernel; `cpu` pins it.
    public init(name: String, cpu: Int?, body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(name: name, cpu: cpu, body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                _ = clinux_set_thread_name(start.name)
                if let cpu = start.cpu { Affinity.pin(to: [cpu]) }
                start.body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw SystemError(call: "pthread_create", code: status, subject: "thread \(name)")
        }
        self.handle = handle
    }

    /// Waits until the body has returned.
    public consuming func join() { pthread_join(handle, nil) }
}

/// The CPUs that a thread may run on. Children of fork and exec inherit them.
public enum Affinity {
    private static let words = 16

    /// The CPUs that the calling thread may use, ascending.
    public static func current() -> [Int] {
        var mask = [UInt64](repeating: 0, count: words)
        guard sched_getaffinity(0, words * 8, &mask) >= 0 else { return [0] }
        return (0..<words * 64).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// Keeps the calling thread on `cpus`. False when the kernel refuses.
    @discardableResult
    public static func pin(to cpus: [Int]) -> Bool {
        var mask = [UInt64](repeating: 0, count: words)
        for cpu in cpus where cpu >= 0 && cpu < words * 64 { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
        return sched_setaffinity(0, words * 8, &mask) == 0
    }

    /// Gives the calling thread a descriptor table of its own, a copy of the process's. Its calls then count no references to
    /// open files, and no other thread's accept or close holds it up. What it opens from now on no other thread sees.
    /// False when the kernel refuses; the table is then shared as before.
    @discardableResult
    public static func ownDescriptors() -> Bool { clinux_unshare_descriptors() == 0 }

    /// Timers of the calling thread fire on time instead of up to 50 us late (prctl PR_SET_TIMERSLACK).
    public static func removeTimerSlack() { _ = clinux_set_timer_slack(1) }

    /// Asks for slices of `ns` for the calling thread. One that seldom runs and asks for little is let in before one that
    /// is in the middle of a longer slice (Linux 6.12 and later; no privilege is needed). False when the kernel refuses.
    @discardableResult
    public static func askTimeSlice(ns: UInt64) -> Bool { clinux_set_time_slice(ns) == 0 }
}
