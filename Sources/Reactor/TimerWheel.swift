// Deadlines of slab slots in a hashed wheel (Varghese, Lauck 1987, scheme 6): a slot has one deadline at most.
// Setting and cancelling touch one list; a deadline further away than one turn of the wheel is met again and left.
// Precision is one tick, never early. Invariant: a bit of `occupied` is set exactly while its bucket has entries.

@frozen
public struct TimerWheel: ~Copyable {
    @usableFromInline static var buckets: Int { 1024 }
    @usableFromInline static var none: Int32 { -1 }

    @usableFromInline let tickNs: UInt64
    @usableFromInline let capacity: Int
    @usableFromInline let deadlines: UnsafeMutablePointer<UInt64>
    @usableFromInline let next: UnsafeMutablePointer<Int32>
    @usableFromInline let previous: UnsafeMutablePointer<Int32>
    @usableFromInline let homes: UnsafeMutablePointer<UInt16>
    @usableFromInline let heads: UnsafeMutablePointer<Int32>
    @usableFromInline let occupied: UnsafeMutablePointer<UInt64>
    @usableFromInline var currentTick: UInt64
    @usableFromInline var cursor: Int32
    /// Deadlines that are set.
    public private(set) var count: Int

    /// A wheel for slots 0..<capacity with ticks of `tickNs` nanoseconds, standing at `nowNs`.
    public init(capacity: Int, tickNs: UInt64, nowNs: UInt64) {
        precondition(capacity > 0 && capacity < Int(Int32.max) && tickNs > 0, "wheel sizes out of range")
        self.capacity = capacity
        self.tickNs = tickNs
        deadlines = .allocate(capacity: capacity)
        deadlines.initialize(repeating: 0, count: capacity)
        next = .allocate(capacity: capacity)
        next.initialize(repeating: Self.none, count: capacity)
        previous = .allocate(capacity: capacity)
        previous.initialize(repeating: Self.none, count: capacity)
        homes = .allocate(capacity: capacity)
        homes.initialize(repeating: 0, count: capacity)
        heads = .allocate(capacity: Self.buckets)
        heads.initialize(repeating: Self.none, count: Self.buckets)
        occupied = .allocate(capacity: Self.buckets / 64)
        occupied.initialize(repeating: 0, count: Self.buckets / 64)
        currentTick = nowNs / tickNs
        cursor = Self.none
        count = 0
    }

    deinit {
        deadlines.deallocate()
        next.deallocate()
        previous.deallocate()
        homes.deallocate()
        heads.deallocate()
        occupied.deallocate()
    }

    /// Sets or moves the deadline of `slot`, in nanoseconds of the monotonic clock (above 0).
    public mutating func set(slot: Int, deadlineNs: UInt64) {
        guard slot >= 0, slot < capacity, deadlineNs > 0 else { return }
        if deadlines[slot] != 0 { unlink(slot) }
        deadlines[slot] = deadlineNs
        let bucket = bucket(max(tick(deadlineNs), currentTick &+ 1))
        homes[slot] = UInt16(truncatingIfNeeded: bucket)
        let head = heads[bucket]
        next[slot] = head
        previous[slot] = Self.none
        if head >= 0 { previous[Int(head)] = Int32(truncatingIfNeeded: slot) }
        heads[bucket] = Int32(truncatingIfNeeded: slot)
        // Spelled out, here and in `unlink`: Swift 6.3.1 breaks off over `|=` when it instruments for ThreadSanitizer.
        occupied[bucket >> 6] = occupied[bucket >> 6] | 1 << UInt64(bucket & 63)
        count &+= 1
    }

    /// Forgets the deadline of `slot`, if it has one.
    public mutating func cancel(slot: Int) {
        guard slot >= 0, slot < capacity, deadlines[slot] != 0 else { return }
        unlink(slot)
        deadlines[slot] = 0
    }

    /// The next slot whose deadline has passed, and forgets it; nil when there is none left. Call until nil.
    public mutating func popExpired(nowNs: UInt64) -> Int? {
        guard count > 0 else {
            currentTick = max(currentTick, nowNs / tickNs)
            cursor = Self.none
            return nil
        }
        let target = nowNs / tickNs
        while true {
            while cursor >= 0 {
                let slot = Int(cursor)
                cursor = next[slot]
                if deadlines[slot] <= nowNs {
                    unlink(slot)
                    deadlines[slot] = 0
                    return slot
                }
            }
            guard currentTick < target else { return nil }
            // One turn of the wheel meets every bucket: more ticks than that are the same again.
            if target &- currentTick > UInt64(Self.buckets) { currentTick = target &- UInt64(Self.buckets) }
            currentTick &+= 1
            cursor = heads[bucket(currentTick)]
        }
    }

    /// When `popExpired` finds a deadline that is set now for `deadlineNs`.
    public func due(_ deadlineNs: UInt64) -> UInt64 { max(tick(deadlineNs), currentTick &+ 1) &* tickNs }

    /// Nanoseconds until `popExpired` may find something; nil when no deadline is set.
    public func timeUntilNext(nowNs: UInt64) -> UInt64? {
        guard count > 0 else { return nil }
        let first = bucket(currentTick &+ 1)
        var word = first >> 6
        var bits = occupied[word] & (~0 << UInt64(first & 63))
        for _ in 0...Self.buckets / 64 {
            if bits != 0 {
                let hit = word << 6 | bits.trailingZeroBitCount
                let distance = UInt64((hit &- first) & (Self.buckets &- 1)) &+ 1
                let due = (currentTick &+ distance) &* tickNs
                return due > nowNs ? due &- nowNs : 0
            }
            word = (word &+ 1) & (Self.buckets / 64 &- 1)
            bits = occupied[word]
        }
        return 0
    }

    @inline(__always)
    private func tick(_ deadlineNs: UInt64) -> UInt64 {
        let (sum, overflow) = deadlineNs.addingReportingOverflow(tickNs &- 1)
        return overflow ? deadlineNs / tickNs : sum / tickNs
    }

    @inline(__always)
    private func bucket(_ tick: UInt64) -> Int { Int(truncatingIfNeeded: tick) & (Self.buckets &- 1) }

    private mutating func unlink(_ slot: Int) {
        let after = next[slot]
        let before = previous[slot]
        if cursor == Int32(truncatingIfNeeded: slot) { cursor = after }
        if after >= 0 { previous[Int(after)] = before }
        if before >= 0 {
            next[Int(before)] = after
        } else {
            let bucket = Int(homes[slot])
            heads[bucket] = after
            if after < 0 { occupied[bucket >> 6] = occupied[bucket >> 6] & ~(1 << UInt64(bucket & 63)) }
        }
        count &-= 1
    }
}
