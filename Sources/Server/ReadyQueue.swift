// Connections that have more to do than their share of a turn allowed: a ring of tokens, each connection in it once.
// It cannot overflow: there is a place for every connection of the slab, and a flag in the seat keeps it to one place.

import PoplarCore

struct ReadyQueue: ~Copyable {
    private let ring: UnsafeMutablePointer<UInt64>
    private let capacity: Int
    /// The ring's size is a power of two, so that going round is one instruction.
    private let mask: Int
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        var size = 1
        while size < capacity { size &*= 2 }
        mask = size &- 1
        ring = .allocate(capacity: size)
        ring.initialize(repeating: 0, count: size)
    }

    deinit { ring.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// Appends; each connection is in the queue once at the most, so there is room. False: there was none.
    mutating func push(_ token: Token) -> Bool {
        assert(count < capacity, "a connection is in the ready queue twice")
        guard count < capacity else { return false }
        ring[(head &+ count) & mask] = token.raw
        count &+= 1
        return true
    }

    mutating func pop() -> Token? {
        guard count > 0 else { return nil }
        let raw = ring[head]
        head = (head &+ 1) & mask
        count &-= 1
        return Token(raw: raw)
    }
}
