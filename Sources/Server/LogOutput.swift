// Where the log goes: a file that can be reopened while others write to it, or standard error. Whole lines in one
// write(2), appended, so that two threads do not cut into each other's lines. Opening never blocks, not even on a FIFO
// that nobody reads. Lines that a reader does not take within a second are dropped and counted; only the thread of the
// log waits that long.

import CLinux
import Glibc
public import Reactor
import Synchronization
public import Terminal

public final class LogOutput: Sendable {
    /// Nil: standard error, by way of `outlet`.
    private let path: String?
    private let outlet: TextOutlet
    private let descriptor: Int32
    /// Whether a write may have to wait for a reader.
    private let hasReader = Atomic<Bool>(false)
    /// The reader took nothing for a whole second: nothing more is waited for until it does.
    private let isStuck = Atomic<Bool>(false)
    private let dropped = Atomic<UInt64>(0)
    private static let patienceMs: Int32 = 1000
    /// What a pipe takes whole once it says that it is writable (PIPE_BUF).
    private static let pipeBytes = 4096

    /// Opens the log. `path` nil: standard error, through `outlet`. Throws a SystemError where the file cannot be
    /// opened.
    public init(path: String?, outlet: TextOutlet) throws(SystemError) {
        self.path = path
        self.outlet = outlet
        descriptor = try path.map { (path) throws(SystemError) in try Self.open(path) } ?? -1
        hasReader.store(Self.waitsForReader(descriptor), ordering: .relaxed)
    }

    deinit { if path != nil { close(descriptor) } }

    private static func open(_ path: String) throws(SystemError) -> Int32 {
        let flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        var descriptor = Glibc.open(path, O_WRONLY | flags, 0o640)
        // A FIFO without a reader cannot be opened for writing alone. For both it can (fifo(7)): its reader may then
        // come and go.
        if descriptor < 0, errno == ENXIO, isFIFO(path) { descriptor = Glibc.open(path, O_RDWR | flags, 0o640) }
        guard descriptor >= 0 else { throw SystemError(call: "open", code: errno, subject: "cannot open the log \(path)") }
        return descriptor
    }

    private static func isFIFO(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    private static func waitsForReader(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Opens the path again, for an administrator who has moved the file away. The number of the descriptor stays, so a
    /// write of another thread goes to the old file or to the new one. Throws a SystemError; the old file then stays in
    /// use.
    public func reopen() throws(SystemError) {
        guard let path else { return }
        let fresh = try Self.open(path)
        defer { close(fresh) }
        guard dup3(fresh, descriptor, O_CLOEXEC) >= 0 else {
            throw SystemError(call: "dup3", code: errno, subject: "cannot reopen the log \(path)")
        }
        hasReader.store(Self.waitsForReader(descriptor), ordering: .relaxed)
        isStuck.store(false, ordering: .relaxed)
    }

    /// Writes whole lines.
    func write(_ lines: [UInt8]) {
        guard path != nil else { return outlet.add(lines, to: STDERR_FILENO) }
        let size = hasReader.load(ordering: .relaxed) ? Self.pipeBytes : Int.max
        lines.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + start }, min(size, bytes.count - start))
                if count > 0 {
                    isStuck.store(false, ordering: .relaxed)
                    start += count
                } else if count < 0, errno == EINTR || (errno == EAGAIN && waitForReader()) {
                    continue
                } else {
                    return countDropped(bytes, from: start)
                }
            }
        }
    }

    /// False: the reader takes nothing.
    private func waitForReader() -> Bool {
        guard !isStuck.load(ordering: .relaxed) else { return false }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        if poll(&entry, 1, Self.patienceMs) > 0 { return true }
        isStuck.store(true, ordering: .relaxed)
        return false
    }

    private func countDropped(_ bytes: UnsafeRawBufferPointer, from start: Int) {
        let lines = bytes[start...].reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        dropped.wrappingAdd(UInt64(lines), ordering: .relaxed)
    }

    /// Lines that could not be written to the file, since the start. Those of standard error are counted by the outlet.
    var droppedLines: UInt64 { dropped.load(ordering: .relaxed) }
    /// Everything that could not be written, notes on standard error included.
    var lost: UInt64 { droppedLines &+ outlet.lost }
}
