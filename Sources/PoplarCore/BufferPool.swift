// A LIFO pool of equal chunks: the chunk given back last is the one still in the cache. A connection borrows one
// while bytes are in flight and holds none while idle. Past `limit` chunks `borrow` answers nil and counts it. What is
// free stays until `shrink` is called, which frees chunks that nobody has borrowed since it was called before.

@frozen
public struct BufferPool: ~Copyable {
    /// Octets of each chunk.
    public let chunkSize: Int
    /// Chunks that may be out or kept at once.
    public let limit: Int
    @usableFromInline let free: UnsafeMutablePointer<UnsafeMutableRawPointer>
    @usableFromInline var freeCount: Int
    /// The least that were free since the last `shrink`.
    @usableFromInline var leastFree: Int
    @usableFromInline var made: Int
    @usableFromInline var refusals: UInt64

    @inlinable
    public init(chunkSize: Int, limit: Int) {
        precondition(chunkSize > 0 && limit > 0, "pool sizes out of range")
        self.chunkSize = chunkSize
        self.limit = limit
        free = .allocate(capacity: limit)
        freeCount = 0
        leastFree = 0
        made = 0
        refusals = 0
    }

    @inlinable
    deinit {
        for index in 0..<freeCount { free[index].deallocate() }
        free.deallocate()
    }

    /// Chunks made so far.
    @inlinable public var allocated: Int { made }
    /// Times that `borrow` found the pool at its limit.
    @inlinable public var exhaustions: UInt64 { refusals }
    /// Chunks out at the moment.
    @inlinable public var borrowed: Int { made &- freeCount }

    /// A chunk of `chunkSize` octets with unspecified contents; nil at the limit.
    @inlinable
    public mutating func borrow() -> UnsafeMutableRawPointer? {
        if freeCount > 0 {
            freeCount &-= 1
            if freeCount < leastFree { leastFree = freeCount }
            return free[freeCount]
        }
        guard made < limit else {
            refusals &+= 1
            return nil
        }
        made &+= 1
        return UnsafeMutableRawPointer.allocate(byteCount: chunkSize, alignment: 64)
    }

    /// Chunks that wait to be borrowed.
    @inlinable public var idle: Int { freeCount }

    /// Takes back a chunk that this pool lent.
    @inlinable
    public mutating func giveBack(_ chunk: UnsafeMutableRawPointer) {
        assert(freeCount < made, "more chunks come back than were lent")
        guard freeCount < limit else { return }
        (free + freeCount).initialize(to: chunk)
        freeCount &+= 1
    }

    /// Frees chunks that were idle all the time since the last call, down to `reserve` of them and at most `count`.
    /// Returns whether another call may free more.
    public mutating func shrink(reserve: Int, atMost count: Int) -> Bool {
        let surplus = min(count, min(leastFree, freeCount &- reserve))
        for _ in 0..<max(0, surplus) {
            freeCount &-= 1
            made &-= 1
            free[freeCount].deallocate()
        }
        leastFree = freeCount
        return freeCount > reserve
    }
}
