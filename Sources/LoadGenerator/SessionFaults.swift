// What the connection itself does to a session: refused, reset, ended early, too late. Each has one error class
// (contracts, section 5), and classes of our own side are never the server's.

import Glibc
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    /// connect(2) or a later read or write failed with `code`.
    mutating func connectionFailed(_ code: Int32) -> SessionEvent {
        if code == ECONNRESET || code == EPIPE, let event = reconnectInstead(.reset) { return event }
        let kind: ErrorClass =
            switch code {
            case EADDRNOTAVAIL, EADDRINUSE: .ownPorts
            case EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC: .ownDescriptors
            case ETIMEDOUT: state == .connecting ? .connectTimeout : .timeout
            default: state == .connecting && code != ECONNRESET ? .refused : .reset
            }
        return fault(kind)
    }

    /// The server has closed its side. Where QUIT stands unanswered out of politeness that changes nothing.
    mutating func streamEnded() -> SessionEvent { reconnectInstead(.earlyClose) ?? fault(.earlyClose) }

    /// The TLS layer is broken.
    mutating func encryptionFailed() -> SessionEvent { fault(.tls) }

    /// The deadline has passed.
    mutating func timedOut() -> SessionEvent { fault(state == .connecting ? .connectTimeout : .timeout) }

    /// When the running step, or the session begun at `startNs`, has had its time.
    func deadlineNs(startNs: UInt64, limits: Profile.RunLimits) -> UInt64 {
        if state == .idle { return min(wakeNs, startNs &+ limits.sessionTimeoutNs) }
        let step = state == .connecting ? limits.connectTimeoutNs : limits.stepTimeoutNs
        return min(stepStartNs &+ step, startNs &+ limits.sessionTimeoutNs)
    }
}
