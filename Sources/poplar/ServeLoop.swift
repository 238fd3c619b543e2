// The control thread of a running server: it waits for signals, for the next change of the ticket key, and for the end
// of the workers. Nothing in here waits for a reader, for a client or for a worker that has stopped, so a signal is
// always taken.

import Glibc
import PoplarCore
import Reactor
import Server
import TLS

struct ServeLoop {
    let server: ServerInstance
    let reload: ServeReload
    let tickets: TicketKeys?
    let observation: ServerObservation
    private var rotationNs = UInt64.max
    private var isDraining = false

    init(server: ServerInstance, reload: ServeReload, tickets: TicketKeys?, observation: ServerObservation) {
        self.server = server
        self.reload = reload
        self.tickets = tickets
        self.observation = observation
        if tickets != nil { rotationNs = Self.nextRotation() }
    }

    /// Serves until the last worker has ended, after SIGTERM or SIGINT.
    mutating func run(_ signals: borrowing SignalQueue) {
        while !server.hasEnded {
            rotateTickets()
            switch signals.wait(timeoutMs: timeoutMs(), or: server.endDescriptor) {
            case SIGUSR1: Outlets.tell(server.report())
            case SIGHUP:
                observation.log.reopen()
                if !isDraining { reload.request() }
            case SIGTERM, SIGINT: stop()
            default: continue
            }
        }
        server.join()
    }

    /// The first time, open sessions may end; the second time they are cut.
    private mutating func stop() {
        if isDraining {
            observation.log.note(.info, "cut")
            return server.cut()
        }
        isDraining = true
        observation.log.note(.info, "drain")
        server.drain()
    }

    // MARK: Ticket keys

    private static func nextRotation() -> UInt64 { MonotonicClock.now() &+ UInt64(TicketKeys.lifetimeMs) &* 1_000_000 }

    private mutating func rotateTickets() {
        guard let tickets, MonotonicClock.now() >= rotationNs else { return }
        rotationNs = Self.nextRotation()
        do { try tickets.rotate() } catch { ServeCommand.note("the session ticket key stays: \(error)") }
    }

    private func timeoutMs() -> Int32 {
        guard rotationNs != .max else { return -1 }
        let now = MonotonicClock.now()
        return rotationNs <= now ? 0 : Int32(clamping: (rotationNs - now) / 1_000_000 + 1)
    }
}
