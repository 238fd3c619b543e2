// The ways out for the texts of all commands. `emit`: standard output of a command whose output is the result; what
// cannot be written is an error, not a success that nobody sees, but a reader that has gone away, as `head` does, has
// what it wanted. `complain`: a message on standard error, which never fails and holds nothing up for longer than a
// second.

import ArgumentParser
import Configuration
import Glibc
import Terminal

enum Outlets {
    /// Messages on standard error: whoever adds one never waits.
    static let errors = TextOutlet(room: 1 << 20)
    /// The line `ready` of a server. An outlet of its own, since a standard error that nobody reads must not hold it
    /// up.
    private static let output = TextOutlet(room: 1 << 16)

    /// How long the end of the process waits for a reader.
    private static let patienceMs = 1000

    /// Adds a message and does not wait until it is written: for a thread that answers signals.
    static func tell(_ text: String) { errors.add(text, to: STDERR_FILENO) }

    /// Adds a text on standard output, and waits a second at the most until it is written. False: it could not be
    /// written. A reader that is slow gets it later.
    static func announce(_ text: String) -> Bool {
        output.add(text, to: STDOUT_FILENO)
        output.flush(timeoutMs: patienceMs)
        return output.lost == 0
    }

    /// Waits until every text is written, a second at the most for each descriptor.
    static func flush() {
        output.flush(timeoutMs: patienceMs)
        errors.flush(timeoutMs: patienceMs)
    }
}

/// Adds a line on standard error and waits until it is written, so that messages and output keep their order on a
/// terminal; a second at the most, and not at all once a reader has let that pass.
func complain(_ text: String) { sayError("poplar: \(text)") }

/// `complain` of an error: names and paths in it break no line.
func complain(of error: any Error) { complain(errorText(error)) }

/// What an error says, on one line; errors of a file have several, which are made so where they arise.
func errorText(_ error: any Error) -> String {
    error is ConfigurationErrors ? "\(error)" : TerminalText.line("\(error)")
}

/// `complain` without our name in front: compilers print errors so, and editors find their place.
func sayError(_ text: String) {
    let isFree = Outlets.errors.isIdle
    Outlets.tell(text + "\n")
    if isFree { Outlets.flush() }
}

/// Writes all of `text` to standard output, with what a terminal would obey spelled out. Throws exit code 1, with the
/// reason on standard error. `asGiven`: the text is a file's, and goes to a program octet for octet.
func emit(_ text: String, asGiven: Bool = false) throws {
    // What was printed before comes first.
    fflush(nil)
    var text = asGiven && isatty(STDOUT_FILENO) == 0 ? text : TerminalText.safe(text)
    let code = text.withUTF8 { octets -> Int32 in
        var done = 0
        while done < octets.count, let base = octets.baseAddress {
            let step = Glibc.write(STDOUT_FILENO, base + done, octets.count - done)
            if step > 0 {
                done += step
            } else if step == 0 {
                return EIO
            } else if errno == EAGAIN {
                // A terminal or pipe that somebody made non-blocking.
                var room = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                _ = poll(&room, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
    guard code != 0, code != EPIPE else { return }
    complain("cannot write to standard output: \(String(cString: strerror(code)))")
    throw ExitStatus.failure
}
