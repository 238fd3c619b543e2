// A session with its socket: what the slab of a thread holds. Chunks are borrowed while a reply's line or a command is
// only half there, so that an ordinary session holds none. Invariant: the socket is closed with the seat.

import PoplarCore
import Reactor
import TLS

struct Seat: ~Copyable {
    let socket: Socket
    var machine: SessionMachine
    var tls: TLSSession?
    /// From the first octet of a handshake on.
    var usesTLS = false
    var isEncrypted = false
    var hasKeptTicket = false
    let header: SessionHeader
    /// The outcome has been recorded; the server's close is awaited.
    var isLingering = false
    /// Slow readers: when the next octets are read. Something lies there to be read if it is set.
    var nextReadNs: UInt64?
    /// When what was read last has come over the line.
    var lineFreeNs: UInt64 = 0
    /// What a machine did not consume yet.
    var input = HeldOctets()
    /// What the socket did not take yet.
    var output = HeldOctets()

    init(socket: consuming Socket, machine: SessionMachine, header: SessionHeader) {
        self.socket = socket
        self.machine = machine
        self.header = header
    }

    func isToRead(_ nowNs: UInt64) -> Bool {
        guard let nextReadNs else { return false }
        return nextReadNs <= nowNs
    }
}

/// Octets kept in a borrowed chunk between two turns.
struct HeldOctets {
    private var chunk: UnsafeMutableRawPointer?
    private(set) var count = 0

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: chunk, count: count) }

    /// Keeps `bytes` behind what is held. False when the pool is empty or the chunk too small.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ pool: inout BufferPool) -> Bool {
        guard bytes.count > 0 else { return true }
        if chunk == nil { chunk = pool.borrow() }
        guard let chunk, let base = bytes.baseAddress, bytes.count <= pool.chunkSize &- count else { return false }
        (chunk + count).copyMemory(from: base, byteCount: bytes.count)
        count &+= bytes.count
        return true
    }

    /// Drops `size` octets from the front.
    mutating func consume(_ size: Int, _ pool: inout BufferPool) {
        guard let chunk, size < count else { return release(&pool) }
        chunk.copyMemory(from: chunk + size, byteCount: count &- size)
        count &-= size
    }

    mutating func release(_ pool: inout BufferPool) {
        if let chunk { pool.giveBack(chunk) }
        chunk = nil
        count = 0
    }
}
