// What the running server shows of itself: the log and the figures. What it must never show is CanaryTests' part.

import Foundation
import Glibc
import Testing

/// A `poplar serve` whose every output is kept.
final class WatchedPoplar {
    let folder: ScratchFolder
    private(set) var ports: [Substring: Int] = [:]
    private let child: Child
    private let output: Pipe2
    private var text = ""
    private var status: Int32?

    init(_ arguments: [String]) throws {
        folder = try ScratchFolder()
        output = try Pipe2()
        let errors = open(folder.url.appendingPathComponent("stderr").path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(errors) }
        let words =
            ["serve", "--pop3", "127.0.0.1:0", "--pop3s", "127.0.0.1:0", "--workers", "1", "--metrics", "127.0.0.1:0"]
            + ["--log", folder.url.appendingPathComponent("log").path] + arguments
        child = try Child(Program.poplar, words, seconds: 120, output: output.write, errors: errors)
        output.closeWrite()
        while !text.contains("\n") {
            let octets = output.readSome()
            guard !octets.isEmpty else { break }
            text += String(decoding: octets, as: UTF8.self)
        }
        for word in text.split(whereSeparator: \.isWhitespace) {
            let pair = word.split(separator: "=")
            if pair.count == 2, let port = Int(pair[1].split(separator: ":").last ?? "") { ports[pair[0]] = port }
        }
        guard text.hasPrefix("ready ") else { throw ServerFailure(text: "poplar serve: \(text)\(folder.read("stderr"))") }
    }

    deinit { stop() }

    @discardableResult
    func stop() -> Int32 {
        if let status { return status }
        kill(child.pid, SIGTERM)
        let ended = child.wait()
        status = ended
        text += output.readAll()
        return ended
    }

    func hangUp() { kill(child.pid, SIGHUP) }

    var log: String { folder.read("log") }
    /// Everything that the server has said, after its end.
    var everything: String { text + folder.read("stderr") + log }

    func page(_ path: String = "/metrics") -> String {
        converse(ports["metrics"] ?? 0, ["GET \(path) HTTP/1.0\r\n\r\n"], waitsForReplies: false)
    }

    /// A session in the clear: each line after the reply to the one before it.
    func session(_ lines: String...) -> String { converse(ports["pop3"] ?? 0, lines.map { "\($0)\r\n" }, waitsForReplies: true) }

    private func converse(_ port: Int, _ pieces: [String], waitsForReplies: Bool) -> String {
        guard let wire = Wire(port) else { return "" }
        if waitsForReplies { wire.receive() }
        for piece in pieces {
            guard wire.send(piece) else { break }
            if waitsForReplies, !wire.receive() { break }
        }
        if !waitsForReplies { while wire.receive() {} }
        return wire.received
    }

    /// A connection that stays open; its greeting has come where there is one to wait for.
    func connect(_ listener: Substring = "pop3", awaitsGreeting: Bool = true) throws -> Wire {
        let wire = try #require(Wire(ports[listener] ?? 0))
        if awaitsGreeting { wire.receive() }
        return wire
    }
}

/// A TCP connection to a port of ours.
final class Wire: @unchecked Sendable {
    let descriptor: Int32
    private(set) var received = ""

    init?(_ port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = descriptor
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return nil }
    }

    deinit { close(descriptor) }

    @discardableResult
    func send(_ text: String) -> Bool { Glibc.send(descriptor, Array(text.utf8), text.utf8.count, Int32(MSG_NOSIGNAL)) > 0 }

    /// Waits for the next octets. False: the stream is at its end.
    @discardableResult
    func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        received += String(decoding: buffer.prefix(count), as: UTF8.self)
        return true
    }

    func say(_ lines: String...) {
        for line in lines where send(line + "\r\n") { receive() }
    }

    func drain() { while receive() {} }
}

