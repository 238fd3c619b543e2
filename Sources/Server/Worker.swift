// One worker: a thread, its listeners, its connections, and nothing shared. A turn of its loop: wait, events, timers,
// the ready queue, and back. Level-triggered epoll with one registration per connection; interest changes only when a
// client stops reading. Every loop in here is bounded by a limit.

import CLinux
import Glibc
import PoplarCore
import Reactor
import TLS

/// A connection with its socket: what the slab holds.
struct Seat: ~Copyable {
    let socket: Socket
    var connection: Connection
    /// Waiting for the socket to take output; input is not read meanwhile.
    var isBlocked = false
    var isReady = false

    init(socket: consuming Socket, connection: consuming Connection) {
        self.socket = socket
        self.connection = connection
    }
}

struct Worker: ~Copyable {
    private static let wakeUpPayload: UInt64 = 0
    /// Reads and flushes of one connection in one turn, then it goes to the back of the ready queue.
    private static let roundsPerTurn = 16
    private static let acceptPauseNs: UInt64 = 100_000_000

    private let number: Int
    private let poller: Poller
    private let listeners: ListenerSet
    private let control: WorkerControl
    private var limits: Limits
    /// The shortest of a connection's limits. Looking at each connection that often finds every deadline on time, also
    /// one that came with a change of state, and spares the wheel a call per command.
    private var checkNs: UInt64
    private var tls: TLSContext?
    private var resources: Resources
    private var slab: Slab<Seat>
    private var wheel: TimerWheel
    private var ready: ReadyQueue
    private var acceptBudget = 1
    private var isAccepting = true
    private var drainDeadlineNs: UInt64?

    init(_ snapshot: Snapshot, number: Int, listeners: consuming ListenerSet, connections: Int, control: WorkerControl)
        throws(SystemError)
    {
        let now = MonotonicClock.now()
        self.number = number
        self.listeners = listeners
        self.control = control
        limits = snapshot.limits
        checkNs = Self.checkNs(snapshot.limits)
        tls = snapshot.tls
        resources = Resources(snapshot, connections: connections, nowNs: now)
        slab = Slab(capacity: connections)
        wheel = TimerWheel(capacity: connections + 1, tickNs: 32_000_000, nowNs: now)
        ready = ReadyQueue(capacity: connections)
        poller = try Poller(capacity: snapshot.limits.eventsPerTurn)
        _ = poller.add(control.wakeUp, .readable, payload: Self.wakeUpPayload)
        watchListeners()
    }

    /// Serves until it is told to stop and has drained.
    mutating func run() {
        while true {
            let timeout: UInt64? = ready.isEmpty ? wheel.timeUntilNext(nowNs: resources.nowNs) : 0
            let count = poller.wait(timeoutNs: timeout)
            resources.nowNs = MonotonicClock.now()
            for index in 0..<count { handle(poller.payload(index), poller.readiness(index)) }
            expireTimers()
            runReadyQueue()
            if let drainDeadlineNs, slab.count == 0 || resources.nowNs >= drainDeadlineNs { break }
        }
        endAll()
    }

    // MARK: Events

    @inline(__always)
    private mutating func handle(_ payload: UInt64, _ readiness: Poller.Readiness) {
        // Tokens of the slab have a generation, so they are past 32 bits; what is below is ours.
        guard payload <= UInt64(UInt32.max) else { return handleSeat(Token(raw: payload), readiness) }
        if payload == Self.wakeUpPayload {
            obey()
        } else {
            accept(Int(payload &- 1))
        }
    }

    private mutating func handleSeat(_ token: Token, _ readiness: Poller.Readiness) {
        guard let seat = slab.pointer(token) else {
            resources.counters.staleEvents &+= 1
            return
        }
        if readiness.contains(.error) { return remove(token) }
        if seat.pointee.isBlocked {
            guard readiness.contains(.writable) || readiness.contains(.hangUp) else { return }
            return settle(token, seat)
        }
        read(token, seat)
    }

