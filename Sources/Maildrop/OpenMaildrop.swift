// One session's view of a mailbox: the messages there were at logon, numbered from 1, and what is marked for deletion.
// Marks live in the session; only `update` (QUIT) carries them over, and only where the population keeps deletions
// (RFC 1939, section 6). Up to 64 messages the marks are a word of this struct; beyond, they are memory that the
// caller lends for as long as the maildrop is open. Where earlier sessions removed messages, ranks stand behind the
// marks: how many messages are left before each word of the mailbox. Invariant: no call but `open`, `reset` and
// `update` costs more than a search of the ranks, however many messages there are.

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
    /// Octets of the messages that are not marked.
    private var unmarkedOctets: UInt64

    /// Octets of memory for marks and ranks that `open` wants lent; 0 when it wants none.
    public static func markMemorySize(_ population: Population) -> Int {
        guard population.messages > 64 else { return 0 }
        let rankSize = population.keepsRemovals ? MemoryLayout<UInt16>.size : 0
        return population.wordsPerMailbox * (MemoryLayout<UInt64>.size + rankSize)
    }

    /// Words that `open`, `reset` and `update` go through at the most.
    public static func words(_ population: Population) -> Int { population.wordsPerMailbox }

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
        let gone = population.removal(mailbox).messages
        hasGaps = gone > 0
        full = UInt32(truncatingIfNeeded: population.messages(in: mailbox))
        count = full &- min(full, gone)
        unmarkedOctets = population.octets(in: mailbox, full: Int(full))
        if population.messages > 64, let memory {
            let words = memory.bindMemory(to: UInt64.self, capacity: population.wordsPerMailbox)
            words.initialize(repeating: 0, count: population.wordsPerMailbox)
            markedWords = words
            if hasGaps { rankWords(memory + population.wordsPerMailbox &* MemoryLayout<UInt64>.size) }
        } else {
            markedWords = nil
        }
    }

    /// Notes at `memory`, for each word of the mailbox, how many messages are left before it: 65,535 at the most.
    private func rankWords(_ memory: UnsafeMutableRawPointer) {
        let ranks = memory.bindMemory(to: UInt16.self, capacity: population.wordsPerMailbox)
        var before = 0
        for word in 0..<population.wordsPerMailbox {
            (ranks + word).initialize(to: UInt16(truncatingIfNeeded: before))
            before &+= present(word).nonzeroBitCount
        }
    }

    /// What the caller lent, for it to take back.
    public var markMemory: UnsafeMutableRawPointer? { markedWords.map { UnsafeMutableRawPointer($0) } }

    /// Unlocks without removing anything (a lost connection, a time-out).
    public func close() { population.unlock(mailbox) }

    /// Removes what is marked, where the population keeps deletions, and unlocks.
    public func update() {
        if markedCount > 0, let removed = population.removedWords(mailbox) {
            // Where the words say who is left, numbers run on from word to word.
            var number = 0
            for word in 0..<population.wordsPerMailbox {
                var left = present(word)
                let next = number &+ left.nonzeroBitCount
                if !hasGaps {
                    removed[word] |= markedWords.map { $0[word] } ?? marked
                } else if hasMark(number, next) {
                    while left != 0 {
                        let lowest = left & (0 &- left)
                        if isMarked(UInt32(truncatingIfNeeded: number &+ 1)) { removed[word] |= lowest }
                        left ^= lowest
                        number &+= 1
                    }
                }
                number = next
            }
            let octets = population.octets(in: mailbox, full: Int(full)) &- unmarkedOctets
            population.countRemoved(mailbox, messages: markedCount, octets: octets)
        }
        population.unlock(mailbox)
    }

    /// Whether one of the messages after the first `start` and up to `end`, 64 at the most, may be marked.
    private func hasMark(_ start: Int, _ end: Int) -> Bool {
        guard let markedWords, end > start else { return end > start }
        return markedWords[start >> 6] | markedWords[(end &- 1) >> 6] != 0
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
    public var unmarked: (count: UInt64, octets: UInt64) { (UInt64(count &- markedCount), unmarkedOctets) }

    /// The first message from `number` on that is not marked; `count + 1` when there is none.
    public func firstUnmarked(from number: UInt32) -> UInt32 {
        guard markedCount > 0, number >= 1, number <= count else { return number }
        let bit = Int(number &- 1)
        guard let markedWords else {
            return min(count, UInt32((~marked >> UInt64(bit)).trailingZeroBitCount &+ bit)) &+ 1
        }
        var word = bit >> 6
        var unmarked = ~markedWords[word] & (~0 << UInt64(bit & 63))
        while unmarked == 0, word &+ 1 < population.wordsPerMailbox {
            word &+= 1
            unmarked = ~markedWords[word]
        }
        return min(count, UInt32(truncatingIfNeeded: word &* 64 &+ unmarked.trailingZeroBitCount)) &+ 1
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
        unmarkedOctets &-= octets(number)
        return true
    }

    /// Takes every mark back (RSET).
    public mutating func reset() {
        guard markedCount > 0 else { return }
        marked = 0
        markedWords?.update(repeating: 0, count: population.wordsPerMailbox)
        markedCount = 0
        unmarkedOctets = population.octets(in: mailbox, full: Int(full))
    }

    private func isMarked(_ number: UInt32) -> Bool {
        let bit = Int(number &- 1)
        let word = markedWords.map { $0[bit >> 6] } ?? marked
        return word & (1 << UInt64(bit & 63)) != 0
    }

    private func place(_ number: UInt32) -> Int { population.place(mailbox, mailboxIndex(number)) }

    /// The messages of word `word` of the full mailbox that have not been removed.
    private func present(_ word: Int) -> UInt64 {
        let inWord = max(0, min(64, Int(full) &- word &* 64))
        let mask: UInt64 = inWord == 64 ? ~0 : (1 << UInt64(inWord)) &- 1
        guard let removed = population.removedWords(mailbox) else { return mask }
        return ~removed[word] & mask
    }

    /// Which message of the full mailbox `number` is: the number-th that has not been removed.
    private func mailboxIndex(_ number: UInt32) -> Int {
        let rank = Int(number &- 1)
        guard hasGaps else { return rank }
        guard let markedWords else { return Self.bit(of: present(0), rank: rank) }
        let ranks = UnsafeRawPointer(markedWords + population.wordsPerMailbox).assumingMemoryBound(to: UInt16.self)
        // The last word before which there are not more messages than `rank`.
        var (low, high) = (0, population.wordsPerMailbox)
        while high &- low > 1 {
            let middle = (low &+ high) / 2
            if Int(ranks[middle]) <= rank { low = middle } else { high = middle }
        }
        return low &* 64 &+ Self.bit(of: present(low), rank: rank &- Int(ranks[low]))
    }

    /// The index of the bit of `word` that has `rank` set ones below it.
    private static func bit(of word: UInt64, rank: Int) -> Int {
        var (rest, left, index) = (word, rank, 0)
        var width = 32
        while width > 0 {
            let low = rest & ((1 << UInt64(width)) &- 1)
            let ones = low.nonzeroBitCount
            if left >= ones {
                left &-= ones
                rest >>= UInt64(width)
                index &+= width
            } else {
                rest = low
            }
            width /= 2
        }
        return index
    }
}
