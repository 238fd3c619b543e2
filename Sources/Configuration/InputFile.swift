// How a file that people give is read, whatever it is: a regular file, a pipe, `<(...)`, a FIFO, /dev/stdin.
// Invariants: never more than the limit is kept; while nothing comes, a signal ends the program as it always does; a
// FIFO that nobody has opened for writing yet is waited for, as the shell's tools do.

internal import Glibc
internal import Terminal

public enum InputFile {
    /// Why a file cannot be read; the name is part of the text.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
        /// errno; 0 where the file's size or kind is at fault.
        public let code: Int32

        init(_ name: String, _ reason: String, code: Int32 = 0) {
            description = "cannot read \(name): \(reason)"
            self.code = code
        }
    }

    /// Octets that a file of YAML may have; the reader of YAML says more exactly what is too much.
    public static let textLimit = 16 << 20

    /// The octets of `path`. `noun` says what it is in errors, "the profile". Without `waits` only a regular file will
    /// do: who must not be held up cannot read a pipe.
    public static func read(_ path: String, limit: Int, noun: String, waits: Bool = true) throws(Failure) -> [UInt8] {
        let name = "\(noun) \(TerminalText.line(path))"
        let descriptor = try open(path, name)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(name) }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFDIR else { throw Failure(name, String(cString: strerror(EISDIR)), code: EISDIR) }
        guard waits || kind == S_IFREG else { throw Failure(name, "it is a pipe or a device, which cannot be read again") }
        guard status.st_size <= limit else { throw tooLarge(name, limit) }
        return try readAll(descriptor, name, limit, expected: kind == S_IFREG ? Int(status.st_size) : 0)
    }

    /// `name` as a file that `file` names: relative to its folder, or to ours where `file` came out of a pipe.
    public static func relative(_ name: String, to file: String) -> String {
        let isPiped = ["/dev/", "/proc/"].contains { file.hasPrefix($0) }
        guard !name.hasPrefix("/"), !isPiped, let slash = file.lastIndex(of: "/") else { return name }
        return file[...slash] + name
    }

    /// Opens without waiting: a FIFO is waited for by poll(2).
    private static func open(_ path: String, _ name: String) throws(Failure) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        if descriptor >= 0 { return descriptor }
        let code = errno
        // A socket in /dev/fd cannot be opened, but it is there.
        if code == ENXIO, let number = inherited(path) {
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
            if copy >= 0 { return copy }
        }
        throw Failure(name, String(cString: strerror(code)), code: code)
    }

    private static func inherited(_ path: String) -> Int32? {
        if path == "/dev/stdin" { return 0 }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
            return Int32(path.dropFirst(folder.utf8.count))
        }
        return nil
    }

    private static func readAll(_ descriptor: Int32, _ name: String, _ limit: Int, expected: Int) throws(Failure) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(min(expected, limit) + 1)
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count > 0 {
                guard octets.count + count <= limit else { throw tooLarge(name, limit) }
                octets.append(contentsOf: part[..<count])
            } else if count == 0, try hasEnded(descriptor, name) {
                return octets
            } else if count < 0, errno != EINTR {
                guard errno == EAGAIN else { throw failure(name) }
                try wait(descriptor, name)
            }
        }
    }

    /// Whether an end is one: a FIFO that nobody has opened for writing reads as if it had ended, until poll(2) says
    /// so.
    private static func hasEnded(_ descriptor: Int32, _ name: String) throws(Failure) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return true }
        return try wait(descriptor, name) & Int16(POLLIN) == 0
    }

    /// Waits until there is something, or the end. Returns what poll(2) saw. The signals that end a program end it
    /// here, also where they are blocked for a queue that nobody reads yet.
    @discardableResult
    private static func wait(_ descriptor: Int32, _ name: String) throws(Failure) -> Int16 {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var ending = sigset_t()
        var before = sigset_t()
        sigemptyset(&ending)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&ending, signal) }
        pthread_sigmask(SIG_UNBLOCK, &ending, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        while poll(&entry, 1, -1) < 0 {
            guard errno == EINTR else { throw failure(name) }
        }
        return entry.revents
    }

    private static func failure(_ name: String) -> Failure {
        let code = errno
        return Failure(name, String(cString: strerror(code)), code: code)
    }

    private static func tooLarge(_ name: String, _ limit: Int) -> Failure {
        Failure(name, "it is larger than \(limit >> 20) MiB")
    }
}
