// epoll, level-triggered. Each event carries the 64-bit name that was registered with the descriptor (a slab token),
// so that an event for a connection that ended in the same turn is recognised and dropped by its owner.

public import CLinux
public import Glibc

@frozen
public struct Poller: ~Copyable {
    @usableFromInline let descriptor: Int32
    @usableFromInline let events: UnsafeMutablePointer<epoll_event>
    /// Events taken in one turn at the most.
    public let capacity: Int

    public init(capacity: Int = 512) throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "epoll_create1", code: errno, subject: "event queue") }
        self.capacity = capacity
        events = .allocate(capacity: capacity)
        events.initialize(repeating: epoll_event(), count: capacity)
    }

    deinit {
        Glibc.close(descriptor)
        events.deallocate()
    }

    /// The number of the epoll descriptor, for a table that must keep it.
    public var descriptorNumber: Int32 { descriptor }

    /// What happened, as a set of bits.
    @frozen
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: UInt32
        @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
        @inlinable public static var readable: Readiness { Readiness(rawValue: 0x001) }
        @inlinable public static var writable: Readiness { Readiness(rawValue: 0x004) }
        @inlinable public static var error: Readiness { Readiness(rawValue: 0x008) }
        @inlinable public static var hangUp: Readiness { Readiness(rawValue: 0x010) }
        /// The peer has closed its direction (EPOLLRDHUP).
        @inlinable public static var readHangUp: Readiness { Readiness(rawValue: 0x2000) }
        /// Tell of changes alone (EPOLLET): who asks for it reads until there is nothing left.
        @inlinable public static var edge: Readiness { Readiness(rawValue: 0x8000_0000) }
    }

    /// Watches `descriptor` under the name `payload`. Returns 0 or an errno (ENOSPC, ENOMEM).
    @inlinable
    public func add(_ descriptor: Int32, _ interest: Readiness, payload: UInt64) -> Int32 {
        control(EPOLL_CTL_ADD, descriptor, interest, payload)
    }

    /// Changes what a watched descriptor is watched for. It needs no memory, so it fails for a descriptor alone that is
    /// not watched: a fault of ours.
    @inlinable
    public func modify(_ descriptor: Int32, _ interest: Readiness, payload: UInt64) {
        let code = control(EPOLL_CTL_MOD, descriptor, interest, payload)
        assert(code == 0, "the descriptor is not watched")
    }

    /// Stops watching. Not needed before a close.
    @inlinable
    public func remove(_ descriptor: Int32) {
        let code = control(EPOLL_CTL_DEL, descriptor, [], 0)
        assert(code == 0 || code == ENOENT, "the descriptor is not open")
    }

    @inlinable
    func control(_ operation: Int32, _ target: Int32, _ interest: Readiness, _ payload: UInt64) -> Int32 {
        var event = clinux_event(interest.rawValue, payload)
        return epoll_ctl(descriptor, operation, target, &event) == 0 ? 0 : errno
    }

    /// Waits until something happens or `timeoutNs` nanoseconds have gone; nil waits without end. Returns the number
    /// of events to read with `payload` and `readiness`; 0 also after a signal.
    @inlinable @inline(__always)
    public func wait(timeoutNs: UInt64?) -> Int {
        let count: Int
        if let timeoutNs, timeoutNs > 0 {
            count = waitPrecisely(timeoutNs)
        } else {
            let milliseconds: Int32 = timeoutNs == nil ? -1 : 0
            count = Int(clinux_poller_wait(descriptor, events, Int32(truncatingIfNeeded: capacity), milliseconds))
        }
        return count >= 0 ? count : Self.interrupted()
    }

    @inlinable @inline(__always)
    func waitPrecisely(_ timeoutNs: UInt64) -> Int {
        var timeout = timespec(
            tv_sec: Int(truncatingIfNeeded: timeoutNs / 1_000_000_000),
            tv_nsec: Int(truncatingIfNeeded: timeoutNs % 1_000_000_000))
        let count = epoll_pwait2(descriptor, events, Int32(truncatingIfNeeded: capacity), &timeout, nil)
        // EPERM: a container's system call filter that does not know the call.
        return count < 0 && (errno == ENOSYS || errno == EPERM) ? waitInMilliseconds(timeoutNs) : Int(count)
    }

    /// For kernels before 5.11 and for valgrind: late by up to a millisecond, never early.
    @inline(never) @usableFromInline
    func waitInMilliseconds(_ timeoutNs: UInt64) -> Int {
        let milliseconds = timeoutNs / 1_000_000 &+ (timeoutNs % 1_000_000 > 0 ? 1 : 0)
        return Int(epoll_wait(descriptor, events, Int32(truncatingIfNeeded: capacity), Int32(clamping: milliseconds)))
    }

    /// A wait that failed. EINTR counts as no event. Every other errno (EBADF, EFAULT, EINVAL) says that this poller is
    /// not what it was made as: a fault of ours, after which the loop would spin without end and serve nobody.
    @inline(never) @usableFromInline
    static func interrupted() -> Int {
        let code = errno
        precondition(code == EINTR, "epoll_wait failed in a way that only a fault of this program can bring about")
        return 0
    }

    /// The name that event `index` of the last wait was registered under.
    @inlinable
    public func payload(_ index: Int) -> UInt64 { clinux_event_payload(events + index) }

    @inlinable
    public func readiness(_ index: Int) -> Readiness { Readiness(rawValue: events[index].events) }
}