    /// Reads once and answers. A short read means that the socket is empty, which spares the call that would say so.
    private mutating func read(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let result: IOResult
        if seat.pointee.connection.isEncrypted {
            result = seat.pointee.socket.read(into: resources.scratch)
            if case .count(let count) = result, count > 0 {
                let bytes = UnsafeRawBufferPointer(rebasing: resources.scratch[0..<count])
                seat.pointee.connection.receiveCiphertext(bytes, &resources)
            }
        } else {
            guard let room = seat.pointee.connection.inputRoom(&resources) else { return settle(token, seat) }
            result = seat.pointee.socket.read(into: room)
            if case .count(let count) = result, count > 0 {
                resources.counters.octetsReceived &+= UInt64(count)
                seat.pointee.connection.didReceive(count, &resources)
                seat.pointee.connection.process(&resources)
            }
        }
        switch result {
        case .count(0): endOfStream(token, seat)
        case .count: settle(token, seat)
        case .wouldBlock: seat.pointee.connection.releaseIdleInput(&resources)
        case .failed: remove(token)
        }
    }

    /// The client has finished sending: what it is still owed goes out first (it may have closed one direction alone).
    private mutating func endOfStream(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        seat.pointee.connection.close()
        settle(token, seat)
    }

    /// Sends what is queued, answers what had no room before, and so on until nothing is left to do, the socket is full,
    /// or the connection has had its share of this turn.
    private mutating func settle(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        for _ in 0..<Self.roundsPerTurn {
            switch flush(seat) {
            case .broken: return remove(token)
            case .blocked: return block(token, seat)
            case .sent: break
            }
            if seat.pointee.connection.isClosing { return remove(token) }
            guard seat.pointee.connection.hasMore else {
                unblock(token, seat)
                return
            }
            if seat.pointee.connection.hasInput || seat.pointee.connection.listing != .none {
                seat.pointee.connection.process(&resources)
            }
            if seat.pointee.connection.isEncrypted { seat.pointee.connection.resumeCiphertext(&resources) }
            if seat.pointee.connection.isWaitingForInput {
                unblock(token, seat)
                return
            }
        }
        if !seat.pointee.isReady {
            seat.pointee.isReady = true
            ready.push(token)
        }
    }

    private enum Flush {
        case sent
        case blocked
        case broken
    }

    /// Hands the queue to the kernel. The last reply before a close is held back, so that it leaves with the FIN in one
    /// segment.
    private mutating func flush(_ seat: UnsafeMutablePointer<Seat>) -> Flush {
        for _ in 0..<Self.roundsPerTurn {
            guard let outgoing = seat.pointee.connection.outgoing(&resources) else { return .broken }
            guard outgoing.total > 0 else { return .sent }
            let last = seat.pointee.connection.isClosing
            let result: IOResult
            switch outgoing {
            case .parts(let start, let count, _):
                result =
                    count == 1
                    ? System.send(
                        seat.pointee.socket.descriptor,
                        UnsafeRawBufferPointer(start: start.pointee.iov_base, count: start.pointee.iov_len), more: last)
                    : System.send(seat.pointee.socket.descriptor, parts: start, count: count, more: last)
            case .block(let bytes):
                result = System.send(seat.pointee.socket.descriptor, bytes, more: last)
            }
            switch result {
            case .count(let count):
                resources.counters.octetsSent &+= UInt64(count)
                seat.pointee.connection.didSend(count, &resources)
                if count < outgoing.total { return .blocked }
            case .wouldBlock: return .blocked
            case .failed: return .broken
            }
        }
        return seat.pointee.connection.outgoing(&resources)?.total == 0 ? .sent : .blocked
    }

    private mutating func block(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard !seat.pointee.isBlocked else { return }
        seat.pointee.isBlocked = true
        poller.modify(seat.pointee.socket.descriptor, .writable, payload: token.raw)
        watch(token, seat)
    }

    private mutating func unblock(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.isBlocked else { return }
        seat.pointee.isBlocked = false
        poller.modify(seat.pointee.socket.descriptor, .readable, payload: token.raw)
    }

    private mutating func runReadyQueue() {
        for _ in 0..<ready.count {
            guard let token = ready.pop() else { return }
            guard let seat = slab.pointer(token) else { continue }
            seat.pointee.isReady = false
            settle(token, seat)
        }
    }

    private mutating func remove(_ token: Token) {
        guard let seat = slab.pointer(token) else { return }
        seat.pointee.connection.end(&resources)
        wheel.cancel(slot: Int(token.slot))
        slab.remove(token)
    }

    // MARK: Accepting

    private func watchListeners() {
        for index in 0..<listeners.count { _ = poller.add(listeners.descriptor(index), .readable, payload: UInt64(index) &+ 1) }
    }

