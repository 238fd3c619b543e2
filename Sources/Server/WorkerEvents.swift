// What a worker tells of its connections (docs/server.md lists the events), and the figures that it hands over when it is
// asked. Each event costs a compare and no more when the level is too low.

import CJemalloc
import PoplarCore
import Reactor

extension Worker {
    /// From here on it is this connection that events are about.
    @inline(__always)
    mutating func setOrigin(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard resources.events.tells(.logonGranted) else { return }
        resources.origin = Self.origin(token, seat)
    }

    private static func origin(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) -> EventOrigin {
        EventOrigin(connection: token.raw, peer: seat.pointee.peer)
    }

    @inline(__always)
    mutating func tellOpen(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        resources.events.record(.connectionOpen, resources.nowNs) { $0.origin = Self.origin(token, seat) }
    }

    mutating func tellRefused(_ kind: EventKind, _ peer: SocketAddress) {
        resources.events.record(kind, resources.nowNs) { $0.origin = EventOrigin(peer: peer) }
    }

    mutating func tellExhausted(_ code: Int32) {
        resources.events.record(.acceptExhausted, resources.nowNs) { $0.first = UInt64(UInt32(bitPattern: code)) }
    }

    mutating func tellTimeout(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ phase: Phase) {
        resources.events.record(.timeout, resources.nowNs) {
            $0.origin = Self.origin(token, seat)
            $0.reason = .phase(phase)
        }
    }

    /// A connection is over: what was wrong with it, where something was, and at level debug that it is over.
    @inline(__always)
    mutating func tellEnd(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let ending = seat.pointee.connection.ending
        switch ending {
        case .quit, .client, .timeout, .shortage, .drained, .impossible: break
        case .badCommands, .logonFailures, .protocolError: tellEnd(.protocolError, token, seat)
        case .stlsBuffered: tellEnd(.stlsBuffered, token, seat)
        case .tls: tellEnd(.tlsFailed, token, seat)
        case .displaced: tellEnd(.droppedOldest, token, seat)
        }
        resources.events.record(.connectionClosed, resources.nowNs) {
            $0.origin = Self.origin(token, seat)
            $0.reason = .ending(ending)
            ($0.first, $0.second) = seat.pointee.connection.totals
        }
    }

    @inline(never)
    private mutating func tellEnd(_ kind: EventKind, _ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let ending = seat.pointee.connection.ending
        resources.events.record(kind, resources.nowNs) {
            $0.origin = Self.origin(token, seat)
            if kind == .protocolError { $0.reason = .ending(ending) }
        }
    }

    // MARK: Figures

    var figures: WorkerFigures {
        let open = UInt64(slab.count)
        return WorkerFigures(
            counters: resources.counters, openClear: open &- min(open, openEncrypted), openEncrypted: openEncrypted,
            allocatedBytes: cjemalloc_thread_allocated()?.pointee)
    }
}
