// What wakes a thread from outside: an eventfd for other threads, a signalfd for the process's signals.
// Both are descriptors, so that a signal or another thread is one more event of the loop and never an interruption.

import CLinux
import CStartup
import Glibc

/// Wakes a poller from another thread. Any number of rings before the read count as one.
public struct WakeUp: ~Copyable, Sendable {
    public let descriptor: Int32

    public init() throws(SystemError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: errno, subject: "wake-up") }
    }

    deinit { Glibc.close(descriptor) }

    public func ring() { Self.ring(descriptor) }

    /// Rings the wake-up whose descriptor is `descriptor`, for a thread that holds the number alone.
    public static func ring(_ descriptor: Int32) {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Takes the rings so far.
    public func drain() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}

/// One alarm on the monotonic clock (timerfd). A loop that watches it edge-triggered waits without a time-out, and nothing
/// is set per turn: the alarm is moved only when an earlier deadline comes up.
public struct Alarm: ~Copyable {
    public let descriptor: Int32

    public init() throws(SystemError) {
        descriptor = timerfd_create(Int32(clinux_clock_monotonic), Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK))
        guard descriptor >= 0 else { throw SystemError(call: "timerfd_create", code: errno, subject: "timers") }
    }

    deinit { Glibc.close(descriptor) }

    /// Sets or moves the alarm whose descriptor is `descriptor` to `atNs` of `MonotonicClock`, above 0; in the past it goes off
    /// at once. For a thread that holds the number alone.
    public static func set(_ descriptor: Int32, atNs: UInt64) {
        var time = itimerspec()
        time.it_value.tv_sec = Int(truncatingIfNeeded: atNs / 1_000_000_000)
        time.it_value.tv_nsec = Int(truncatingIfNeeded: atNs % 1_000_000_000)
        let status = timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &time, nil)
        assert(status == 0, "a time that timerfd_settime(2) does not take, or no timer")
    }
}

/// Signals as a descriptor. Make it before any thread starts: it blocks them for the calling thread and its children.
public struct SignalQueue: ~Copyable {
    public let descriptor: Int32

    /// A queue of `signals`. One that was ignored when the process began stays ignored, as after nohup(1), unless it is
    /// one of `always`: those that ask for something other than the end. Throws when the kernel gives no descriptor.
    public init(_ signals: [Int32], always: [Int32] = []) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals where !cstartup_was_ignored(signal) { sigaddset(&set, signal) }
        for signal in always { sigaddset(&set, signal) }
        let status = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard status == 0 else { throw SystemError(call: "pthread_sigmask", code: status, subject: "signals") }
        let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard descriptor >= 0 else { throw SystemError(call: "signalfd", code: errno, subject: "signals") }
        self.descriptor = descriptor
    }

    deinit { Glibc.close(descriptor) }

    /// The next signal that came, or nil.
    public func next() -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return read(descriptor, &info, size) == size ? Int32(bitPattern: info.ssi_signo) : nil
    }

    /// Waits until a signal comes or `other` becomes readable, at most `timeoutMs` milliseconds (-1: without end).
    /// Returns the signal; nil when none came.
    public func wait(timeoutMs: Int32, or other: Int32 = -1) -> Int32? {
        var entries = (
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0)
        )
        let count = withUnsafeMutablePointer(to: &entries) {
            $0.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, timeoutMs) }
        }
        return count > 0 ? next() : nil
    }
}
