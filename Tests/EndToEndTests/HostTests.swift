// The server beside a host that misbehaves: standard error that nobody reads, descriptors that are closed, ports that
// are taken, signals at any moment. What must hold each time: sessions go on, signals are taken, the end is in order.

import Foundation
import Glibc
import Testing

/// A `poplar serve` behind a shell's redirections, which ends with this object. Its standard output is a pipe unless
/// `redirect` says otherwise.
private final class HostedPoplar {
    let port: Int
    let ready: String
    /// The server itself, not the timeout(1) above it.
    let pid: pid_t
    private let child: Child
    private var status: Int32?

    /// Starts `poplar serve` with `arguments`; `before` is put before `exec` in the shell's script, `redirect` behind
    /// it.
    init(_ arguments: [String], before: String = "", redirect: String = "", errors: Int32? = nil) throws {
        let output = try Pipe2()
        let words =
            ["serve", "--pop3", "127.0.0.1:0", "--workers", "1", "--population", "users=10", "--limit", "drain-ms=100"]
            + arguments
        let script = "\(before) exec \"$0\" \"$@\" \(redirect)"
        child = try Child(
            "/bin/sh", ["-c", script, Program.poplar] + words, seconds: 120, output: output.write, errors: errors)
        output.closeWrite()
        ready = output.read(until: "\n")
        port =
            Int(ready.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("pop3=") }?.split(separator: ":").last ?? "")
            ?? 0
        guard port > 0 else {
            kill(child.pid, SIGTERM)
            throw ServerFailure(text: "poplar serve ended with \(child.wait()) before it was ready: \(ready)")
        }
        pid = try HostedPoplar.onlyChild(of: child.pid)
    }

    deinit { stop() }

    /// The process that timeout(1) has started. Throws where there is none: a signal to no pid would reach everybody.
    static func onlyChild(of parent: pid_t) throws -> pid_t {
        for _ in 0..<1000 {
            let text = (try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)) ?? ""
            if let pid = text.split(separator: " ").first.flatMap({ pid_t($0) }), pid > 1 { return pid }
            usleep(10_000)
        }
        throw ServerFailure(text: "timeout(1) has started nothing")
    }

    func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for the end; returns the exit status.
    func wait() -> Int32 {
        if let status { return status }
        let ended = child.wait()
        status = ended
        return ended
    }

    @discardableResult
    func stop() -> Int32 {
        if let status { return status }
        send(SIGTERM)
        return wait()
    }

    /// A session that has logged on.
    func logon(_ user: Int = 1) throws -> Wire {
        let wire = try #require(Wire(port))
        wire.receive()
        wire.say("USER user0000\(user)", "PASS secret")
        #expect(wire.received.contains("+OK User successfully logged on"))
        return wire
    }

    /// What the lists of descriptors of all threads name: descriptors may be private to a thread.
    func openFiles() -> [String] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.flatMap { task -> [String] in
            let folder = "/proc/\(pid)/task/\(task)/fd"
            let numbers = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
        }
    }

    /// How often its threads have given up the CPU since the start: an idle process does not.
    func contextSwitches() -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.reduce(0) { sum, task in
            let status = (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/status", encoding: .utf8)) ?? ""
            return status.split(separator: "\n").filter { $0.contains("voluntary_ctxt_switches") }
                .reduce(sum) { $0 + (Int($1.split(separator: "\t").last ?? "") ?? 0) }
        }
    }
}

/// A pipe that nobody reads and that is full.
private func fullPipe() throws -> Pipe2 {
    let pipe = try Pipe2()
    let flags = fcntl(pipe.write, F_GETFL)
    _ = fcntl(pipe.write, F_SETFL, flags | O_NONBLOCK)
    let block = [UInt8](repeating: 0, count: 4096)
    while write(pipe.write, block, block.count) > 0 {}
    _ = fcntl(pipe.write, F_SETFL, flags)
    return pipe
}

@Suite("A server whose standard error takes nothing", .serialized)
struct UnreadErrorTests {
    /// After SIGHUP and SIGUSR1, which both write to standard error: the session that is open goes on, and SIGTERM is
    /// taken.
    private func outlivesItsMessages(_ server: HostedPoplar) throws {
        let open = try server.logon()
        for signal in [SIGUSR1, SIGHUP, SIGUSR1, SIGHUP] {
            server.send(signal)
            usleep(50_000)
        }
        open.say("STAT")
        #expect(open.received.hasSuffix("+OK 10 20480\r\n"))
        _ = try server.logon(2)
        #expect(server.stop() == 0)
    }

