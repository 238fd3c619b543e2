// Mailboxes in memory, for measuring: each holds the same messages of one arena, under unique ids of its own.
// Invariant: a mailbox is changed only by the session that holds its lock word, and released by that session alone;
// everything else here is immutable, so workers share it without counting references.

import PoplarCore
import Synchronization

/// What DELE leaves behind (contracts.md 2).
public enum DeletionPolicy: String, Sendable, CaseIterable {
    /// Deletions hold within their session; the next one finds the full mailbox.
    case restore
    /// QUIT removes for good.
    case gone
}

public struct Population: @unchecked Sendable {
    let arena: MessageArena
    let mailboxes: Int
    let policy: DeletionPolicy
    let seed: UInt64
    /// Mailboxes differ in the sizes of their messages.
    let hasMixedSizes: Bool
    /// The number of messages by the low bits of a mailbox's hash; nil where all have the same.
    private let counts: UnsafeMutablePointer<UInt32>?
    private let locks: UnsafeMutablePointer<Atomic<UInt64>>
    /// `gone` only: a bit per message and mailbox, set once it has been removed.
    let removed: UnsafeMutablePointer<UInt64>?
    let wordsPerMailbox: Int

    /// `mailboxes` mailboxes of `messages` messages (65,535 at most) of `octets` octets each.
    public init(mailboxes: Int, messages: Int, octets: Int, policy: DeletionPolicy, seed: UInt64 = 1) {
        self.init(
            mailboxes: mailboxes, messages: PopulationMix(always: messages), octets: PopulationMix(always: octets),
            policy: policy, seed: seed)
    }

    /// Mailboxes that differ: how many messages each holds and how large they are is drawn from the mixes by the mailbox's
    /// number, the same in every run of one seed.
    public init(
        mailboxes: Int, messages mix: PopulationMix, octets: PopulationMix, policy: DeletionPolicy, seed: UInt64 = 1
    ) {
        let messages = mix.largest
        hasMixedSizes = octets.parts.count > 1
        let kinds = hasMixedSizes ? max(messages, Self.arenaOfMix) : messages
        arena = MessageArena(sizes: octets.table(entries: kinds, seed: seed), seed: seed)
        if mix.parts.count > 1 {
            let table = UnsafeMutablePointer<UInt32>.allocate(capacity: Self.countEntries)
            for (index, count) in mix.table(entries: Self.countEntries, seed: seed &+ 1).enumerated() {
                (table + index).initialize(to: UInt32(clamping: count))
            }
            counts = table
        } else {
            counts = nil
        }
        self.mailboxes = mailboxes
        self.policy = policy
        self.seed = seed
        self.messages = messages
        wordsPerMailbox = (messages + 63) / 64
        locks = .allocate(capacity: max(1, mailboxes))
        for index in 0..<mailboxes { (locks + index).initialize(to: Atomic(0)) }
        if policy == .gone {
            let words = max(1, mailboxes * wordsPerMailbox)
            let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
            memory.initialize(repeating: 0, count: words)
            removed = memory
        } else {
            removed = nil
        }
    }

    /// Different messages where sizes are mixed, and entries for the fill: parts of 0.1 % and of 0.02 % still have their own.
    private static let arenaOfMix = 1024
    private static let countEntries = 8192

    /// Messages in a full mailbox; where mailboxes differ, in the fullest one.
    public let messages: Int

    /// Messages in `mailbox` when none has been removed.
    func messages(in mailbox: UInt32) -> Int {
        guard let counts else { return messages }
        return Int(counts[Int(truncatingIfNeeded: SplitMix64.mix(seed ^ UInt64(mailbox) << 24) % UInt64(Self.countEntries))])
    }

    /// Where message `index` of `mailbox` lies in the arena.
    func place(_ mailbox: UInt32, _ index: Int) -> Int {
        guard hasMixedSizes else { return index }
        let start = SplitMix64.mix(seed &+ 1 ^ UInt64(mailbox) << 24) % UInt64(arena.count)
        return Int(truncatingIfNeeded: (start &+ UInt64(truncatingIfNeeded: index)) % UInt64(arena.count))
    }

    /// Frees everything. Only when no session is open; `serve` never does.
    public func deallocate() {
        arena.deallocate()
        counts?.deallocate()
        locks.deallocate()
        removed?.deallocate()
    }

    /// What the lock word says: bit 63 while a session has the mailbox, below it the milliseconds of the last logon.
    private static let lockedBit: UInt64 = 1 << 63

    enum Locking {
        case locked
        /// Another session has it, or there is no such mailbox.
        case inUse
        /// Less than the delay has passed since the last logon (RFC 2449, section 6.5).
        case tooSoon
    }

    /// Takes the exclusive lock (RFC 1939, section 4). `nowMs` is above 0, on a clock that never goes back.
    func lock(_ mailbox: UInt32, nowMs: UInt64, delayMs: UInt64) -> Locking {
        guard Int(mailbox) < mailboxes else { return .inUse }
        let word = locks[Int(mailbox)].load(ordering: .relaxed)
        guard word & Self.lockedBit == 0 else { return .inUse }
        guard delayMs == 0 || word == 0 || nowMs &- word >= delayMs else { return .tooSoon }
        let wanted = nowMs | Self.lockedBit
        return locks[Int(mailbox)].compareExchange(expected: word, desired: wanted, ordering: .acquiringAndReleasing).exchanged
            ? .locked : .inUse
    }

    func unlock(_ mailbox: UInt32) {
        guard Int(mailbox) < mailboxes else { return }
        _ = locks[Int(mailbox)].bitwiseAnd(~Self.lockedBit, ordering: .releasing)
    }

    /// The removed messages of `mailbox`, `wordsPerMailbox` words; nil where deletions are not kept.
    func removedWords(_ mailbox: UInt32) -> UnsafeMutablePointer<UInt64>? {
        guard let removed else { return nil }
        return removed + Int(mailbox) * wordsPerMailbox
    }

    /// Appends the unique id of a message: 32 base64 letters over a 64-bit message id and a 128-bit mailbox id, the
    /// shape of Exchange 5.5's; the same in every session and after a restart.
    func uniqueID(mailbox: UInt32, index: Int, into writer: inout ByteWriter) {
        let base = SplitMix64.mix(seed ^ UInt64(mailbox) << 20)
        let words = (SplitMix64.mix(base &+ UInt64(index) &+ 1), base, SplitMix64.mix(base))
        withUnsafeBytes(of: words) { Base64.encode($0, into: &writer) }
    }
}
