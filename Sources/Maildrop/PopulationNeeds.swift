// What a population takes of memory, before anything of it is made. In floating point: parts that are each in range
// have products that are not.

public struct PopulationNeeds: Sendable, Equatable {
    /// Octets of the messages, once for all mailboxes.
    public let messages: Double
    /// Octets of the mailboxes' locks.
    public let mailboxes: Double
    /// Octets that say what has been removed; reckoned in full, though the kernel gives them as they are written.
    public let removals: Double

    public init(mailboxes: Double, messages: PopulationMix, octets: PopulationMix, policy: DeletionPolicy) {
        let kinds = Double(Population.kinds(messages: messages.largest, isMixed: octets.parts.count > 1))
        // Stuffing, status line and counts of lines come on top of a message (`MessageArena.room`).
        let perMessage = octets.mean * (17.0 / 16 + 1.0 / 1024) + 256
        self.messages = kinds * perMessage
        self.mailboxes = mailboxes * 8
        let words = Double((messages.largest + 63) / 64)
        removals = policy == .gone ? mailboxes * (words * 8 + Double(MemoryLayout<Population.Removal>.stride)) : 0
    }
}
