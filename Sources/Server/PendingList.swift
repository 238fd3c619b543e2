// The connections that have not logged on, in the order in which they came, so that the oldest can make room when all seats
// are taken (Dovecot does the same). A doubly linked list over slab slots: every operation touches a constant number of them.

struct PendingList: ~Copyable {
    private static let none: Int32 = -1

    private let next: UnsafeMutablePointer<Int32>
    private let previous: UnsafeMutablePointer<Int32>
    private let capacity: Int
    private var head = Self.none
    private var tail = Self.none

    init(capacity: Int) {
        self.capacity = capacity
        next = .allocate(capacity: capacity)
        previous = .allocate(capacity: capacity)
        next.initialize(repeating: Self.none, count: capacity)
        previous.initialize(repeating: Self.none, count: capacity)
    }

    deinit {
        next.deallocate()
        previous.deallocate()
    }

    /// The slot that has waited longest; nil when none waits.
    var oldest: Int? { head >= 0 ? Int(head) : nil }

    /// Appends a slot that is not in the list.
    mutating func append(_ slot: Int) {
        guard slot >= 0, slot < capacity else { return }
        assert(tail != Int32(truncatingIfNeeded: slot), "a slot is in the list twice")
        let entry = Int32(truncatingIfNeeded: slot)
        next[slot] = Self.none
        previous[slot] = tail
        if tail >= 0 { next[Int(tail)] = entry } else { head = entry }
        tail = entry
    }

    /// Takes out a slot that is in the list.
    mutating func remove(_ slot: Int) {
        guard slot >= 0, slot < capacity else { return }
        let after = next[slot]
        let before = previous[slot]
        if before >= 0 { next[Int(before)] = after } else { head = after }
        if after >= 0 { previous[Int(after)] = before } else { tail = before }
    }
}
