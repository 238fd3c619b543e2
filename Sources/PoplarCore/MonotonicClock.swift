// The only clock: CLOCK_MONOTONIC in nanoseconds. Every duration in Poplar is a difference of two readings.
// Invariant: wall-clock time is a label in result files and never enters arithmetic on latencies.

public import Glibc

public enum MonotonicClock {
    /// Nanoseconds since an arbitrary start that is fixed while the machine is up (clock_gettime(2)).
    @inlinable
    public static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec))
    }

    /// CPU time that the calling thread has used, in nanoseconds.
    public static func threadCPU() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec))
    }
}
