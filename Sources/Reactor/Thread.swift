// Worker threads: named, pinned, with signals blocked, so that signals reach the control thread's signalfd alone.
// Invariant: a thread is joined before what its closure uses goes away.

import CLinux
import Glibc

/// One POSIX thread. It must be joined, or detached.
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
        var handle = pthread_t()
        // A thread inherits the mask of the one that starts it.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        let isMasked = pthread_sigmask(SIG_BLOCK, &all, &before)
        // With a signal open it would be taken by whichever thread the kernel likes.
        guard isMasked == 0 else { throw SystemError(call: "pthread_sigmask", code: isMasked, subject: "thread \(name)") }
        // What was in force a moment ago is in force again: it cannot fail.
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let start = Unmanaged.passRetained(Start(name: name, cpu: cpu, body: body))
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

    /// Leaves the thread to itself; it must keep alive what it uses.
    public consuming func detach() { pthread_detach(handle) }

    /// Waits until the body has returned, at most `timeoutMs` milliseconds. After that the thread is left to itself; it
    /// must then keep alive what it uses. Returns whether it has ended.
    @discardableResult
    public consuming func join(timeoutMs: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += timeoutMs / 1000
        deadline.tv_nsec += timeoutMs % 1000 * 1_000_000
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        if clinux_timed_join(handle, &deadline) == 0 { return true }
        pthread_detach(handle)
        return false
    }
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

    /// Timers of the calling thread fire on time instead of up to 50 us late (prctl PR_SET_TIMERSLACK).
    public static func removeTimerSlack() { _ = clinux_set_timer_slack(1) }

    /// Asks for slices of `ns` for the calling thread. One that seldom runs and asks for little is let in before one that
    /// is in the middle of a longer slice (Linux 6.12 and later; no privilege is needed). False when the kernel refuses.
    @discardableResult
    public static func askTimeSlice(ns: UInt64) -> Bool { clinux_set_time_slice(ns) == 0 }
}
