// Real programs for the tests: our own executable as a server, and other people's clients. Each runs under timeout(1), so
// that nothing outlives the tests even when they are killed; ports are the kernel's choice.

import Foundation
import Glibc

/// How a program ended.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String
}

enum Program {
    /// The folder of the build products, where the executable under test lies.
    static let products: URL = {
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        if FileManager.default.isExecutableFile(atPath: runner.deletingLastPathComponent().appendingPathComponent("poplar").path)
        {
            return runner.deletingLastPathComponent()
        }
        // Under `swift test` the runner is the toolchain's; the test bundle is its argument.
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent()
    }()

    static var poplar: String { products.appendingPathComponent("poplar").path }

    static func path(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func exists(_ name: String) -> Bool { path(name) != nil }

    /// Runs a program to its end; 60 seconds at the most.
    static func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let (output, errors) = (try Pipe2(), try Pipe2())
        let child = try Child(path, arguments, seconds: 60, environment: environment, output: output.write, errors: errors.write)
        output.closeWrite()
        errors.closeWrite()
        let reader = BackgroundReader(errors)
        let text = output.readAll()
        let problems = reader.wait()
        return Outcome(status: child.wait(), output: text, errors: problems)
    }
}

/// pipe(2), closed on exec.
final class Pipe2: @unchecked Sendable {
    let read: Int32
    private(set) var write: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ServerFailure(text: "pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (read, write) = (ends[0], ends[1])
    }

    deinit {
        close(read)
        closeWrite()
    }

    func closeWrite() {
        if write >= 0 { close(write) }
        write = -1
    }

    func readSome() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(read, &buffer, buffer.count)
            if count >= 0 { return Array(buffer.prefix(count)) }
            if errno != EINTR { return [] }
        }
    }

    /// Reads until `word` has come, or the end.
    func read(until word: String) -> String {
        var text = ""
        while !text.contains(word) {
            let some = readSome()
            guard !some.isEmpty else { break }
            text += String(decoding: some, as: UTF8.self)
        }
        return text
    }

    func readAll() -> String {
        var octets: [UInt8] = []
        while true {
            let some = readSome()
            if some.isEmpty { return String(decoding: octets, as: UTF8.self) }
            octets += some
        }
    }
}

/// Reads one pipe while the test reads another, on a thread of its own.
private final class BackgroundReader: @unchecked Sendable {
    private var text = ""
    private var thread = pthread_t()

    init(_ pipe: Pipe2) {
        let work = Unmanaged.passRetained(Work(reader: self, pipe: pipe)).toOpaque()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                work.reader.text = work.pipe.readAll()
                return nil
            }, work)
    }

    private final class Work {
        let reader: BackgroundReader
        let pipe: Pipe2
        init(reader: BackgroundReader, pipe: Pipe2) { (self.reader, self.pipe) = (reader, pipe) }
    }

    func wait() -> String {
        pthread_join(thread, nil)
        return text
    }
}

/// A program under timeout(1), with no signal blocked: the threads of the test runner block all of them, and a child
/// inherits that.
struct Child {
    let pid: pid_t

    init(
        _ path: String, _ arguments: [String], seconds: Int, environment: [String: String] = [:], output: Int32, errors: Int32?
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        if let errors {
            posix_spawn_file_actions_adddup2(&actions, errors, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let words = ["/usr/bin/timeout", "-k", "5", String(seconds), path] + arguments
        let pairs = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let argv = words.map { strdup($0) } + [nil]
        let envp = pairs.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, words[0], &actions, &attributes, argv, envp)
        guard status == 0 else { throw ServerFailure(text: "cannot start \(path): errno \(status)") }
        self.pid = pid
    }

    /// The exit status; 128 and the signal's number where a signal ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}

struct ServerFailure: Error { var text: String }

/// A `poplar serve` of the build under test; it ends with this object.
final class ServedPoplar {
    let pop3: Int
    let pop3s: Int
    /// The line that names every listener.
    let ready: String
    private let child: Child
    private var status: Int32?

    init(_ arguments: String...) throws {
        let output = try Pipe2()
        let words = ["serve", "--pop3", "127.0.0.1:0", "--pop3s", "127.0.0.1:0", "--workers", "1"] + arguments
        let child = try Child(Program.poplar, words, seconds: 300, output: output.write, errors: nil)
        output.closeWrite()
        let text = output.read(until: "\n")
        func port(_ name: String) -> Int? {
            text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("\(name)=127.0.0.1:") }
                .flatMap { Int($0.split(separator: ":").last ?? "") }
        }
        guard let pop3 = port("pop3"), let pop3s = port("pop3s") else {
            kill(child.pid, SIGTERM)
            throw ServerFailure(text: "poplar serve ended with \(child.wait()) before it was ready: \(text)")
        }
        self.child = child
        self.pop3 = pop3
        self.pop3s = pop3s
        ready = text
    }

    deinit { stop() }

    /// Ends the server in order; returns its exit status.
    @discardableResult
    func stop() -> Int32 {
        if let status { return status }
        kill(child.pid, SIGTERM)
        let ended = child.wait()
        status = ended
        return ended
    }
}

/// A port that takes connections and never says a word; it closes with this object.
final class SilentPort {
    let port: UInt16
    let descriptor: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 4096) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isOpen else {
            close(descriptor)
            throw ServerFailure(text: "no port to listen on: errno \(errno)")
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}

/// A folder that goes when the test ends.
final class ScratchFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes a file that only its owner may read, as mail clients ask of files with passwords.
    func write(_ name: String, _ text: String) throws -> String {
        let file = url.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        return file.path
    }

    func read(_ name: String) -> String { (try? String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)) ?? "" }
}
