// What a worker does when the control thread has rung: it goes over to a reloaded state, hands over its figures,
// drains, or ends. Orders are taken at the start of a turn, between two connections' turns.

import PoplarCore
import Reactor

extension Worker {
    @inline(never)
    mutating func obey() {
        let orders = control.take()
        if orders.contains(.reload) { reload() }
        if orders.contains(.publish) { control.figures.answer(figures) }
        if orders.contains(.drain), drainDeadlineNs == nil { beginDrain() }
        // The turn ends with a look at the deadline.
        if orders.contains(.end) { drainDeadlineNs = resources.nowNs }
    }

    /// The kernel sets up no new connections from here on. Those that it has set up, or is setting up at this moment,
    /// are taken and served like all others: a close would reset them. So the listeners are closed a little later.
    private mutating func beginDrain() {
        listeners.refuseNew()
        takeWaiting()
        drainDeadlineNs = resources.nowNs &+ UInt64(resources.snapshot.limits.drainMs) &* 1_000_000
        setTimer(slot: slab.capacity, deadlineNs: resources.nowNs &+ Self.handshakeNs)
    }

    /// What a TCP handshake that was under way may still take. The timer's tick makes it up to 64 ms.
    private static let handshakeNs: UInt64 = 20_000_000

    /// Closes the listeners, so that the kernel refuses whoever comes now.
    mutating func closeListeners() {
        takeWaiting()
        isAccepting = false
        pausedAccepting = false
        listeners.close()
        if let drainDeadlineNs { setTimer(slot: slab.capacity, deadlineNs: max(1, drainDeadlineNs)) }
    }

    /// Between two connections' turns: what comes from now on, on open connections too, sees the new state. A TLS
    /// session keeps the context that it began with, which OpenSSL counts.
    @inline(never)
    private mutating func reload() {
        guard let fresh = control.takeSnapshot() else { return }
        let before = resources.checkNs
        resources.adopt(fresh)
        guard resources.checkNs < before else { return }
        for slot in 0..<slab.capacity {
            if let token = slab.token(slot: slot), let seat = slab.pointer(token) { watch(token, seat) }
        }
    }
}
