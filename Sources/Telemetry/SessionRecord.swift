// What one session was, told once, when it is over (or when the run is). Invariant: a session that fell due is
// recorded exactly once, so that planned = succeeded + failed + cancelled + in flight holds to the last session.

/// How a session ended.
@frozen
public enum SessionOutcome: Sendable, Equatable {
    /// As its script expects, a fallback included.
    case succeeded
    /// The profile asked for a refusal and the server refused: a success, counted apart as well.
    case expectedRefusal
    case failed(ErrorClass)
    /// Due but never connected, or ended by our own stop.
    case cancelled
    /// Still open at the drain deadline.
    case inFlight

    public var isFailure: Bool {
        if case .failed = self { return true }
        return false
    }
}

/// How arrivals are made: by a schedule, or by a fixed number of users one session after the other.
@frozen
public enum LoadModel: UInt8, Sendable {
    case open, closed
}

@frozen
public struct SessionRecord: Sendable {
    /// The planned start, CLOCK_MONOTONIC nanoseconds. In the closed model, the start itself.
    public var plannedNs: UInt64
    /// The real start (the call of connect), 0 when the session never began.
    public var startNs: UInt64
    /// The end, 0 when the session never began or is still in flight.
    public var endNs: UInt64
    public var outcome: SessionOutcome
    /// The first method of the session's chain: the row that the session counts in.
    public var plannedAuth: AuthMethod
    /// The method in use at the end.
    public var auth: AuthMethod
    public var transport: Transport
    /// Whether the phase of the planned start is a measured one.
    public var measured: Bool
    /// Messages retrieved whole by RETR or TOP.
    public var messages: UInt32
    /// Octets of RETR and TOP payload.
    public var payloadBytes: UInt64
    /// The method whose attempt failed before `auth` was tried; nil without a fallback.
    public var fallbackFrom: AuthMethod?
    /// Time from the start of the logon to the start of the attempt that `auth` made, nanoseconds.
    public var fallbackLostNs: UInt64

    @inlinable
    public init(
        plannedNs: UInt64, startNs: UInt64, endNs: UInt64, outcome: SessionOutcome, plannedAuth: AuthMethod, auth: AuthMethod,
        transport: Transport, measured: Bool, messages: UInt32 = 0, payloadBytes: UInt64 = 0, fallbackFrom: AuthMethod? = nil,
        fallbackLostNs: UInt64 = 0
    ) {
        self.plannedNs = plannedNs
        self.startNs = startNs
        self.endNs = endNs
        self.outcome = outcome
        self.plannedAuth = plannedAuth
        self.auth = auth
        self.transport = transport
        self.measured = measured
        self.messages = messages
        self.payloadBytes = payloadBytes
        self.fallbackFrom = fallbackFrom
        self.fallbackLostNs = fallbackLostNs
    }
}
