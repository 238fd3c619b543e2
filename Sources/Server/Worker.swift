// One worker: a thread, its listeners, its connections, and nothing shared. A turn of its loop: wait, events, timers,
// then the ready queue of those that have more to do. Connections are watched edge-triggered, one
// registration each, so that the kernel looks at a socket once per event; what an event brought and could not be taken at
// once is remembered in the seat. Every loop in here is bounded by a limit.

import CLinux
import Glibc
import POP3
import PoplarCore
import Reactor
import TLS

struct Worker: ~Copyable {
    static let wakeUpPayload: UInt64 = 0
    private static let alarmPayload = UInt64(UInt32.max)
    private static let interest: Poller.Readiness = [.readable, .readHangUp, .edge]
    private static let blockedInterest: Poller.Readiness = [.writable, .edge]

    let number: Int
    let poller: Poller
    var listeners: ListenerSet
    let control: WorkerControl
    let sources: SourceTable
    var resources: Resources
    var slab: Slab<Seat>
    var wheel: TimerWheel
    /// When the alarm goes off; `.max`: never.
    var alarmNs = UInt64.max
    let alarm: Int32
    var hasAlarm = false
    var pending: PendingList
    private var ready: ReadyQueue
    var acceptBudget = 1
    var isAccepting = true
    /// Descriptors were short: the listeners rest until one has become free, or for `accept-pause-ms`.
    var pausedAccepting = false
    /// It has become free in this turn.
    var isLighter = false
    /// Connections open that came through an encrypted listener.
    var openEncrypted: UInt64 = 0
    /// The pools are giving back what a flood has left; a timer of the wheel says when to go on.
    var isShrinking = false
    var drainDeadlineNs: UInt64?

    init(
        _ snapshot: Snapshot, number: Int, listeners: consuming ListenerSet, connections: Int, control: WorkerControl,
        sources: SourceTable, events: consuming EventLog
    ) throws(SystemError) {
        let poller = try Poller(capacity: snapshot.limits.eventsPerTurn)
        let codes = (
            poller.add(control.wakeUp, .readable, payload: Self.wakeUpPayload),
            poller.add(control.alarm, [.readable, .edge], payload: Self.alarmPayload), Self.watch(listeners, poller)
        )
        guard codes == (0, 0, 0) else {
            throw SystemError(call: "epoll_ctl", code: max(codes.0, codes.1, codes.2), subject: "worker \(number)")
        }
        let now = MonotonicClock.now()
        self.number = number
        self.poller = poller
        self.listeners = listeners
        self.control = control
        alarm = control.alarm
        self.sources = sources
        resources = Resources(snapshot, connections: connections, nowNs: now, worker: number, events: events)
        slab = Slab(capacity: connections)
        wheel = TimerWheel(capacity: connections + 2, tickNs: 32_000_000, nowNs: now)
        pending = PendingList(capacity: connections)
        ready = ReadyQueue(capacity: connections)
    }

    /// The descriptors that nobody but the worker uses.
    var ownDescriptors: [Int32] { [poller.descriptorNumber] + listeners.descriptors }

    /// Those that the table of its thread keeps: its own, and the bells of the control thread and of the log.
    var descriptors: [Int32] { ownDescriptors + [control.wakeUp, alarm] + (resources.events.bell.map { [$0] } ?? []) }

    /// Serves until it is told to stop and has drained.
    mutating func run() {
        while true {
            let count = poller.wait(timeoutNs: ready.isEmpty ? nil : 0)
            resources.nowNs = MonotonicClock.now()
            for index in 0..<count { handle(poller.payload(index), poller.readiness(index)) }
            if hasAlarm { expireTimers() }
            runReadyQueue()
            if isLighter { resumeAccepting() }
            if let drainDeadlineNs, slab.count == 0 && !isAccepting || resources.nowNs >= drainDeadlineNs { break }
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
        } else if payload == Self.alarmPayload {
            hasAlarm = true
        } else {
            accept(Int(payload &- 1))
        }
    }

