// A signal that comes before anything is measured: there is nothing to write, and nobody is kept waiting. What is waited for
// before the first session, the embedded server or a target's answer, is waited for together with the signals.

import Glibc

/// SIGINT, SIGTERM or SIGHUP before the first session: exit code 130.
struct Interrupted: Error, CustomStringConvertible {
    let description = "interrupted before the run began: nothing was measured, nothing is written"

    /// Waits until `descriptor` is ready for `events`; false when it is not within `timeoutMs`. Throws once a signal has come.
    static func wait(
        for descriptor: Int32, _ events: Int16, signals: Int32, timeoutMs: Int32
    ) throws(Interrupted) -> Bool {
        var entries = [
            pollfd(fd: descriptor, events: events, revents: 0), pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&entries, 2, timeoutMs)
        if entries[1].revents != 0 { throw Interrupted() }
        return count > 0
    }
}
