// Standard output of the commands whose output is the result: what cannot be written is an error, not a success that nobody
// sees. A reader that has gone away, as `head` does, has what it wanted.

import ArgumentParser
import Glibc
import Terminal

/// Writes all of `text` to standard output, with what a terminal would obey spelled out. Throws exit code 1, with the reason on
/// standard error. `asGiven`: the text is a file's, and goes to a program octet for octet.
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
