// One session's view of a mailbox: the messages there were at logon, numbered from 1, and what is marked for deletion.
// Marks live in the session; only `update` (QUIT) carries them over, and only where the population keeps deletions
// (RFC 1939, section 6). Up to 64 messages the marks are a word of this struct; beyond, they are memory that the
// caller lends for as long as the maildrop is open.

public import PoplarCore

public struct OpenMaildrop {
    private let population: Population
    private let mailbox: UInt32
    /// Messages at logon, marked ones included: numbers run from 1 to this.
    public let count: UInt32
    /// Messages that the mailbox began with.
    private let full: UInt32
    /// Whether messages removed by earlier sessions are left out of the numbering.
    private let hasGaps: Bool
    private var marked: UInt64 = 0
    private let markedWords: UnsafeMutablePointer<UInt64>?
    public private(set) var markedCount: UInt32 = 0

    /// Octets of memory for marks that `open` wants lent; 0 when it wants none.
    public static func markMemorySize(_ population: Population) -> Int {
        population.messages > 64 ? population.wordsPerMailbox * 8 : 0
    }

    public enum Opening {
        case opened(OpenMaildrop)
        /// Another session has it (RFC 2449, [IN-USE]).
        case inUse
        /// The last logon was less than the delay ago (RFC 2449, [LOGIN-DELAY]).
        case tooSoon

        public var maildrop: OpenMaildrop? {
            if case .opened(let maildrop) = self { maildrop } else { nil }
        }
    }

    /// Locks and opens a mailbox. `markMemory` has `markMemorySize` octets, or is nil where that is 0. `nowMs`: the
    /// monotonic clock, above 0; `loginDelayMs`: milliseconds that must lie between two logons, 0 for none.
    public static func open(
        _ population: Population, mailbox: UInt32, markMemory: UnsafeMutableRawPointer?, nowMs: UInt64 = 1,
        loginDelayMs: UInt64 = 0
    ) -> Opening {
        switch population.lock(mailbox, nowMs: nowMs, delayMs: loginDelayMs) {
        case .locked: .opened(OpenMaildrop(population, mailbox, markMemory))
        case .inUse: .inUse
        case .tooSoon: .tooSoon
        }
    }

    private init(_ population: Population, _ mailbox: UInt32, _ memory: UnsafeMutableRawPointer?) {
        self.population = population
        self.mailbox = mailbox
        var gone = 0
        if let words = population.removedWords(mailbox) {
            for index in 0..<population.wordsPerMailbox { gone &+= words[index].nonzeroBitCount }
        }
        hasGaps = gone > 0
        full = UInt32(truncatingIfNeeded: population.messages(in: mailbox))
        count = full &- UInt32(truncatingIfNeeded: gone)
        if population.messages > 64, let memory {
            let words = memory.bindMemory(to: UInt64.self, capacity: population.wordsPerMailbox)
            words.initialize(repeating: 0, count: population.wordsPerMailbox)
            markedWords = words
        } else {
            markedWords = nil
        }
    }

    /// What the caller lent, for it to take back.
    public var markMemory: UnsafeMutableRawPointer? { markedWords.map { UnsafeMutableRawPointer($0) } }

    /// Unlocks without removing anything (RSET, a lost connection, a time-out).
    public func close() { population.unlock(mailbox) }

    /// Removes what is marked, where the population keeps deletions, and unlocks.
    public func update() {
        if markedCount > 0, let removed = population.removedWords(mailbox) {
            // From the last to the first: a message's place depends on what is removed before it, never behind it.
            var number = count
            while number > 0 {
                if isMarked(number) {
                    let index = mailboxIndex(number)
                    removed[index >> 6] |= 1 << UInt64(index & 63)
                }
                number &-= 1
            }
        }
        population.unlock(mailbox)
    }

    public enum Message: Equatable, Sendable {
        case present
        case marked
        case absent
    }

    /// Whether `number` names a message, and whether it is marked.
    public func state(_ number: UInt32) -> Message {
        guard number >= 1, number <= count else { return .absent }
        return isMarked(number) ? .marked : .present
    }

    /// Messages and octets that are not marked (RFC 1939, STAT).
    public var unmarked: (count: UInt64, octets: UInt64) {
        guard markedCount > 0 || hasGaps || population.hasMixedSizes else {
            return (UInt64(count), UInt64(count) &* (count > 0 ? population.arena.octets(0) : 0))
        }
        var octets: UInt64 = 0
        var messages: UInt64 = 0
        var number: UInt32 = 1
        while number <= count {
            if !isMarked(number) {
                messages &+= 1
                octets &+= self.octets(number)
            }
            number &+= 1
        }
        return (messages, octets)
    }

    /// Octets of a message that `state` calls present or marked; 0 for another.
    public func octets(_ number: UInt32) -> UInt64 {
        guard number >= 1, number <= count else { return 0 }
        return population.arena.octets(place(number))
    }

    /// The RETR reply as it goes out, status line and terminator included. It lives as long as the population.
    public func retrieval(_ number: UInt32) -> UnsafeRawBufferPointer? {
        guard number >= 1, number <= count else { return nil }
        return population.arena.retrieval(place(number))
    }

    /// Headers, blank line and `lines` body lines in wire form, without status line and terminator.
    public func top(_ number: UInt32, lines: UInt64) -> UnsafeRawBufferPointer? {
        guard number >= 1, number <= count else { return nil }
        return population.arena.top(place(number), lines: lines)
    }

    /// Appends the message's unique id (RFC 1939, UIDL).
    public func uniqueID(_ number: UInt32, into writer: inout ByteWriter) {
        guard number >= 1, number <= count else { return }
        population.uniqueID(mailbox: mailbox, index: mailboxIndex(number), into: &writer)
    }

    /// Marks a message for deletion. False when it is absent or marked already.
    public mutating func mark(_ number: UInt32) -> Bool {
        guard state(number) == .present else { return false }
        let bit = Int(number &- 1)
        if let markedWords {
            markedWords[bit >> 6] |= 1 << UInt64(bit & 63)
        } else {
            marked |= 1 << UInt64(bit & 63)
        }
        markedCount &+= 1
        return true
    }

    /// Takes every mark back (RSET).
    public mutating func reset() {
        marked = 0
        markedWords?.update(repeating: 0, count: population.wordsPerMailbox)
        markedCount = 0
    }

    private func isMarked(_ number: UInt32) -> Bool {
        let bit = Int(number &- 1)
        let word = markedWords.map { $0[bit >> 6] } ?? marked
        return word & (1 << UInt64(bit & 63)) != 0
    }

    private func place(_ number: UInt32) -> Int { population.place(mailbox, mailboxIndex(number)) }

    /// Which message of the full mailbox `number` is: the number-th that has not been removed.
    private func mailboxIndex(_ number: UInt32) -> Int {
        guard hasGaps, let removed = population.removedWords(mailbox) else { return Int(number &- 1) }
        var left = Int(number)
        for word in 0..<population.wordsPerMailbox {
            let present = ~removed[word]
            let inWord = max(0, min(64, Int(full) &- word &* 64))
            let mask: UInt64 = inWord == 64 ? ~0 : (1 << UInt64(inWord)) &- 1
            var bits = present & mask
            if bits.nonzeroBitCount < left {
                left &-= bits.nonzeroBitCount
                continue
            }
            while left > 1 {
                bits &= bits &- 1
                left &-= 1
            }
            return word &* 64 &+ bits.trailingZeroBitCount
        }
        return 0
    }
}
