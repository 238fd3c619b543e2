// A raw slab of noncopyable elements, named by (generation, slot) tokens. Invariant: a token is honoured only
// while its generation is the slot's own, so an event for a connection that is gone finds nothing.
// Capacity is fixed at creation; a full slab answers nil. A slot's generation is odd while it is taken.

/// Names one tenancy of a slot. `raw` travels inside epoll events.
@frozen
public struct Token: Equatable, Sendable {
    public let raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public init(generation: UInt32, slot: UInt32) { raw = UInt64(generation) << 32 | UInt64(slot) }
    @inlinable public var slot: UInt32 { UInt32(truncatingIfNeeded: raw) }
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
}

@frozen
public struct Slab<Element: ~Copyable>: ~Copyable {
    @usableFromInline let elements: UnsafeMutablePointer<Element>
    @usableFromInline let generations: UnsafeMutablePointer<UInt32>
    @usableFromInline let freeSlots: UnsafeMutablePointer<UInt32>
    @usableFromInline var freeCount: Int
    public let capacity: Int

    /// Memory for `capacity` elements (at least 1, below 2^32), reserved now and touched when used.
    @inlinable
    public init(capacity: Int) {
        precondition(capacity > 0 && capacity < Int(UInt32.max), "slab capacity out of range")
        self.capacity = capacity
        elements = .allocate(capacity: capacity)
        generations = .allocate(capacity: capacity)
        generations.initialize(repeating: 0, count: capacity)
        freeSlots = .allocate(capacity: capacity)
        for index in 0..<capacity { (freeSlots + index).initialize(to: UInt32(capacity - 1 - index)) }
        freeCount = capacity
    }

    @inlinable
    deinit {
        for slot in 0..<capacity where generations[slot] & 1 == 1 { (elements + slot).deinitialize(count: 1) }
        elements.deallocate()
        generations.deallocate()
        freeSlots.deallocate()
    }

    /// Elements in use.
    @inlinable public var count: Int { capacity &- freeCount }

    /// Moves `element` in; nil when the slab is full (`element` is then destroyed).
    @inlinable
    public mutating func insert(_ element: consuming Element) -> Token? {
        guard freeCount > 0 else { return nil }
        freeCount &-= 1
        let slot = Int(freeSlots[freeCount])
        generations[slot] &+= 1
        (elements + slot).initialize(to: element)
        return Token(generation: generations[slot], slot: UInt32(truncatingIfNeeded: slot))
    }

    /// Takes a slot for an element that the caller makes where it lies: the memory has no value yet, and must have one before
    /// anything else is asked of the slab. Nil when the slab is full.
    @inlinable
    public mutating func take() -> (token: Token, element: UnsafeMutablePointer<Element>)? {
        guard freeCount > 0 else { return nil }
        freeCount &-= 1
        let slot = Int(freeSlots[freeCount])
        generations[slot] &+= 1
        return (Token(generation: generations[slot], slot: UInt32(truncatingIfNeeded: slot)), elements + slot)
    }

    /// The element, or nil when the token is stale. The pointer holds until the element is removed.
    @inlinable
    public func pointer(_ token: Token) -> UnsafeMutablePointer<Element>? {
        let slot = Int(token.slot)
        guard slot < capacity, generations[slot] == token.generation, token.generation & 1 == 1 else { return nil }
        return elements + slot
    }

    /// The slot of an element that `pointer` gave.
    @inlinable
    public func slot(_ element: UnsafeMutablePointer<Element>) -> Int { element - elements }

    /// The token of the element in `slot` now; nil when the slot is free.
    @inlinable
    public func token(slot: Int) -> Token? {
        guard slot >= 0, slot < capacity, generations[slot] & 1 == 1 else { return nil }
        return Token(generation: generations[slot], slot: UInt32(truncatingIfNeeded: slot))
    }

    /// Destroys the element; false when the token is stale.
    @inlinable @discardableResult
    public mutating func remove(_ token: Token) -> Bool {
        guard let element = pointer(token) else { return false }
        element.deinitialize(count: 1)
        let slot = Int(token.slot)
        generations[slot] &+= 1
        freeSlots[freeCount] = token.slot
        freeCount &+= 1
        return true
    }
}
