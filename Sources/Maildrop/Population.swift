// Mailboxes in memory, for measuring: each holds the same messages of one arena, under unique ids of its own.
// Invariant: a mailbox is changed only by the session that holds its lock word, and released by that session alone;
// everything else here is immutable, so workers share it without counting references.

import Glibc
import PoplarCore
import Synchronization

/// What DELE leaves behind.
public enum DeletionPolicy: String, Sendable, CaseIterable {
    /// Deletions hold within their session; the next one finds the full mailbox.
    case restore
    /// QUIT removes for good.
    case gone
}

public struct Population: @unchecked Sendable {
    /// Apart, so that a population, and a maildrop that is open, are copied in a few words.
    private let contents: UnsafeMutablePointer<Contents>

    private struct Contents {
        let arena: MessageArena
        let mailboxes: Int
        let messages: Int
        let seed: UInt64
        let hasMixedSizes: Bool
        let counts: UnsafeMutablePointer<UInt32>?
        let locks: UnsafeMutablePointer<Atomic<UInt64>>
        let removed: UnsafeMutablePointer<UInt64>?
        let removals: UnsafeMutablePointer<Removal>?
        let wordsPerMailbox: Int
    }

    /// The messages that have been removed from a mailbox: how many, and their octets.
    struct Removal: BitwiseCopyable {
        var messages: UInt32 = 0
        var octets: UInt64 = 0
    }

    var arena: MessageArena { contents.pointee.arena }
    /// Messages in a full mailbox; where mailboxes differ, in the fullest one.
    public var messages: Int { contents.pointee.messages }
    private var mailboxes: Int { contents.pointee.mailboxes }
    private var seed: UInt64 { contents.pointee.seed }
    /// Mailboxes differ in the sizes of their messages.
    private var hasMixedSizes: Bool { contents.pointee.hasMixedSizes }
    /// The number of messages by the low bits of a mailbox's hash; nil where all have the same.
    private var counts: UnsafeMutablePointer<UInt32>? { contents.pointee.counts }
    private var locks: UnsafeMutablePointer<Atomic<UInt64>> { contents.pointee.locks }
    /// `gone` only: a bit per message and mailbox, set once it has been removed.
    private var removed: UnsafeMutablePointer<UInt64>? { contents.pointee.removed }
    /// `gone` only: for each mailbox, what those bits add up to.
    private var removals: UnsafeMutablePointer<Removal>? { contents.pointee.removals }
    var wordsPerMailbox: Int { contents.pointee.wordsPerMailbox }
    /// Whether removed messages stay away.
    var keepsRemovals: Bool { removed != nil }

    private init(_ contents: Contents) {
        self.contents = .allocate(capacity: 1)
        self.contents.initialize(to: contents)
    }

    /// `mailboxes` mailboxes, each of as many messages (65,535 at most) as is drawn from `mix` by its number, the same
    /// in every run of one seed; the sizes of the messages (64 octets or more) are those of `octets`. `shouldStop` is
    /// asked every few thousand octets or rows. Nil: it said yes, or memory is out; `PopulationNeeds` says before how
    /// much it takes.
    public static func make(
        mailboxes: Int, messages mix: PopulationMix, octets: PopulationMix, policy: DeletionPolicy, seed: UInt64 = 1,
        shouldStop: () -> Bool = { false }
    ) -> Population? {
        let messages = mix.largest
        let hasMixedSizes = octets.parts.count > 1
        let words = (messages + 63) / 64
        let sizes = octets.table(entries: kinds(messages: messages, isMixed: hasMixedSizes), seed: seed)
        guard let arena = MessageArena.make(sizes: sizes, seed: seed, shouldStop: shouldStop) else { return nil }
        var counts: UnsafeMutablePointer<UInt32>?
        if mix.parts.count > 1 {
            let table = UnsafeMutablePointer<UInt32>.allocate(capacity: countEntries)
            for (index, count) in mix.table(entries: countEntries, seed: seed &+ 1).enumerated() {
                (table + index).initialize(to: UInt32(clamping: count))
            }
            counts = table
        }
        // Pages of zeros that the kernel gives when they are first written: a lock that is free, nothing removed.
        let locks = Zeros.allocate(of: Atomic<UInt64>.self, mailboxes)
        let removed = policy == .gone ? Zeros.allocate(of: UInt64.self, mailboxes, words) : nil
        let removals = policy == .gone ? Zeros.allocate(of: Removal.self, mailboxes) : nil
        guard let locks, policy == .restore || removed != nil && removals != nil else {
            arena.deallocate()
            counts?.deallocate()
            free(locks)
            free(removed)
            free(removals)
            return nil
        }
        return Population(
            Contents(
                arena: arena, mailboxes: mailboxes, messages: messages, seed: seed, hasMixedSizes: hasMixedSizes,
                counts: counts,
                locks: locks, removed: removed, removals: removals, wordsPerMailbox: words))
    }

