// A child by its pid. Invariant: a pid that has been waited for is sent no signal, for the kernel may have given it to another
// process meanwhile.

import Glibc

final class ChildProcess {
    let pid: Int32
    /// Whether it has been waited for.
    private(set) var hasEnded = false
    private let send: (Int32, Int32) -> Int32

    /// `send`: kill(2), or what stands in for it.
    init(pid: Int32, send: @escaping (Int32, Int32) -> Int32 = { Glibc.kill($0, $1) }) {
        self.pid = pid
        self.send = send
    }

    /// Whether it has ended by now, without waiting.
    func poll() -> Bool {
        if !hasEnded { hasEnded = waitpid(pid, nil, WNOHANG) != 0 }
        return hasEnded
    }

    /// Sends a signal; false where there is nobody to take it.
    func signal(_ number: Int32) -> Bool { !poll() && send(pid, number) == 0 }

    /// Kills it, whatever it does, and waits for its end.
    func kill() {
        guard signal(SIGKILL) else { return }
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
        hasEnded = true
    }
}
