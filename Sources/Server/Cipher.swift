// The TLS layer of one connection: ciphertext in becomes plaintext in the connection's input, queued replies become
// ciphertext. Small parts are gathered into one record; large ones are encrypted from where they lie.
// Invariant: there is always room for a whole record before one is written, so OpenSSL never holds half of one back.

import Digest
import Glibc
import PoplarCore
import TLS

struct Cipher: ~Copyable {
    var tls: TLSSession
    /// What NTLM binds to in this session: the certificate that it began with, whatever a reload has brought since.
    let channelBinding: Digest16?
    private(set) var isEstablished = false
    /// Ciphertext waiting to be sent.
    private var chunk: UnsafeMutableRawPointer?
    private var start = 0
    private var end = 0
    /// Ciphertext that came and could not be decrypted yet, because replies were waiting to go out.
    private var stash: UnsafeMutableRawPointer?
    private var stashCount = 0
    private var saidGoodbye = false
    /// OpenSSL has more to write than there was room for: it goes on when the chunk has been sent.
    private(set) var awaitsRoom = false
    /// TLS from the connection's first octet, so that the greeting is still to come. After STLS it is not (RFC 2595, 4).
    let isImplicit: Bool

    static let recordBytes = 16_384
    /// What a record may be larger than its plaintext, with room for a ticket or an alert behind it.
    private static let overhead = 1024
    /// Parts from this size on are encrypted where they lie.
    private static let directBytes = 8_192

    /// `isImplicit`: false when the connection has already been spoken on in the clear.
    init(_ tls: consuming TLSSession, channelBinding: Digest16?, isImplicit: Bool = true) {
        self.tls = tls
        self.channelBinding = channelBinding
        self.isImplicit = isImplicit
    }

    enum Progress: Equatable {
        case established
        case waiting
        case failed
    }

    var hasOutput: Bool { end > start }
    var hasStash: Bool { stashCount > 0 }
    /// Whether plaintext, ciphertext or output waits in here.
    var isBusy: Bool { hasOutput || hasStash || awaitsRoom || (isEstablished && tls.hasPending) }

    /// Carries the handshake on with what has come. The pump holds the input.
    mutating func handshake(_ resources: inout Resources) -> Progress {
        guard prepare(&resources) else { return .failed }
        lendOutput(&resources)
        let progress = tls.handshake()
        takeOutput(&resources)
        awaitsRoom = progress == .needsOutput
        switch progress {
        case .done:
            isEstablished = true
            tls.beginWiping()
            if tls.isResumed { resources.counters.handshakesResumed &+= 1 } else { resources.counters.handshakesFull &+= 1 }
            return .established
        case .needsInput, .needsOutput: return .waiting
        case .failed:
            resources.counters.handshakesFailed &+= 1
            return .failed
        }
    }

    /// The client has logged on, so what it sends from here on is no secret of its own.
    func passwordHasCome() { tls.endWiping() }

    /// Decrypts what the pump holds into `room`.
    mutating func decrypt(into room: UnsafeMutableRawBufferPointer, _ resources: inout Resources) -> TLSSession.Transfer {
        guard prepare(&resources) else { return .failed }
        lendOutput(&resources)
        let result = tls.read(into: room)
        takeOutput(&resources)
        awaitsRoom = result == .needsOutput
        return result
    }

    /// Encrypts as much of `queue` as there is room for. False: the session broke in this call. One that broke before has
    /// its alert in the chunk, which is all that is still to be sent.
    mutating func encrypt(_ queue: inout OutputQueue, closing: Bool, _ resources: inout Resources) -> Bool {
        guard isEstablished, !tls.isBroken else { return true }
        guard !queue.isEmpty || closing else { return true }
        guard prepare(&resources) else { return false }
        while let (parts, count) = queue.parts, Resources.cipherChunk &- end >= Self.recordBytes &+ Self.overhead {
            let plain = Self.gather(parts, count, resources.scratch)
            lendOutput(&resources)
            let result = tls.write(plain)
            takeOutput(&resources)
            switch result {
            case .count(let written): queue.consume(written)
            case .needsOutput: return true
            // Only a renegotiation would have to read first, and there is none.
            case .needsInput, .closed, .failed: return false
            }
        }
        if closing, queue.isEmpty, !saidGoodbye, Resources.cipherChunk &- end >= Self.overhead {
            saidGoodbye = true
            lendOutput(&resources)
            tls.close()
            takeOutput(&resources)
        }
        return true
    }

    /// The next record's plaintext: a large part as it lies, or small ones copied together.
    private static func gather(
        _ parts: UnsafeMutablePointer<iovec>, _ count: Int, _ scratch: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        if count == 1 || parts[0].iov_len >= directBytes {
            return UnsafeRawBufferPointer(start: parts[0].iov_base, count: min(parts[0].iov_len, recordBytes))
        }
        var writer = ByteWriter(scratch)
        var index = 0
        while index < count, writer.remaining > 0 {
            writer.append(
                UnsafeRawBufferPointer(start: parts[index].iov_base, count: min(parts[index].iov_len, writer.remaining)))
            index &+= 1
        }
        return writer.written
    }

    /// Ciphertext to send, where it lies.
    var outgoing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: chunk.map { $0 + start }, count: end &- start) }

    mutating func didSend(_ count: Int, _ resources: inout Resources) {
        start &+= count
        guard start >= end else { return }
        start = 0
        end = 0
        if let chunk { resources.cipherPool.giveBack(chunk) }
        chunk = nil
    }

    /// Keeps what the pump has left for a later turn.
    mutating func stash(_ bytes: UnsafeRawBufferPointer, _ resources: inout Resources) -> Bool {
        guard bytes.count > 0 else { return true }
        if stash == nil { stash = resources.cipherPool.borrow() }
        assert(stashCount == 0, "nothing is read while ciphertext waits, so the order would be lost")
        guard let stash, stashCount == 0, bytes.count <= Resources.cipherChunk else { return false }
        (stash + stashCount).copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(stash), byteCount: bytes.count)
        stashCount &+= bytes.count
        return true
    }

    /// Copies the stash into `room` and empties it. Returns the octets copied.
    mutating func unstash(into room: UnsafeMutableRawBufferPointer, _ resources: inout Resources) -> Int {
        guard let stash else { return 0 }
        let count = min(stashCount, room.count)
        room.copyMemory(from: UnsafeRawBufferPointer(start: stash, count: count))
        stashCount &-= count
        if stashCount > 0 {
            memmove(stash, stash + count, stashCount)
        } else {
            resources.cipherPool.giveBack(stash)
            self.stash = nil
        }
        return count
    }

    mutating func release(_ resources: inout Resources) {
        if let chunk { resources.cipherPool.giveBack(chunk) }
        if let stash { resources.cipherPool.giveBack(stash) }
        chunk = nil
        stash = nil
        start = 0
        end = 0
        stashCount = 0
    }

    private mutating func prepare(_ resources: inout Resources) -> Bool {
        if chunk == nil { chunk = resources.cipherPool.borrow() }
        return chunk != nil
    }

    private func lendOutput(_ resources: inout Resources) {
        guard let chunk else { return }
        resources.pump.lendOutput(UnsafeMutableRawBufferPointer(start: chunk + end, count: Resources.cipherChunk &- end))
    }

    private mutating func takeOutput(_ resources: inout Resources) {
        end &+= resources.pump.outputCount
        // An idle connection holds no chunk, so one that nothing was written into goes back at once.
        if end == 0, let chunk {
            resources.cipherPool.giveBack(chunk)
            self.chunk = nil
        }
    }
}
