// How a worker takes new connections: as many a turn as are waiting, within the caps of source and total. When every seat is
// taken the oldest connection without a logon makes room; when descriptors are short the listeners rest for a while,
// instead of telling of the same connection over and over.

import Glibc
import POP3
import PoplarCore
import Reactor
import TLS

extension Worker {
    /// Watches every listener. Returns 0, or the errno of the first one that cannot be watched.
    static func watch(_ listeners: borrowing ListenerSet, _ poller: borrowing Poller) -> Int32 {
        for index in 0..<listeners.count {
            let code = poller.add(listeners.descriptor(index), .readable, payload: UInt64(index) &+ 1)
            guard code == 0 else { return code }
        }
        return 0
    }

    /// Takes every connection that waits at the listeners, at most as many as a listener may hold.
    mutating func takeWaiting() {
        for index in 0..<listeners.count {
            taking: for _ in 0..<Self.longestBacklog {
                switch listeners.accept(index) {
                case .connection(let descriptor, let peer):
                    seat(Socket(owning: descriptor), peer, encrypted: listeners.isEncrypted(index))
                case .none: break taking
                case .exhausted(let code):
                    resources.counters.acceptExhausted &+= 1
                    tellExhausted(code)
                    break taking
                }
            }
        }
    }

    /// What net.core.somaxconn may be raised to.
    private static var longestBacklog: Int { 65_536 }

    /// Accepts one connection at first and twice as many each turn while more are waiting, so that a single client costs
    /// no second accept call and a storm is still drained.
    mutating func accept(_ index: Int) {
        guard isAccepting else { return }
        for _ in 0..<acceptBudget {
            switch listeners.accept(index) {
            case .connection(let descriptor, let peer):
                seat(Socket(owning: descriptor), peer, encrypted: listeners.isEncrypted(index))
            case .none:
                acceptBudget = 1
                return
            case .exhausted(let code):
                resources.counters.acceptExhausted &+= 1
                tellExhausted(code)
                pauseAccepting()
                return
            }
        }
        acceptBudget = min(acceptBudget &* 2, resources.snapshot.limits.acceptsPerTurn)
    }

    private mutating func seat(_ socket: consuming Socket, _ peer: SocketAddress, encrypted: Bool) {
        resources.counters.accepted &+= 1
        var place: SourceTable.Place?
        let cap = resources.snapshot.limits.connectionsPerSource
        if cap > 0 {
            let counted = sources.place(of: peer)
            guard sources.admit(counted, cap: cap) else {
                resources.counters.refusedSource &+= 1
                tellRefused(.refusedSource, peer)
                return refuse(socket, encrypted: encrypted)
            }
            place = counted
        }
        if slab.count >= slab.capacity, !displaceOldest() {
            resources.counters.refusedFull &+= 1
            tellRefused(.refusedFull, peer)
            if let place { sources.giveBack(place) }
            return refuse(socket, encrypted: encrypted)
        }
        var cipher: Cipher?
        if encrypted {
            guard let tls = resources.snapshot.tls, let session = TLSSession(tls, pump: resources.pump) else {
                if let place { sources.giveBack(place) }
                return
            }
            cipher = Cipher(session, channelBinding: resources.channelBinding)
        }
        guard let (token, seat) = slab.take() else {
            assertionFailure("room was made, and there is none")
            resources.counters.impossible &+= 1
            if let place { sources.giveBack(place) }
            return
        }
        seat.initialize(
            to: Seat(socket: socket, connection: Connection(cipher: cipher, nowNs: resources.nowNs), peer: peer))
        seat.pointee.connection.open(&resources)
        seat.pointee.place = place
        seat.pointee.isPending = true
        seat.pointee.isFromEncrypted = encrypted
        if encrypted { openEncrypted &+= 1 }
        tellOpen(token, seat)
        pending.append(Int(token.slot))
        begin(token, seat)
    }

    /// Makes room by ending the connection that has gone longest without a logon. False: all have logged on.
    private mutating func displaceOldest() -> Bool {
        guard let slot = pending.oldest, let token = slab.token(slot: slot), let seat = slab.pointer(token) else { return false }
        resources.counters.displaced &+= 1
        seat.pointee.connection.close(.displaced)
        remove(token)
        return true
    }

    private mutating func refuse(_ socket: borrowing Socket, encrypted: Bool) {
        guard !encrypted else { return }
        let line = ServerReply.tooManyConnections.line(resources.snapshot.behaviour.personality)
        _ = System.send(socket.descriptor, UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
    }

    private mutating func pauseAccepting() {
        pausedAccepting = true
        for index in 0..<listeners.count { poller.remove(listeners.descriptor(index)) }
        let pauseNs = UInt64(truncatingIfNeeded: resources.snapshot.limits.acceptPauseMs) &* 1_000_000
        setTimer(slot: slab.capacity, deadlineNs: resources.nowNs &+ pauseNs)
    }

    /// A descriptor has become free, or it is time to try again.
    mutating func resumeAccepting() {
        isLighter = false
        guard isAccepting, pausedAccepting else { return }
        pausedAccepting = false
        cancelTimer(slot: slab.capacity)
        // The kernel is short of memory: the listeners rest once more.
        if Self.watch(listeners, poller) != 0 { pauseAccepting() }
    }
}
