// One session of a run that is to be shown: the attempt of a probe, with its place in the run.
// Invariant: every text in here has been through the redactor.

public struct TracedSession: Sendable {
    /// Its number in the plan, from 0.
    public var number: UInt64
    /// Seconds from the start of the run to its planned start; in a closed load to its start.
    public var atS: Double
    /// How late it began, microseconds.
    public var lateUs: Double
    /// From the planned start to its end, microseconds; nil when it did not end.
    public var tookUs: Double?
    /// The client's name in the profile.
    public var client: String
    /// Method, channel, identity, what came of it and why, and the dialogue.
    public var attempt: ProbeAttempt

    public init(number: UInt64, atS: Double, lateUs: Double, tookUs: Double?, client: String, attempt: ProbeAttempt) {
        self.number = number
        self.atS = atS
        self.lateUs = lateUs
        self.tookUs = tookUs
        self.client = client
        self.attempt = attempt
    }
}
