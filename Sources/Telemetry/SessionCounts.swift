// Counters of sessions, the same block for one second, for the measured phases and for the whole run.
// Invariant (once the run is drained): planned = succeeded + failed + cancelled + inFlight, and errors add up to failed.

@frozen
public struct SessionCounts: Sendable, Equatable {
    /// Fell due (open model) or begun (closed model).
    public var planned: UInt64 = 0
    /// Really begun: connect was called.
    public var started: UInt64 = 0
    /// Ended as the script expects; expected refusals are among them.
    public var succeeded: UInt64 = 0
    public var expectedRefusals: UInt64 = 0
    public var failed: UInt64 = 0
    public var cancelled: UInt64 = 0
    /// Of those cancelled, the ones that had begun.
    public var cancelledAfterStart: UInt64 = 0
    /// Of those failed, the ones that never began.
    public var failedBeforeStart: UInt64 = 0
    /// Still open at the drain deadline; known only at the end of the run.
    public var inFlight: UInt64 = 0
    /// Of all ended sessions, whatever their outcome.
    public var messages: UInt64 = 0
    /// Octets of RETR and TOP payload.
    public var payloadBytes: UInt64 = 0
    public var errors = ErrorCounts()

    @inlinable
    public init() {}

    /// Sessions that ended, one way or another, or were found in flight.
    public var accounted: UInt64 { succeeded &+ failed &+ cancelled &+ inFlight }

    /// Ended sessions that had begun.
    public var endedAfterStart: UInt64 {
        succeeded &+ (failed &- failedBeforeStart) &+ cancelledAfterStart
    }

    mutating func add(_ other: SessionCounts) {
        planned &+= other.planned
        started &+= other.started
        succeeded &+= other.succeeded
        expectedRefusals &+= other.expectedRefusals
        failed &+= other.failed
        cancelled &+= other.cancelled
        cancelledAfterStart &+= other.cancelledAfterStart
        failedBeforeStart &+= other.failedBeforeStart
        inFlight &+= other.inFlight
        messages &+= other.messages
        payloadBytes &+= other.payloadBytes
        errors.add(other.errors)
    }

    /// Counts the end of a session.
    @inlinable
    mutating func count(_ session: SessionRecord) {
        switch session.outcome {
        case .succeeded: succeeded &+= 1
        case .expectedRefusal:
            succeeded &+= 1
            expectedRefusals &+= 1
        case .failed(let kind):
            failed &+= 1
            if session.startNs == 0 { failedBeforeStart &+= 1 }
            errors.count(kind)
        case .cancelled:
            cancelled &+= 1
            if session.startNs != 0 { cancelledAfterStart &+= 1 }
        case .inFlight: inFlight &+= 1
        }
        messages &+= UInt64(session.messages)
        payloadBytes &+= session.payloadBytes
    }
}

/// One counter per error class, inline.
@frozen
public struct ErrorCounts: Sendable, Equatable {
    @usableFromInline
    var slots:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    @inlinable
    public init() {}

    @inlinable
    public subscript(kind: ErrorClass) -> UInt64 {
        get {
            withUnsafeBytes(of: slots) { $0.load(fromByteOffset: Int(kind.rawValue) &* 8, as: UInt64.self) }
        }
        set {
            withUnsafeMutableBytes(of: &slots) {
                $0.storeBytes(of: newValue, toByteOffset: Int(kind.rawValue) &* 8, as: UInt64.self)
            }
        }
    }

    @inlinable
    mutating func count(_ kind: ErrorClass) { self[kind] &+= 1 }

    mutating func add(_ other: ErrorCounts) {
        for kind in ErrorClass.allCases { self[kind] &+= other[kind] }
    }

    public var total: UInt64 {
        var sum: UInt64 = 0
        for kind in ErrorClass.allCases { sum &+= self[kind] }
        return sum
    }

    public static func == (left: ErrorCounts, right: ErrorCounts) -> Bool {
        for kind in ErrorClass.allCases where left[kind] != right[kind] { return false }
        return true
    }
}
