// What a run says on its way to whoever reads it, on a thread of its own: a terminal that is held up (Ctrl-S) or a pipe that
// nobody empties holds up that thread and no other, so the run is merged, written and stopped on time all the same.
// Invariant: texts come out whole and in the order in which they were given; what would grow beyond `room` is left out and
// counted, never waited for.

import Foundation
import Reactor
import Terminal

final class OutputQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [(descriptor: Int32, text: String)] = []
    private var waitingOctets = 0
    private var isWriting = false
    private var hasBegun = false
    private var leftOut = 0

    /// Octets that may wait: a day of `--json-lines` and more.
    private static let room = 64 << 20

    /// Takes a text for `descriptor`; what a terminal would obey in it is spelled out. The first one starts the thread,
    /// which ends with the process.
    func add(_ given: String, to descriptor: Int32) {
        let text = TerminalText.safe(given)
        condition.lock()
        defer { condition.unlock() }
        guard waitingOctets + text.utf8.count <= Self.room else {
            leftOut += 1
            return
        }
        waiting.append((descriptor, text))
        waitingOctets += text.utf8.count
        if !hasBegun {
            hasBegun = true
            Thread.detachNewThread { [self] in work() }
        }
        condition.broadcast()
    }

    /// Whether everything has been written: a drawing that came now would not come late.
    var isIdle: Bool {
        condition.lock()
        defer { condition.unlock() }
        return waiting.isEmpty && !isWriting
    }

    /// Texts that found no room.
    var lost: Int {
        condition.lock()
        defer { condition.unlock() }
        return leftOut
    }

    private func work() {
        while true {
            condition.lock()
            isWriting = false
            while waiting.isEmpty { condition.wait() }
            let texts = waiting
            waiting.removeAll()
            waitingOctets = 0
            isWriting = true
            condition.unlock()
            for (descriptor, text) in texts { writeAll(descriptor, text) }
        }
    }
}

/// Writes what the descriptor takes; a reader that has gone is no error.
private func writeAll(_ descriptor: Int32, _ text: String) {
    var text = text
    text.withUTF8 { octets in
        var done = 0
        while done < octets.count, let base = octets.baseAddress {
            let step = Glibc.write(descriptor, base + done, octets.count - done)
            if step < 0, errno == EINTR { continue }
            if step <= 0 { return }
            done += step
        }
    }
}

/// A line on standard error, at once.
func complain(_ text: String) { writeAll(2, TerminalText.safe("poplar: \(text)\n")) }

/// The same without our name in front: compilers print errors so, and editors find their place.
func sayError(_ text: String) { writeAll(2, TerminalText.safe(text + "\n")) }
