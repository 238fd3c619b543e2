// A LIFO pool of equal chunks: the chunk given back last is the one still in the cache. A connection borrows one
// while bytes are in flight and holds none while idle. Memory is kept until the pool goes, up to `limit` chunks;
// past the limit `borrow` answers nil and counts it.

@frozen
public struct BufferPool: ~Copyable {
    /// Octets of each chunk.
    public let chunkSize: Int
    /// Chunks that may be out or kept at once.
    public let limit: Int
    @usableFromInline let free: UnsafeMutablePointer<UnsafeMutableRawPointer>
    @usableFromInline var freeCount: Int
    @usableFromInline var made: Int
    @usableFromInline var refusals: UInt64

    @inlinable
    public init(chunkSize: Int, limit: Int) {
        precondition(chunkSize > 0 && limit > 0, "pool sizes out of range")
        self.chunkSize = chunkSize
        self.limit = limit
        free = .allocate(capacity: limit)
        freeCount = 0
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
            return free[freeCount]
        }
        guard made < limit else {
            refusals &+= 1
            return nil
        }
        made &+= 1
        return UnsafeMutableRawPointer.allocate(byteCount: chunkSize, alignment: 64)
    }

    /// Takes back a chunk that this pool lent.
    @inlinable
    public mutating func giveBack(_ chunk: UnsafeMutableRawPointer) {
        guard freeCount < limit else { return }
        (free + freeCount).initialize(to: chunk)
        freeCount &+= 1
    }
}