    /// Takes what came and answers it, all in one write, while the connection is warm in the cache: sending all replies of a
    /// turn at its end cost 5 % of a session more.
    private mutating func handleSeat(_ token: Token, _ readiness: Poller.Readiness) {
        guard let seat = slab.pointer(token) else {
            resources.counters.staleEvents &+= 1
            return
        }
        if seat.pointee.isLingering { return finish(token, seat) }
        if readiness.contains(.error) { return remove(token) }
        setOrigin(token, seat)
        resources.beginTurn()
        if readiness.contains(.readHangUp) { seat.pointee.peerEnded = true }
        if readiness.contains(.readable) || readiness.contains(.hangUp) { seat.pointee.mayRead = true }
        if seat.pointee.isBlocked {
            guard readiness.contains(.writable) || readiness.contains(.hangUp) else { return }
        } else if !read(seat) {
            return remove(token)
        }
        settle(token, seat)
    }

    mutating func push(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard !seat.pointee.isReady else { return }
        seat.pointee.isReady = ready.push(token)
        guard seat.pointee.isReady else {
            seat.pointee.connection.endImpossible(&resources)
            return remove(token)
        }
    }

    /// Reads once and answers. A short read means that the socket is empty, which spares the call that would say so.
    /// False: the socket is broken.
    private mutating func read(_ seat: UnsafeMutablePointer<Seat>) -> Bool {
        guard seat.pointee.mayRead, seat.pointee.connection.wantsInput else { return true }
        let result: IOResult
        let room: Int
        if seat.pointee.connection.isEncrypted {
            room = resources.scratch.count
            result = seat.pointee.socket.read(into: resources.scratch)
            if case .count(let count) = result, count > 0 {
                let bytes = UnsafeRawBufferPointer(rebasing: resources.scratch[0..<count])
                seat.pointee.connection.receiveCiphertext(bytes, &resources)
            }
        } else {
            guard let memory = seat.pointee.connection.inputRoom(&resources) else { return true }
            room = memory.count
            result = seat.pointee.socket.read(into: memory)
            if case .count(let count) = result, count > 0 {
                resources.counters.octetsReceived &+= UInt64(count)
                seat.pointee.connection.didReceive(count, &resources)
                seat.pointee.connection.process(&resources)
            }
        }
        switch result {
        case .count(0):
            seat.pointee.peerEnded = true
            seat.pointee.mayRead = false
        case .count(let count):
            if count < room { seat.pointee.mayRead = false }
        case .wouldBlock:
            seat.pointee.mayRead = false
            seat.pointee.connection.releaseIdleInput(&resources)
        case .failed: return false
        }
        return true
    }

    /// The client has finished sending and all that it sent is read: what it is still owed goes out first, since it may
    /// have closed one direction alone. Lines that wait for room or for work are answered, half a line never will be.
    private mutating func endOfStream(_ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.peerEnded, !seat.pointee.mayRead else { return }
        seat.pointee.connection.inputEnded()
    }

    /// Sends what is queued, answers what had no room before, and so on until nothing is left to do, the socket is full,
    /// or the connection has had its share of this turn.
    private mutating func settle(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        setOrigin(token, seat)
        for _ in 0..<resources.snapshot.limits.chunksPerTurn {
            settlePending(seat)
            endOfStream(seat)
            switch flush(seat) {
            case .broken: return remove(token)
            case .blocked: return block(token, seat)
            case .more: return push(token, seat)
            case .sent: break
            }
            if seat.pointee.connection.isAtRest(), !seat.pointee.mayRead, !seat.pointee.peerEnded { return rest(token, seat) }
            if seat.pointee.connection.isClosing { return finish(token, seat) }
            if seat.pointee.connection.startsTLS, !beginTLS(token, seat) { return remove(token) }
            guard !resources.work.isSpent else { return hasMore(seat) ? push(token, seat) : rest(token, seat) }
            if seat.pointee.connection.hasMore() { seat.pointee.connection.resume(&resources) }
            if seat.pointee.mayRead, !read(seat) { return remove(token) }
            guard hasMore(seat) else { return rest(token, seat) }
        }
        push(token, seat)
    }

