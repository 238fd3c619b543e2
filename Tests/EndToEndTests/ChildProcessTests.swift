// The embedded server's process: once it has been waited for, its pid is somebody else's.

import Glibc
import Testing

@testable import poplar

@Suite("A child process")
struct ChildProcessTests {
    /// What stands in for kill(2): every signal is taken.
    private final class Signals {
        var sent: [Int32] = []
    }

    private func child(_ path: String, _ arguments: [String], _ signals: Signals) throws -> ChildProcess {
        let output = try Pipe2()
        let pid = try Child(path, arguments, seconds: 60, output: output.write, errors: nil).pid
        return ChildProcess(pid: pid) { pid, number in
            signals.sent.append(number)
            return kill(pid, number)
        }
    }

    @Test("no signal goes to a pid that has been waited for")
    func ended() throws {
        let signals = Signals()
        let child = try child("/bin/true", [], signals)
        while !child.poll() { usleep(1_000) }
        #expect(child.hasEnded && !child.signal(SIGTERM))
        child.kill()
        #expect(signals.sent.isEmpty && child.poll())
    }

    @Test("one that runs takes signals, and has ended after the last")
    func running() throws {
        let signals = Signals()
        let child = try child("/bin/sleep", ["60"], signals)
        #expect(!child.poll() && child.signal(0))
        #expect(child.signal(SIGTERM))
        while !child.poll() { usleep(1_000) }
        #expect(signals.sent == [0, SIGTERM] && !child.signal(SIGTERM))
    }
}
