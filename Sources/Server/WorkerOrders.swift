// What a worker does when the control thread has rung: it goes over to a reloaded state, hands over its figures, drains, or
// ends. Orders are taken at the start of a turn, between two connections' turns.

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

    /// Closes the listeners, so that whoever comes now is refused by the kernel. Connections that the kernel has set up
    /// already are taken first and served like all others: a close would reset them.
    private mutating func beginDrain() {
        listeners.refuseNew()
        takeWaiting()
        isAccepting = false
        pausedAccepting = false
        listeners.close()
        let deadline = resources.nowNs &+ UInt64(resources.snapshot.limits.drainMs) &* 1_000_000
        drainDeadlineNs = deadline
        setTimer(slot: slab.capacity, deadlineNs: max(1, deadline))
    }

    /// Between two connections' turns: what comes from now on, on open connections too, sees the new state. A TLS session
    /// keeps the context that it began with, which OpenSSL counts.
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