    /// Whether another round of `settle` would do anything.
    @inline(__always)
    private func hasMore(_ seat: UnsafeMutablePointer<Seat>) -> Bool {
        if seat.pointee.connection.isClosing { return true }
        if seat.pointee.mayRead, seat.pointee.connection.wantsInput { return true }
        if seat.pointee.peerEnded, !seat.pointee.mayRead, !seat.pointee.connection.isOwed { return true }
        return seat.pointee.connection.hasMore()
    }

    /// Nothing is left to do for this connection until the next event or deadline.
    @inline(__always)
    private mutating func rest(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        if seat.pointee.isBlocked {
            seat.pointee.isBlocked = false
            poller.modify(seat.pointee.socket.descriptor, Self.interest, payload: token.raw)
        }
        if seat.pointee.connection.held != nil { watch(token, seat) }
    }

    private enum Flush {
        case sent
        /// The socket takes no more; it will tell.
        case blocked
        /// It takes more, and the connection has had its share of this turn.
        case more
        case broken
    }

    /// Hands the queue to the kernel. The last reply before a close is held back, so that it leaves with the FIN in one
    /// segment.
    @inline(__always)
    private mutating func flush(_ seat: UnsafeMutablePointer<Seat>) -> Flush {
        seat.pointee.connection.isEncrypted ? flushCiphertext(seat) : flushParts(seat)
    }

    /// A clear queue, in one call, as far as this turn's share goes.
    private mutating func flushParts(_ seat: UnsafeMutablePointer<Seat>) -> Flush {
        let limit = resources.snapshot.limits.sendBytes
        guard let (start, count, total) = seat.pointee.connection.output.parts(upTo: limit) else { return .sent }
        let isAll = total == seat.pointee.connection.output.pending
        let last = seat.pointee.connection.isClosing && isAll
        let descriptor = seat.pointee.socket.descriptor
        let result =
            count == 1
            ? System.send(
                descriptor, UnsafeRawBufferPointer(start: start.pointee.iov_base, count: total), more: last)
            : System.send(descriptor, parts: start, count: count, more: last)
        switch result {
        case .count(let sent):
            resources.counters.octetsSent &+= UInt64(sent)
            seat.pointee.connection.didSend(sent, &resources)
            if sent < total { return .blocked }
            return isAll ? .sent : .more
        case .wouldBlock: return .blocked
        case .failed: return .broken
        }
    }

    /// What TLS makes of the queue, block by block, as far as this turn's share goes.
    private mutating func flushCiphertext(_ seat: UnsafeMutablePointer<Seat>) -> Flush {
        for _ in 0..<resources.snapshot.limits.transfersPerTurn {
            guard case .block(let bytes)? = seat.pointee.connection.outgoing(&resources) else { return .broken }
            guard bytes.count > 0 else { return .sent }
            let last = seat.pointee.connection.isClosing
            switch System.send(seat.pointee.socket.descriptor, bytes, more: last) {
            case .count(let sent):
                resources.counters.octetsSent &+= UInt64(sent)
                seat.pointee.connection.didSend(sent, &resources)
                if sent < bytes.count { return .blocked }
            case .wouldBlock: return .blocked
            case .failed: return .broken
            }
        }
        return .more
    }

    private mutating func block(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard !seat.pointee.isBlocked else { return }
        seat.pointee.isBlocked = true
        seat.pointee.connection.openWindow(
            resources.nowNs, waiting: System.unacknowledged(seat.pointee.socket.descriptor))
        poller.modify(seat.pointee.socket.descriptor, Self.blockedInterest, payload: token.raw)
        watch(token, seat)
    }

