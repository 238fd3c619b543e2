// What waits to be sent on one connection: parts in order, some copied into a borrowed chunk, some lying elsewhere
// (messages in the arena). The parts are iovecs at the head of the chunk, so that a flush is one call and nothing is
// gathered anew after a short write. An empty queue holds no chunk.
//
//   chunk: [ iovec x partCapacity | octets ... ]

import Glibc
import PoplarCore

struct OutputQueue {
    static let partCapacity = 64
    static let chunkSize = 16_384
    private static let headSize = partCapacity * MemoryLayout<iovec>.stride
    /// Octets that a challenge's base64 may take (NTLM's are below 1,400); the challenge is put together behind them.
    static let challengeBytes = 2048
    /// What one command may need at the most: both forms of a challenge, or a copied reply (CAPA), and three parts. With less
    /// room than that an exchange would be refused for what the client pipelined before it.
    private static let commandBytes = 2 * challengeBytes
    private static let commandParts = 4

    private var chunk: UnsafeMutableRawPointer?
    private var firstPart: Int32 = 0
    private var partCount: Int32 = 0
    private var used: Int32 = 0
    /// Octets not sent yet.
    private(set) var pending = 0
    /// Octets of a reply found no room, though `hasRoom` had been asked for it: what follows them would be a corrupt
    /// stream. Our own fault, never the client's; the connection ends.
    private(set) var isSpoilt = false

    var isEmpty: Bool { pending == 0 }

    /// Whether another command's reply fits for certain.
    var hasRoom: Bool {
        Int(partCount) <= Self.partCapacity &- Self.commandParts && room >= Self.commandBytes && !isSpoilt
    }

    /// Octets that can still be copied in.
    var room: Int { Self.chunkSize &- Self.headSize &- Int(used) }

    /// Makes sure that there is a chunk. False: the pool is at its limit.
    mutating func prepare(_ pool: inout BufferPool) -> Bool {
        if chunk == nil { chunk = pool.borrow() }
        return chunk != nil
    }

    /// Gives the chunk back once everything is sent, or when the connection ends.
    mutating func release(_ pool: inout BufferPool) {
        if let chunk { pool.giveBack(chunk) }
        chunk = nil
        clear()
    }

    /// A writer over the free rest of the chunk; `commit` makes what it wrote part of the queue.
    func writer() -> ByteWriter {
        guard let chunk else { return ByteWriter(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }
        return ByteWriter(UnsafeMutableRawBufferPointer(start: chunk + (Self.headSize &+ Int(used)), count: room))
    }

    mutating func commit(_ writer: borrowing ByteWriter) {
        guard !writer.overflowed, writer.count <= room else { return spoil() }
        guard let chunk, writer.count > 0 else { return }
        let start = chunk + (Self.headSize &+ Int(used))
        used &+= Int32(truncatingIfNeeded: writer.count)
        add(start, writer.count)
    }

    /// Copies a fixed text in.
    mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        guard let chunk, count <= room else { return spoil() }
        let start = chunk + (Self.headSize &+ Int(used))
        start.copyMemory(from: text.utf8Start, byteCount: count)
        used &+= Int32(truncatingIfNeeded: count)
        add(start, count)
    }

    /// Queues memory where it lies. It must stay as it is until it is sent.
    mutating func append(external bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, let base = bytes.baseAddress else { return }
        add(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }

    private mutating func add(_ start: UnsafeMutableRawPointer, _ count: Int) {
        guard let chunk else { return spoil() }
        let parts = chunk.assumingMemoryBound(to: iovec.self)
        pending &+= count
        if partCount > firstPart {
            let last = Int(partCount) &- 1
            if let base = parts[last].iov_base, base + parts[last].iov_len == start {
                parts[last].iov_len &+= count
                return
            }
        }
        guard Int(partCount) < Self.partCapacity else {
            pending &-= count
            return spoil()
        }
        (parts + Int(partCount)).initialize(to: iovec(iov_base: start, iov_len: count))
        partCount &+= 1
    }

    @inline(never)
    private mutating func spoil() {
        assertionFailure("octets of a reply have no room in the output queue")
        isSpoilt = true
    }

    /// The parts not sent yet, for one call.
    var parts: (start: UnsafeMutablePointer<iovec>, count: Int)? {
        guard let chunk, partCount > firstPart else { return nil }
        return (chunk.assumingMemoryBound(to: iovec.self) + Int(firstPart), Int(partCount &- firstPart))
    }

    /// The parts at the front that have `limit` octets together, or a beginning of the first when it has more.
    func parts(upTo limit: Int) -> (start: UnsafeMutablePointer<iovec>, count: Int, total: Int)? {
        guard let (start, count) = parts else { return nil }
        guard pending > limit else { return (start, count, pending) }
        var (taken, total) = (0, 0)
        while taken < count, total &+ start[taken].iov_len <= limit {
            total &+= start[taken].iov_len
            taken &+= 1
        }
        return taken > 0 ? (start, taken, total) : (start, 1, limit)
    }

    /// Takes `count` sent octets off the front.
    mutating func consume(_ count: Int) {
        guard let chunk else { return }
        // Nearly always all of it.
        guard count < pending else { return clear() }
        let parts = chunk.assumingMemoryBound(to: iovec.self)
        pending &-= count
        var left = count
        while left > 0, firstPart < partCount {
            let part = parts + Int(firstPart)
            if part.pointee.iov_len <= left {
                left &-= part.pointee.iov_len
                firstPart &+= 1
            } else {
                part.pointee.iov_base = part.pointee.iov_base.map { $0 + left }
                part.pointee.iov_len &-= left
                left = 0
            }
        }
    }

    private mutating func clear() {
        firstPart = 0
        partCount = 0
        used = 0
        pending = 0
    }
}