    /// Accepts one connection at first and twice as many each turn while more are waiting, so that a single client costs
    /// no second accept call and a storm is still drained.
    private mutating func accept(_ index: Int) {
        guard isAccepting else { return }
        for _ in 0..<acceptBudget {
            switch listeners.accept(index) {
            case .connection(let descriptor):
                seat(Socket(owning: descriptor), encrypted: listeners.isEncrypted(index))
            case .none:
                acceptBudget = 1
                return
            case .exhausted:
                resources.counters.acceptExhausted &+= 1
                pauseAccepting()
                return
            }
        }
        acceptBudget = min(acceptBudget &* 2, limits.acceptsPerTurn)
    }

    private mutating func seat(_ socket: consuming Socket, encrypted: Bool) {
        resources.counters.accepted &+= 1
        guard slab.count < slab.capacity else { return refuse(socket, encrypted: encrypted) }
        var cipher: Cipher?
        if encrypted {
            guard let tls, let session = TLSSession(tls, pump: resources.pump) else { return }
            cipher = Cipher(session, channelBinding: resources.channelBinding)
        }
        let connection = Connection(cipher: cipher, &resources)
        guard let token = slab.insert(Seat(socket: socket, connection: connection)), let seat = slab.pointer(token) else {
            return
        }
        guard poller.add(seat.pointee.socket.descriptor, .readable, payload: token.raw) == 0 else { return remove(token) }
        watch(token, seat)
        settle(token, seat)
    }

    private mutating func refuse(_ socket: borrowing Socket, encrypted: Bool) {
        resources.counters.refusedFull &+= 1
        guard !encrypted else { return }
        let line = ServerReplyText.tooManyConnections
        _ = System.send(socket.descriptor, UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
    }

    /// Descriptors are short: the listeners are left alone for a while, instead of being told of the same connection over
    /// and over.
    private mutating func pauseAccepting() {
        for index in 0..<listeners.count { poller.remove(listeners.descriptor(index)) }
        wheel.set(slot: slab.capacity, deadlineNs: resources.nowNs &+ Self.acceptPauseNs)
    }

    // MARK: Time

    /// Has the wheel name the connection when its time is up, or earlier to look again.
    private mutating func watch(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        let deadline = seat.pointee.connection.deadlineNs(limits)
        wheel.set(slot: Int(token.slot), deadlineNs: min(deadline, resources.nowNs &+ checkNs))
    }

    private mutating func expireTimers() {
        while let slot = wheel.popExpired(nowNs: resources.nowNs) {
            if slot == slab.capacity {
                if isAccepting { watchListeners() }
                continue
            }
            guard let token = slab.token(slot: slot), let seat = slab.pointer(token) else { continue }
            let deadline = seat.pointee.connection.deadlineNs(limits)
            if deadline <= resources.nowNs {
                resources.counters.timeouts &+= 1
                remove(token)
            } else {
                watch(token, seat)
            }
        }
    }

    // MARK: Control

    private mutating func obey() {
        let orders = control.take()
        if orders.contains(.report) { control.report(number, resources.counters) }
        if orders.contains(.reload) { reload() }
        guard orders.contains(.drain), drainDeadlineNs == nil else { return }
        isAccepting = false
        for index in 0..<listeners.count { poller.remove(listeners.descriptor(index)) }
        let deadline = resources.nowNs &+ UInt64(limits.drainMs) &* 1_000_000
        drainDeadlineNs = deadline
        wheel.set(slot: slab.capacity, deadlineNs: max(1, deadline))
    }

    /// Between two connections' turns: what comes from now on, on open connections too, sees the new state. A TLS session
    /// keeps the context that it began with, which OpenSSL counts.
    @inline(never)
    private mutating func reload() {
        guard let fresh = control.takeSnapshot() else { return }
        limits = fresh.limits
        tls = fresh.tls
        resources.adopt(fresh)
        let before = checkNs
        checkNs = Self.checkNs(limits)
        guard checkNs < before else { return }
        for slot in 0..<slab.capacity {
            if let token = slab.token(slot: slot), let seat = slab.pointer(token) { watch(token, seat) }
        }
    }

    private static func checkNs(_ limits: Limits) -> UInt64 {
        UInt64(min(limits.handshakeMs, limits.logonMs, limits.idleMs, limits.stallMs)) &* 1_000_000
    }

    private mutating func endAll() {
        for slot in 0..<slab.capacity {
            guard let token = slab.token(slot: slot) else { continue }
            remove(token)
        }
        control.finish(number, resources.counters)
    }
}