    /// The answer to STLS is out: the socket's next octets are TLS.
    @inline(never)
    private mutating func beginTLS(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) -> Bool {
        guard let tls = resources.snapshot.tls, let session = TLSSession(tls, pump: resources.pump) else { return false }
        seat.pointee.connection.beginTLS(Cipher(session, channelBinding: resources.channelBinding, isImplicit: false), &resources)
        watch(token, seat)
        return true
    }

    private mutating func runReadyQueue() {
        for _ in 0..<ready.count {
            guard let token = ready.pop() else { return }
            guard let seat = slab.pointer(token) else { continue }
            seat.pointee.isReady = false
            resources.beginTurn()
            settle(token, seat)
        }
    }

    /// A connection has been seated: its greeting leaves, and its first event may come. None of its deadlines is nearer than
    /// the first look at it.
    mutating func begin(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard poller.add(seat.pointee.socket.descriptor, Self.interest, payload: token.raw) == 0 else { return remove(token) }
        setTimer(slot: Int(token.slot), deadlineNs: resources.nowNs &+ resources.checkNs)
        settle(token, seat)
    }

    // MARK: The end of a connection

    /// All that was owed has gone out. A socket that is closed over unread input, or that input still reaches, is reset, and
    /// the reset may overtake the last reply. So what lies there is taken first; and from a client that was found still
    /// sending it is taken until it has ended as well, within bounds of time and of reads.
    private mutating func finish(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.mayRead || seat.pointee.isLingering else { return remove(token) }
        for _ in 0..<resources.snapshot.limits.transfersPerTurn {
            switch seat.pointee.socket.read(into: resources.scratch) {
            case .count(0), .failed: return remove(token)
            case .count: seat.pointee.isLate = true
            case .wouldBlock: return seat.pointee.isLate ? linger(token, seat) : remove(token)
            }
        }
        remove(token)
    }

    /// Half-closes, which sends the end of what there was to say, and gives back all but the socket.
    private mutating func linger(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard !seat.pointee.isLingering else { return }
        seat.pointee.isLingering = true
        seat.pointee.connection.end(&resources)
        System.endOutput(seat.pointee.socket.descriptor)
        if seat.pointee.isBlocked { poller.modify(seat.pointee.socket.descriptor, Self.interest, payload: token.raw) }
        let lingerNs = UInt64(truncatingIfNeeded: resources.snapshot.limits.lingerMs) &* 1_000_000
        setTimer(slot: Int(token.slot), deadlineNs: resources.nowNs &+ lingerNs)
    }

    mutating func remove(_ token: Token) {
        guard let seat = slab.pointer(token) else { return }
        tellEnd(token, seat)
        unlink(Int(token.slot), seat)
        if seat.pointee.isFromEncrypted { openEncrypted &-= 1 }
        seat.pointee.connection.end(&resources)
        wheel.cancel(slot: Int(token.slot))
        slab.remove(token)
        if !isShrinking, resources.hasSurplus() { beginShrinking() }
        isLighter = pausedAccepting
    }

    /// Once logged on, a connection is no longer among those that may have to make room.
    @inline(__always)
    private mutating func settlePending(_ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.isPending, seat.pointee.connection.maildrop != nil else { return }
        unlink(slab.slot(seat), seat)
    }

    private mutating func unlink(_ slot: Int, _ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.isPending else { return }
        seat.pointee.isPending = false
        pending.remove(slot)
        if let place = seat.pointee.place { sources.giveBack(place) }
        seat.pointee.place = nil
    }

    private mutating func endAll() {
        for slot in 0..<slab.capacity {
            guard let token = slab.token(slot: slot), let seat = slab.pointer(token) else { continue }
            seat.pointee.connection.close(.drained)
            remove(token)
        }
        control.figures.finish(figures)
    }
}
