// Clients behind a slow line: they read at a rate, by the timer wheel, and their sockets take little ahead, so that the server
// is held up as by a modem and has to keep the rest. What was read occupies the line for its octets over the rate; until
// then nothing more is read, whatever has come. Invariant: the wheel holds every session that has not ended.

import PoplarCore
import Reactor
import TLS
import Workload

enum SlowReading {
    /// Reads a second: small enough that a message arrives in a stream, large enough to cost little.
    static let readsPerSecond = 10
    static let smallestRead = 64

    /// Lateness that is made up for, two ticks of a thread's wheel: the wheel calls late, and each read would begin from there. A
    /// longer one, and a server's silence, are no credit.
    static let creditNs: UInt64 = 16_000_000

    /// When `count` octets read at `nowNs` have come over a line that was free since `freeNs`. `rate` is octets a second.
    static func lineFree(_ freeNs: UInt64, nowNs: UInt64, count: Int, rate: UInt32) -> UInt64 {
        let begin = max(freeNs, nowNs > creditNs ? nowNs &- creditNs : 0)
        return begin &+ UInt64(clamping: count) &* 1_000_000_000 / UInt64(max(1, rate))
    }

    /// What a socket of such a client takes ahead: the kernel doubles it for its own book-keeping.
    static func receiveBytes(_ rate: UInt32) -> Int32 { rate == 0 ? 0 : Int32(clamping: max(2048, min(rate / 2, 65_536))) }

    static func readSize(_ rate: UInt32) -> Int { max(smallestRead, min(IOScratch.cipherBytes, Int(rate) / readsPerSecond)) }
}

extension GeneratorThread {
    /// Reads once if the line is free, and says when to come again.
    mutating func readMore(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let rate = seat.pointee.machine.script.work.readRate
        guard nowNs >= seat.pointee.lineFreeNs else { return comeAgain(token, seat) }
        seat.pointee.nextReadNs = nil
        let isTLS = seat.pointee.tls != nil || seat.pointee.isEncrypted
        let held = seat.pointee.input.count
        let size = SlowReading.readSize(rate)
        let room = UnsafeMutableRawBufferPointer(
            rebasing: isTLS ? scratch.cipherIn[0..<size] : scratch.input[held..<(held &+ size)])
        switch seat.pointee.socket.read(into: room) {
        case .wouldBlock: arm(token, seat)
        case .failed(let code): conclude(token, seat, seat.pointee.machine.connectionFailed(code), atNs: nowNs)
        case .count(0): conclude(token, seat, seat.pointee.machine.streamEnded(), atNs: nowNs)
        case .count(let count):
            seat.pointee.lineFreeNs = SlowReading.lineFree(seat.pointee.lineFreeNs, nowNs: nowNs, count: count, rate: rate)
            if isTLS { receiveCiphertext(token, seat, count) } else { receivePlain(token, seat, held &+ count) }
            guard let seat = slab.pointer(token) else { return }
            guard seat.pointee.isLingering else { return comeAgain(token, seat) }
            // The server's close may have come along with its last reply: registering anew makes the kernel tell of it again.
            poller.modify(seat.pointee.socket.descriptor, [.readable, .writable, .readHangUp, .edge], payload: token.raw)
        }
    }

    private mutating func comeAgain(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        seat.pointee.nextReadNs = seat.pointee.lineFreeNs
        let deadline = seat.pointee.machine.deadlineNs(startNs: seat.pointee.header.startNs, limits: limits)
        // A line that is free at every tick would else read on past the limit.
        guard deadline > nowNs || seat.pointee.machine.state == .idle else {
            return conclude(token, seat, seat.pointee.machine.timedOut(), atNs: deadline)
        }
        arm(token, seat)
    }

    /// The wheel calls at the session's deadline, or when its line is free to be read, whichever is first.
    mutating func arm(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let deadline = seat.pointee.machine.deadlineNs(startNs: seat.pointee.header.startNs, limits: limits)
        wheel.set(slot: Int(token.slot), deadlineNs: min(deadline, seat.pointee.nextReadNs ?? .max))
    }
}