@Suite("What the server tells of itself", .serialized)
struct ObservationTests {
    @Test("the ready line names the metrics listener, which counts what happened by method and outcome")
    func figures() throws {
        let server = try WatchedPoplar(["--limit", "failure-delay-ms=0"])
        _ = server.session("USER user00001", "PASS secret", "STAT", "RETR 1", "QUIT")
        _ = server.session("USER user00001", "PASS wrong", "QUIT")
        _ = server.session("AUTH PLAIN", Data("\0user00002\0secret".utf8).base64EncodedString(), "NONSENSE", "QUIT")
        let page = server.page()
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n"))
        for line in [
            "poplar_connections_accepted_total 3", "poplar_sessions_total 2", "poplar_retrieved_messages_total 1",
            "poplar_bad_commands_total 1", "poplar_auth_total{method=\"basic\",outcome=\"granted\"} 1",
            "poplar_auth_total{method=\"basic\",outcome=\"refused\"} 1",
            "poplar_auth_total{method=\"plain\",outcome=\"granted\"} 1",
            "poplar_auth_total{method=\"ntlm\",outcome=\"granted\"} 0", "poplar_stale_answers_total 0", "poplar_workers 1",
        ] { #expect(page.contains("\n\(line)\n"), "\(line) is not on the page") }
        #expect(!page.contains("user0000") && !page.contains("127.0.0.1"))
        #expect(server.page("/healthz").hasSuffix("ok\n"))
        #expect(server.page("/").hasPrefix("HTTP/1.1 404 "))
        #expect(server.stop() == 0)
    }

    @Test("logons are lines of level info, between the start and the end")
    func log() throws {
        let server = try WatchedPoplar(["--log-level", "info", "--limit", "idle-ms=600001", "--limit", "failure-delay-ms=0"])
        _ = server.session("USER user00001", "PASS secret", "QUIT")
        _ = server.session("USER POPLAR\\user00002", "PASS wrong", "QUIT")
        #expect(server.stop() == 0)
        let lines = server.log.split(separator: "\n").map(String.init)
        #expect(lines.first?.contains("level=info event=start version=") == true)
        #expect(lines.first?.contains("idle-ms=600001") == true)
        let granted = try #require(lines.first { $0.contains("event=logon_granted") })
        #expect(granted.contains("worker=0 connection=") && granted.contains(" peer=127.0.0.1:"))
        #expect(granted.hasSuffix("method=basic user=\"user00001\""))
        let refused = try #require(lines.first { $0.contains("event=logon_refused") })
        #expect(refused.contains("exchange_id=11202") && refused.contains("method=basic user=\"POPLAR\\\\user00002\""))
        #expect(refused.hasSuffix("reason=credentials"))
        #expect(!server.log.contains("event=connection_"))
        #expect(lines.last?.hasSuffix("event=end") == true)
    }

    @Test("a log that was moved away is opened anew by SIGHUP, and nothing is lost between")
    func rotation() throws {
        let server = try WatchedPoplar(["--log-level", "info"])
        _ = server.session("USER user00001", "PASS secret", "QUIT")
        let (path, old) = (server.folder.url.appendingPathComponent("log"), server.folder.url.appendingPathComponent("log.1"))
        try FileManager.default.moveItem(at: path, to: old)
        server.hangUp()
        for _ in 0..<1000 where !FileManager.default.fileExists(atPath: path.path) { usleep(10_000) }
        _ = server.session("USER user00002", "PASS secret", "QUIT")
        #expect(server.stop() == 0)
        let both = server.folder.read("log.1") + server.log
        #expect(both.contains("user=\"user00001\"") && server.log.contains("user=\"user00002\""))
        #expect(!server.folder.read("log.1").contains("event=end"))
    }

    /// Runs `body` against a server and returns the events of its log, without their times.
    private func events(_ arguments: [String], _ body: (WatchedPoplar) throws -> Void) throws -> [String] {
        let server = try WatchedPoplar(["--log-level", "debug"] + arguments)
        try body(server)
        #expect(server.stop() == 0)
        return server.log.split(separator: "\n").map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    @Test("what a client does wrong has its line, and the end of its connection a reason")
    func misdeeds() throws {
        let events = try events(["--limit", "failure-delay-ms=0"]) { server in
            _ = server.session("ONE", "TWO", "THREE")
            _ = server.session("GET / HTTP/1.1")
            _ = server.session("USER " + String(repeating: "x", count: 600), "QUIT")
            let cipher = try server.connect("pop3s", awaitsGreeting: false)
            cipher.send("this is no client hello, and never will be one\r\n")
            cipher.drain()
            let early = try server.connect()
            early.send("STLS\r\nCAPA\r\n")
            early.drain()
            let holder = try server.connect()
            holder.say("USER user00001", "PASS secret")
            _ = server.session("USER user00001", "PASS secret", "QUIT")
        }
        for (level, text) in [
            ("warn", "event=protocol_error .* reason=bad_commands"),
            ("debug", "event=connection_closed .* reason=bad_commands commands=3 "),
            ("warn", "event=protocol_error .* reason=forbidden_input"), ("info", "event=line_too_long .* limit=512"),
            ("info", "event=tls_failed "), ("warn", "event=stls_buffered "),
            ("info", "event=maildrop_in_use .* method=basic user=\"user00001\""), ("debug", "event=connection_open "),
            ("debug", "event=connection_closed exchange_id=11103 .* reason=client "),
            ("debug", "event=connection_closed .* reason=quit commands=3 octets_sent="),
        ] {
            let pattern = try Regex("^level=\(level) \(text)")
            #expect(events.contains { $0.contains(pattern) }, "\(text): \(events.joined(separator: "\n"))")
        }
        #expect(events.filter { $0.contains("event=connection_open ") }.count == 7)
        #expect(events.filter { $0.contains("event=connection_closed ") }.count == 7)
    }

    @Test("a deadline that passes is told with its phase", arguments: ["logon", "idle", "handshake"])
    func deadlines(phase: String) throws {
        let events = try events(["--limit", "\(phase)-ms=50"]) { server in
            let wire = try server.connect(phase == "handshake" ? "pop3s" : "pop3", awaitsGreeting: phase != "handshake")
            if phase == "idle" { wire.say("USER user00001", "PASS secret") }
            wire.drain()
        }
        #expect(events.contains { $0.hasPrefix("level=info event=timeout ") && $0.hasSuffix(" phase=\(phase)") })
        #expect(events.contains { $0.contains("event=connection_closed ") && $0.contains(" reason=timeout ") })
    }

    @Test("when every seat is taken, those without a logon make room and those with one keep theirs")
    func full() throws {
        let events = try events(["--limit", "connections=1"]) { server in
            let first = try server.connect()
            let second = try server.connect()
            first.drain()
            second.say("USER user00001", "PASS secret")
            let third = try server.connect()
            third.drain()
        }
        #expect(events.contains { $0.hasPrefix("level=warn event=dropped_oldest ") })
        #expect(events.contains { $0.hasPrefix("level=warn event=refused_full worker=0 peer=127.0.0.1:") })
    }

    @Test("the quick form tells of trouble alone")
    func quiet() throws {
        let server = try WatchedPoplar(["--limit", "failure-delay-ms=0"])
        _ = server.session("USER user00001", "PASS wrong", "QUIT")
        #expect(server.stop() == 0)
        #expect(server.log.isEmpty, "\(server.log)")
    }

    @Test("metrics on an address that others reach, and levels that do not exist, are refused with the remedy")
    func usage() throws {
        for (arguments, text) in [
            (["--metrics", "0.0.0.0:0"], "0.0.0.0:0 is not a loopback address"),
            (["--log-level", "loud"], "--log-level: 'loud' is none of: error, warn, info, debug"),
        ] {
            let outcome = try Program.run(Program.poplar, ["serve", "--pop3", "127.0.0.1:0"] + arguments)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains(text), "\(outcome.errors)")
        }
    }
}