    /// Different messages that are held.
    static func kinds(messages: Int, isMixed: Bool) -> Int { isMixed ? max(messages, arenaOfMix) : messages }

    /// Different messages where sizes are mixed, and entries for the fill: parts of 0.1 % and of 0.02 % still have their own.
    private static let arenaOfMix = 1024
    private static let countEntries = 8192

    /// Messages in `mailbox` when none has been removed.
    func messages(in mailbox: UInt32) -> Int {
        guard let counts else { return messages }
        return Int(
            counts[Int(truncatingIfNeeded: SplitMix64.mix(seed ^ UInt64(mailbox) << 24) % UInt64(Self.countEntries))])
    }

    /// Where message `index` of `mailbox` lies in the arena.
    func place(_ mailbox: UInt32, _ index: Int) -> Int {
        guard hasMixedSizes else { return index }
        let place = firstPlace(mailbox) &+ index
        return place < arena.count ? place : place % arena.count
    }

    private func firstPlace(_ mailbox: UInt32) -> Int {
        Int(truncatingIfNeeded: SplitMix64.mix(seed &+ 1 ^ UInt64(mailbox) << 24) % UInt64(arena.count))
    }

    /// Octets of the messages that have not been removed from `mailbox`, which began with `full`.
    func octets(in mailbox: UInt32, full: Int) -> UInt64 {
        let all =
            hasMixedSizes
            ? arena.octets(from: firstPlace(mailbox), count: full)
            : UInt64(full) &* (full > 0 ? arena.octets(0) : 0)
        return all &- removal(mailbox).octets
    }

    /// What has been removed from `mailbox`. Only for the session that has it locked.
    func removal(_ mailbox: UInt32) -> Removal { removals.map { $0[Int(mailbox)] } ?? Removal() }

    /// Counts messages that have just been removed from `mailbox`.
    func countRemoved(_ mailbox: UInt32, messages: UInt32, octets: UInt64) {
        guard let removals else { return }
        removals[Int(mailbox)].messages &+= messages
        removals[Int(mailbox)].octets &+= octets
    }

    /// Frees everything. Only when no session is open; `serve` never does.
    public func deallocate() {
        arena.deallocate()
        counts?.deallocate()
        free(locks)
        free(removed)
        free(removals)
        contents.deallocate()
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

    /// Takes the exclusive lock (RFC 1939, section 4). `nowMs` is above 0, from one clock that all workers read, each
    /// in turns of its own.
    func lock(_ mailbox: UInt32, nowMs: UInt64, delayMs: UInt64) -> Locking {
        guard Int(mailbox) < mailboxes else { return .inUse }
        let word = locks[Int(mailbox)].load(ordering: .relaxed)
        guard word & Self.lockedBit == 0 else { return .inUse }
        // Each worker has the time of its own turn, so the last logon may lie ahead of it: then none of the delay has
        // passed.
        let passedMs = nowMs > word ? nowMs &- word : 0
        guard delayMs == 0 || word == 0 || passedMs >= delayMs else { return .tooSoon }
        let wanted = max(nowMs, word) | Self.lockedBit
        return locks[Int(mailbox)].compareExchange(expected: word, desired: wanted, ordering: .acquiringAndReleasing)
            .exchanged
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

/// Memory that is all zeros from the start, for types of which zeros are a value.
enum Zeros {
    /// `rows` times `columns` values; nil when that is more than there is, or than can be counted. free(3) gives it
    /// back.
    static func allocate<Value: ~Copyable>(of type: Value.Type, _ rows: Int, _ columns: Int = 1)
        -> UnsafeMutablePointer<Value>?
    {
        let (count, overflows) = max(1, rows).multipliedReportingOverflow(by: max(1, columns))
        guard !overflows, !count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride).overflow,
            let memory = calloc(count, MemoryLayout<Value>.stride)
        else { return nil }
        return memory.bindMemory(to: Value.self, capacity: count)
    }
}