    @Test("a pipe without a reader costs no session")
    func deadPipe() throws {
        let pipe = try Pipe2()
        var reader: Pipe2? = pipe
        let server = try HostedPoplar(["--log-level", "debug"], errors: pipe.write)
        pipe.closeWrite()
        reader = nil
        _ = reader
        try outlivesItsMessages(server)
    }

    @Test("a full pipe holds up neither a worker nor the thread that takes signals")
    func full() throws {
        let pipe = try fullPipe()
        try outlivesItsMessages(try HostedPoplar(["--log-level", "debug"], errors: pipe.write))
    }

    @Test("a full disk costs messages and nothing else")
    func fullDisk() throws {
        try outlivesItsMessages(try HostedPoplar(["--log-level", "debug"], redirect: "2>/dev/full"))
    }

    @Test("descriptors that are closed at the start are filled before anything else is opened")
    func closed() throws {
        let folder = try ScratchFolder()
        let log = folder.url.appendingPathComponent("log").path
        let server = try HostedPoplar(["--log", log, "--log-level", "debug"], redirect: "<&- 2>&-")
        for number in [0, 2] {
            let file = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(server.pid)/fd/\(number)")
            #expect(file == "/dev/null")
        }
        try outlivesItsMessages(server)
        #expect(!folder.read("log").contains("worker 0:"))
    }

    @Test("a log that is a FIFO without a reader delays neither the start nor the end")
    func fifo() throws {
        let folder = try ScratchFolder()
        let log = folder.url.appendingPathComponent("log").path
        try #require(mkfifo(log, 0o600) == 0)
        try outlivesItsMessages(try HostedPoplar(["--log", log, "--log-level", "debug"]))
    }
}

@Suite("Ports that are taken, and handing them over", .serialized)
struct PortSharingTests {
    @Test("a second server on the same port is refused with the remedy, however many workers the two have", arguments: [1, 3])
    func refused(workers: Int) throws {
        let first = try HostedPoplar(["--workers", "\(workers)"])
        let address = "127.0.0.1:\(first.port)"
        let second = try Program.run(
            Program.poplar, ["serve", "--pop3", address, "--workers", "\(workers)", "--population", "users=1"])
        #expect(second.status == 1 && second.output.isEmpty)
        #expect(second.errors.contains("cannot listen on \(address): address already in use"))
        #expect(second.errors.contains("--share-port"))
        _ = try first.logon()
    }

    @Test("one server that names a port twice is refused, with --share-port too", arguments: [[], ["--share-port"]])
    func twice(options: [String]) throws {
        let free = try SilentPort().port
        for second in ["127.0.0.1:\(free)", "0.0.0.0:\(free)"] {
            let outcome = try Program.run(
                Program.poplar,
                ["serve", "--pop3", "127.0.0.1:\(free)", "--pop3s", second, "--population", "users=1"] + options)
            #expect(outcome.status == 1 && outcome.errors.contains("address already in use"))
        }
    }

    @Test("a line `ready` that cannot be written is told on standard error")
    func lostReady() throws {
        let pipe = try Pipe2()
        let script = "exec \"$0\" serve --pop3 127.0.0.1:0 --population users=1 >/dev/full"
        let child = try Child("/bin/sh", ["-c", script, Program.poplar], seconds: 60, output: 1, errors: pipe.write)
        pipe.closeWrite()
        #expect(pipe.read(until: "ready pop3=").contains("standard output does not take the line"))
        kill(child.pid, SIGTERM)
        #expect(child.wait() == 0)
    }

    @Test("with --share-port a successor takes over: whoever comes is served, before and after the first one ends")
    func handOver() throws {
        let first = try HostedPoplar([])
        let second = try HostedPoplar(["--pop3", "127.0.0.1:\(first.port)", "--share-port"])
        func greetings(_ count: Int) -> Int {
            (0..<count).filter { _ in
                guard let wire = Wire(first.port) else { return false }
                return wire.receive() && wire.received.hasPrefix("+OK")
            }.count
        }
        #expect(greetings(20) == 20)
        #expect(first.stop() == 0)
        #expect(greetings(20) == 20)
        #expect(second.stop() == 0)
    }
}

@Suite("The end of a server", .serialized)
struct DrainTests {
    @Test("after SIGTERM the open session goes on, and a new connection is refused by the kernel")
    func refusesNew() throws {
        let server = try HostedPoplar(["--workers", "2", "--limit", "drain-ms=60000"])
        let open = try server.logon()
        server.send(SIGTERM)
        var isRefused = false
        for _ in 0..<500 where !isRefused {
            isRefused = Wire(server.port) == nil
            usleep(10_000)
        }
        #expect(isRefused)
        open.say("STAT", "QUIT")
        #expect(open.received.contains("+OK 10 20480\r\n"))
        #expect(server.wait() == 0)
    }

