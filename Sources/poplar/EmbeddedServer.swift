// The server that `poplar run` starts when it is given no target: this executable again, as a child process with CPUs,
// memory and a process group of its own. Invariant: the child never outlives us (PR_SET_PDEATHSIG), whatever ends us.

import CLinux
import CSpawn
import Foundation
import PoplarCore
import Reactor
import Workload

struct EmbeddedServer {
    let commandLine: [String]
    let cpus: [Int]
    let pop3: SocketAddress?
    let pop3s: SocketAddress?
    private let child: ChildProcess
    private let messages: Int32

    var pid: Int32 { child.pid }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let endMs = 5_000

    /// Starts it as the profile asks and waits until it is ready, for as long as the child lives: a large population takes a
    /// while to fill, of which `isFilling` is told every few seconds. `cpus` empty: where we may run. `signals`: readable once
    /// one has come, which ends the wait with `Interrupted`.
    static func start(
        _ profile: Profile, cpus: [Int], workers: Int, signals: Int32, isFilling: (_ seconds: Int) -> Void
    ) throws -> EmbeddedServer {
        var arguments = ["/proc/self/exe", "serve", "--pop3", "127.0.0.1:0"]
        if profile.usesTLS { arguments += ["--pop3s", "127.0.0.1:0"] }
        arguments += ["--population", profile.population.argument, "--ntlm-level", String(profile.server.ntlmLevel)]
        arguments += ["--methods", profile.server.methods.map(\.rawValue).joined(separator: ",")]
        arguments += ["--workers", String(profile.server.workers ?? workers)]
        var pipe: [Int32] = [-1, -1]
        guard pipe2(&pipe, O_CLOEXEC) == 0 else { throw SystemError(call: "pipe2", code: errno, subject: "embedded server") }
        defer {
            close(pipe[0])
            close(pipe[1])
        }
        // MFD_CLOEXEC
        let messages = memfd_create("poplar-serve", 1)
        guard messages >= 0 else { throw SystemError(call: "memfd_create", code: errno, subject: "embedded server") }
        let pid = spawn(arguments, out: pipe[1], messages: messages, cpus: cpus)
        guard pid > 0 else {
            let code = errno
            close(messages)
            throw SystemError(call: "fork", code: code, subject: "embedded server")
        }
        close(pipe[1])
        pipe[1] = -1
        let child = ChildProcess(pid: pid)
        let line: String?
        do { line = try readLine(pipe[0], signals: signals, isFilling: isFilling) } catch {
            child.kill()
            close(messages)
            throw error
        }
        guard let line, line.hasPrefix("ready ") else {
            child.kill()
            let said = text(of: messages)
            close(messages)
            throw Failure(description: "the embedded server did not get ready" + (said.isEmpty ? "" : ": \(said)"))
        }
        var addresses: [Substring: SocketAddress] = [:]
        for token in line.dropFirst(6).split(separator: " ") {
            let pair = token.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { addresses[pair[0]] = try SocketAddress(parsing: String(pair[1])) }
        }
        return EmbeddedServer(
            commandLine: ["poplar"] + arguments.dropFirst(), cpus: cpus, pop3: addresses["pop3"], pop3s: addresses["pop3s"],
            child: child, messages: messages)
    }

    /// Whether it has ended by itself.
    func hasEnded() -> Bool { child.poll() }

    /// Lets it drain, and kills it when it does not end.
    func stop() {
        defer { close(messages) }
        guard child.signal(SIGTERM) else { return }
        let deadline = MonotonicClock.now() &+ UInt64(Self.endMs) * 1_000_000
        while MonotonicClock.now() < deadline {
            if child.poll() { return }
            usleep(5_000)
        }
        child.kill()
    }

    private static func spawn(_ arguments: [String], out: Int32, messages: Int32, cpus: [Int]) -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var mask = [UInt64](repeating: 0, count: 16)
        for cpu in cpus where cpu >= 0 && cpu < 1024 { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
        return clinux_spawn("/proc/self/exe", &pointers, out, messages, mask, cpus.isEmpty ? 0 : 128, SIGKILL)
    }

    /// The child's line; nil when it ended without one.
    private static func readLine(
        _ descriptor: Int32, signals: Int32, isFilling: (_ seconds: Int) -> Void
    ) throws -> String? {
        let start = MonotonicClock.now()
        var told = 0
        var octets: [UInt8] = []
        while octets.count < 4096 {
            guard try Interrupted.wait(for: descriptor, Int16(POLLIN), signals: signals, timeoutMs: 1_000) else {
                let seconds = Int((MonotonicClock.now() - start) / 1_000_000_000)
                if seconds / 5 > told {
                    told = seconds / 5
                    isFilling(seconds)
                }
                continue
            }
            var byte: UInt8 = 0
            guard read(descriptor, &byte, 1) == 1 else { return nil }
            if byte == 10 { return String(decoding: octets, as: UTF8.self) }
            octets.append(byte)
        }
        return nil
    }

    /// What the child has said on its standard error, at most 2 KiB, on one line.
    private static func text(of descriptor: Int32) -> String {
        var octets = [UInt8](repeating: 0, count: 2048)
        let count = max(0, pread(descriptor, &octets, octets.count, 0))
        return String(decoding: octets[..<count], as: UTF8.self)
            .split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
    }
}
