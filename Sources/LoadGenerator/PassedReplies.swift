// What replies were let pass although they are wrong, by the class of the check that the profile has off: a run that
// was not checked must not look like one that was.

public import Workload

public struct PassedReplies: Sendable, Equatable {
    public var status: UInt64 = 0
    public var size: UInt64 = 0
    public var terminator: UInt64 = 0
    public var listing: UInt64 = 0

    public init(status: UInt64 = 0, size: UInt64 = 0, terminator: UInt64 = 0, listing: UInt64 = 0) {
        self.status = status
        self.size = size
        self.terminator = terminator
        self.listing = listing
    }

    public static func + (a: Self, b: Self) -> Self {
        Self(
            status: a.status &+ b.status, size: a.size &+ b.size, terminator: a.terminator &+ b.terminator,
            listing: a.listing &+ b.listing)
    }

    /// Whether a reply that fails `check` is let pass; it is counted then.
    @inline(__always)
    mutating func lets(_ check: ReplyChecks, pass checks: ReplyChecks) -> Bool {
        guard !checks.contains(check) else { return false }
        switch check {
        case .status: status &+= 1
        case .size: size &+= 1
        case .terminator: terminator &+= 1
        default: listing &+= 1
        }
        return true
    }
}

extension SessionContext {
    /// Whether a reply that fails `check` is let pass.
    mutating func lets(_ check: ReplyChecks) -> Bool { passed.lets(check, pass: checks) }
}