    @Test("connections that the kernel has set up before SIGTERM are served")
    func servesWaiting() throws {
        let server = try HostedPoplar(["--workers", "2"])
        server.send(SIGSTOP)
        let waiting = try (0..<20).map { _ in try #require(Wire(server.port)) }
        server.send(SIGTERM)
        server.send(SIGCONT)
        for wire in waiting {
            wire.receive()
            wire.say("QUIT")
            #expect(wire.received.contains("+OK Poplar POP3 server ready"))
            #expect(wire.received.hasSuffix("signing off\r\n") || wire.received.split(separator: "\r\n").count == 2)
        }
        #expect(server.wait() == 0)
    }

    @Test("a second SIGTERM or SIGINT ends at once what the first one let go on", arguments: [SIGTERM, SIGINT])
    func secondSignal(signal: Int32) throws {
        let server = try HostedPoplar(["--limit", "drain-ms=3600000"])
        let open = try server.logon()
        server.send(SIGTERM)
        usleep(100_000)
        open.say("STAT")
        #expect(open.received.hasSuffix("+OK 10 20480\r\n"))
        server.send(signal)
        #expect(server.wait() == 0)
    }

    @Test("a log that was rotated is open in no thread any more")
    func rotatedLog() throws {
        let folder = try ScratchFolder()
        let log = folder.url.appendingPathComponent("log").path
        let server = try HostedPoplar(["--workers", "2", "--log", log, "--log-level", "debug"])
        _ = try server.logon()
        rename(log, log + ".1")
        server.send(SIGHUP)
        for _ in 0..<500 where !FileManager.default.fileExists(atPath: log) { usleep(10_000) }
        #expect(server.openFiles().contains(log))
        #expect(!server.openFiles().contains(log + ".1"))
    }
}

@Suite("Signals and idleness", .serialized)
struct SignalTests {
    @Test("a SIGHUP while the server starts does not end it")
    func earlyHangUp() throws {
        let output = try Pipe2()
        // Two thousand names take a while; the signal comes as soon as the process holds it back.
        let child = try Child(
            Program.poplar, ["serve", "--pop3", "127.0.0.1:0", "--population", "users=2000"], seconds: 60,
            output: output.write, errors: nil)
        output.closeWrite()
        let pid = try HostedPoplar.onlyChild(of: child.pid)
        defer {
            kill(pid, SIGTERM)
            #expect(child.wait() == 0)
        }
        for _ in 0..<10_000 where !blocksHangUp(pid) { usleep(500) }
        kill(pid, SIGHUP)
        #expect(output.read(until: "\n").hasPrefix("ready "))
    }

    private func blocksHangUp(_ pid: pid_t) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let mask = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }?.split(separator: "\t").last
        // Signal 1 is the lowest bit.
        return mask.flatMap { UInt64($0, radix: 16) }.map { $0 & 1 == 1 } ?? false
    }

    @Test("a run whose parent ignores SIGHUP, as nohup does, goes on after one; SIGTERM still ends it")
    func ignoredHangUp() throws {
        let folder = try ScratchFolder()
        let output = try Pipe2()
        let profile = try folder.write(
            "profile.yaml",
            """
            name: hang-up
            rate: 20
            phases: [{name: a, duration: 60s}]
            clients: [{persona: basic}]
            mailbox_work: [{name: w}]
            population: {users: 2000, messages: 2, bytes: 64}
            """)
        let script = "trap '' HUP; exec \"$0\" \"$@\""
        let child = try Child(
            "/bin/sh",
            [
                "-c", script, Program.poplar, "run", profile, "--json-lines", "--out",
                folder.url.appendingPathComponent("out").path,
            ],
            seconds: 100, output: output.write, errors: nil)
        output.closeWrite()
        let pid = try HostedPoplar.onlyChild(of: child.pid)
        _ = output.read(until: "\"type\":\"second\"")
        kill(pid, SIGHUP)
        #expect(output.read(until: "\"type\":\"second\"").contains("\"type\":\"second\""))
        kill(pid, SIGTERM)
        _ = output.readAll()
        #expect(child.wait() == 130)
    }

    @Test("an idle server makes no system call: no thread of it runs")
    func idle() throws {
        let server = try HostedPoplar(["--log-level", "debug", "--metrics", "127.0.0.1:0"])
        _ = try server.logon()
        // What came of the session is written within a round of the log and a tick of the timers.
        var before = server.contextSwitches()
        var isIdle = false
        for _ in 0..<30 where !isIdle {
            sleep(1)
            let now = server.contextSwitches()
            isIdle = now == before
            before = now
        }
        #expect(isIdle)
    }
}
