// Where the log goes: a file that can be reopened while others write to it, or standard error. Whole lines in one write(2),
// appended, so that two threads do not cut into each other's lines. A pipe whose reader has stopped costs a second, then
// the lines are dropped and counted; the server never waits for a reader of its log.

import CLinux
import Glibc
public import Reactor
import Synchronization

public final class LogOutput: Sendable {
    /// Nil: standard error.
    private let path: String?
    private let descriptor: Int32
    private let isPipe: Bool
    private let dropped = Atomic<UInt64>(0)
    private static let patienceMs: Int32 = 1000
    /// What a pipe takes whole once it says that it is writable (PIPE_BUF).
    private static let pipeOctets = 4096

    public init(path: String?) throws(SystemError) {
        self.path = path
        descriptor = try path.map { (path) throws(SystemError) in try Self.open(path) } ?? 2
        var status = stat()
        isPipe = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    deinit { if path != nil { close(descriptor) } }

    private static func open(_ path: String) throws(SystemError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o640)
        guard descriptor >= 0 else { throw SystemError(call: "open", code: errno, subject: "cannot open the log \(path)") }
        return descriptor
    }

    /// Opens the path again, for who has moved the file away. The number of the descriptor stays, so that a write of
    /// another thread goes to the old file or to the new one.
    public func reopen() throws(SystemError) {
        guard let path else { return }
        let fresh = try Self.open(path)
        defer { close(fresh) }
        guard dup3(fresh, descriptor, O_CLOEXEC) >= 0 else {
            throw SystemError(call: "dup3", code: errno, subject: "cannot reopen the log \(path)")
        }
    }

    /// Writes whole lines.
    func write(_ lines: [UInt8]) {
        lines.withUnsafeBytes { octets in
            var start = 0
            while start < octets.count {
                let size = isPipe ? min(Self.pipeOctets, octets.count - start) : octets.count - start
                guard waitUntilWritable() else { return countDropped(octets, from: start) }
                let count = Glibc.write(descriptor, octets.baseAddress.map { $0 + start }, size)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { return countDropped(octets, from: start) }
                start += count
            }
        }
    }

    private func waitUntilWritable() -> Bool {
        guard isPipe else { return true }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, Self.patienceMs) > 0 && entry.revents & Int16(POLLOUT) != 0
    }

    private func countDropped(_ octets: UnsafeRawBufferPointer, from start: Int) {
        let lines = octets[start...].reduce(0) { $0 + ($1 == 10 ? 1 : 0) }
        dropped.wrappingAdd(UInt64(lines), ordering: .relaxed)
    }

    /// Lines that could not be written, since the start.
    var droppedLines: UInt64 { dropped.load(ordering: .relaxed) }
}
