// A worker's deadlines: one of each connection on the wheel, the next of all on the alarm. Nothing is set per command and
// nothing per wait. Invariant: no deadline that is set lies before the alarm, but while they are being looked through.

import CJemalloc
import PoplarCore
import Reactor

extension Worker {
    /// Has the wheel name the connection when its time is up, or earlier to look again. Looking at each connection as
    /// often as the shortest limit finds every deadline on time, also one that came with a change of state, and spares
    /// the wheel a call per command.
    mutating func watch(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        guard !seat.pointee.isLingering else { return }
        let deadline = seat.pointee.connection.deadline(resources.snapshot.limits, isBlocked: seat.pointee.isBlocked).atNs
        setTimer(slot: Int(token.slot), deadlineNs: min(deadline, resources.nowNs &+ resources.checkNs))
    }

    /// Has the wheel name `slot` at its deadline, and the alarm go off by then.
    mutating func setTimer(slot: Int, deadlineNs: UInt64) {
        wheel.set(slot: slot, deadlineNs: deadlineNs)
        let due = wheel.due(deadlineNs)
        guard due < alarmNs else { return }
        alarmNs = due
        Alarm.set(alarm, atNs: due)
    }

    mutating func cancelTimer(slot: Int) { wheel.cancel(slot: slot) }

    mutating func expireTimers() {
        hasAlarm = false
        // What is set in here needs no alarm of its own: the next one is found at the end.
        alarmNs = 0
        defer {
            alarmNs = wheel.timeUntilNext(nowNs: resources.nowNs).map { resources.nowNs &+ $0 } ?? .max
            if alarmNs != .max { Alarm.set(alarm, atNs: max(1, alarmNs)) }
        }
        // Connections that stay open and idle after a flood are looked at here, the others when they end.
        if !isShrinking, resources.hasSurplus() { beginShrinking() }
        while let slot = wheel.popExpired(nowNs: resources.nowNs) {
            if slot == slab.capacity {
                if drainDeadlineNs != nil, isAccepting { closeListeners() } else { resumeAccepting() }
                continue
            }
            if slot == shrinkSlot {
                shrink()
                continue
            }
            guard let token = slab.token(slot: slot), let seat = slab.pointer(token) else { continue }
            let deadline = seat.pointee.connection.deadline(resources.snapshot.limits, isBlocked: seat.pointee.isBlocked)
            if deadline.atNs > resources.nowNs, !seat.pointee.isLingering {
                watch(token, seat)
            } else {
                expire(token, seat, deadline.phase)
            }
        }
    }

    // MARK: Memory

    private var shrinkSlot: Int { slab.capacity &+ 1 }
    private static let shrinkNs: UInt64 = 500_000_000

    /// A flood has passed, or is still on: what is idle for half a second is given back, piece by piece. This ends by
    /// itself, so that an idle server's timer stops.
    @inline(never)
    mutating func beginShrinking() {
        isShrinking = true
        _ = resources.shrinkPools()
        setTimer(slot: shrinkSlot, deadlineNs: resources.nowNs &+ Self.shrinkNs)
    }

    private mutating func shrink() {
        isShrinking = resources.shrinkPools()
        guard !isShrinking else { return setTimer(slot: shrinkSlot, deadlineNs: resources.nowNs &+ Self.shrinkNs) }
        // The flood is over. The allocator would keep its pages for as long as nobody asks it for anything.
        cjemalloc_purge()
    }

    private mutating func expire(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ phase: Phase) {
        if seat.pointee.isLingering { return remove(token) }
        switch phase {
        case .held:
            setOrigin(token, seat)
            resources.beginTurn()
            seat.pointee.connection.releaseHeld(&resources)
            watch(token, seat)
            push(token, seat)
            return
        case .stall:
            let waiting = System.unacknowledged(seat.pointee.socket.descriptor)
            let goesOn = seat.pointee.connection.renewWindow(resources.snapshot.limits, resources.nowNs, waiting: waiting)
            if goesOn { return watch(token, seat) }
        case .handshake, .logon, .idle: break
        }
        resources.counters.timeouts.count(phase)
        tellTimeout(token, seat, phase)
        seat.pointee.connection.close(.timeout)
        remove(token)
    }
}
