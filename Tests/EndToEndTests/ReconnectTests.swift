// Clients of the persona table that go on over a new connection, over real sockets against the server itself: the session stays
// one, with one user and one record, however many connections it took.

import Foundation
import Glibc
import Testing

@Suite("A session over two connections", .serialized)
struct ReconnectTests {
    /// Three users, each with one session after the other.
    private func profile(_ persona: String) -> String {
        """
        name: again
        model: closed
        users: 3
        think_time: 20ms
        phases: [{name: steady, duration: 1500ms}]
        clients: [{persona: \(persona)}]
        mailbox_work: [{name: look, stat: on}]
        population: {users: 20, messages: 2, bytes: 256}
        server: {ntlm_level: 4}
        limits: {step_timeout: 20s, session_timeout: 20s}
        slo: ['errors <= 0%']

        """
    }

    private func run(_ folder: ScratchFolder, _ persona: String, port: Int) throws -> FinishedRun {
        let file = try folder.write("again.yaml", profile(persona))
        let out = folder.url.appendingPathComponent("run").path
        let finished = FinishedRun(
            folder, try Program.run(Program.poplar, ["run", file, "--out", out, "--pop3", "127.0.0.1:\(port)"]))
        try #require(finished.outcome.status == 0, "\(finished.outcome.output)\(finished.outcome.errors)")
        return finished
    }

    /// The count of a step and its errors, summed over methods where none is named.
    private func step(_ finished: FinishedRun, _ name: String, _ auth: String? = nil) throws -> (count: Int, errors: Int) {
        let rows = try #require(try finished.summary["steps"] as? [[String: Any]])
        let found = rows.filter { $0["step"] as? String == name && (auth == nil || $0["auth"] as? String == auth) }
        return found.reduce((0, 0)) { ($0.0 + ($1["count"] as? Int ?? 0), $0.1 + ($1["errors"] as? Int ?? 0)) }
    }

    /// The users of the log's logons, each with whether he was let in, in their order.
    private func logons(_ server: WatchedPoplar) -> [(user: Substring, granted: Bool)] {
        server.log.split(separator: "\n").compactMap { line in
            guard line.contains("event=logon_granted") || line.contains("event=logon_refused") else { return nil }
            let user = line.split(separator: "user=\"").last?.prefix { $0 != "\"" } ?? ""
            return (user, line.contains("event=logon_granted"))
        }
    }

    @Test("Thunderbird: PLAIN is refused and the server closes; LOGIN over a new connection, by the same user, is one success")
    func thunderbird() throws {
        let folder = try ScratchFolder()
        let server = try WatchedPoplar([
            "--log-level", "info", "--limit", "logon-failures=1", "--limit", "failure-delay-ms=0", "--population",
            "users=20,messages=2,bytes=256",
        ])
        let relay = try SpoilingRelay(to: server.ports["pop3"] ?? 0)
        let finished = try run(folder, "thunderbird", port: relay.port)
        let counts = try finished.sessions("all_phases")
        let sessions = try #require(counts["succeeded"])
        #expect(sessions > 10 && counts["planned"] == sessions)
        let fallbacks = try #require(try finished.summary["fallbacks"] as? [[String: Any]])
        #expect(fallbacks.count == 1)
        #expect(fallbacks[0]["from"] as? String == "plain" && fallbacks[0]["to"] as? String == "login")
        #expect(fallbacks[0]["count"] as? Int == sessions)
        #expect((fallbacks[0]["lost_us_mean"] as? Double ?? 0) > 0)
        // Two connections each, and the refused attempt stands in the steps, not among the sessions' errors.
        #expect(try step(finished, "connect") == (2 * sessions, 0))
        #expect(try step(finished, "auth", "plain") == (0, sessions))
        #expect(try step(finished, "auth", "login") == (sessions, 0))
        #expect(try step(finished, "quit").count == sessions)
        let service = try #require(
            (try finished.summary["latency_us"] as? [String: Any])?["session_service"] as? [String: Any])
        #expect(service["count"] as? Int == sessions)
        server.stop()
        let logons = logons(server)
        try #require(logons.count == 2 * sessions)
        let users = Dictionary(grouping: logons, by: \.user)
        #expect(users.count == 3)
        for (user, own) in users {
            // Refused, let in, refused, let in, ...: who was refused is who comes again.
            #expect(own.enumerated().allSatisfy { index, logon in logon.granted == (index % 2 == 1) }, "\(user): \(own)")
            #expect(own.count % 2 == 0)
        }
    }

    @Test(
        "fetchmail: a server that knows no CAPA is asked for the password alone, over a new connection; no fallback, one success")
    func fetchmail() throws {
        let folder = try ScratchFolder()
        let server = try WatchedPoplar([
            "--log-level", "info", "--compat", "exchange-5.5", "--population", "users=20,messages=2,bytes=256",
        ])
        let finished = try run(folder, "fetchmail", port: server.ports["pop3"] ?? 0)
        let counts = try finished.sessions("all_phases")
        let sessions = try #require(counts["succeeded"])
        #expect(sessions > 10 && counts["planned"] == sessions)
        #expect((try finished.summary["fallbacks"] as? [Any])?.isEmpty == true)
        #expect(try step(finished, "connect") == (2 * sessions, 0))
        #expect(try step(finished, "auth", "basic") == (sessions, 0))
        server.stop()
        #expect(logons(server).count == sessions && logons(server).allSatisfy(\.granted))
    }
}

/// Stands between a client and a server, and makes the password of each AUTH PLAIN wrong on its way: a server that takes some
/// method from a client and refuses another, as a directory with passwords of two kinds does.
private final class SpoilingRelay: @unchecked Sendable {
    let port: Int
    private let listener: SilentPort

    init(to target: Int) throws {
        let listener = try SilentPort()
        self.listener = listener
        port = Int(listener.port)
        let descriptor = dup(listener.descriptor)
        Thread.detachNewThread {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                guard let server = Wire(target) else {
                    close(client)
                    continue
                }
                Thread.detachNewThread {
                    Self.relay(client, server)
                    // A program that another test starts in this moment may have inherited the descriptors: closing them is not
                    // enough to end the connections.
                    for descriptor in [client, server.descriptor] { shutdown(descriptor, Int32(SHUT_RDWR)) }
                    close(client)
                }
            }
            close(descriptor)
        }
    }

    deinit { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }

    /// Until one of the two closes. The client's side speaks in turn, so a read of it is a command.
    private static func relay(_ client: Int32, _ server: Wire) {
        var entries = [client, server.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var isPlain = false
        while poll(&entries, 2, 30_000) > 0 {
            for index in 0..<2 where entries[index].revents != 0 {
                let count = read(entries[index].fd, &buffer, buffer.count)
                guard count > 0 else { return }
                var octets = Array(buffer.prefix(count))
                if index == 0 {
                    if isPlain { octets = spoiled(octets) }
                    isPlain = octets == Array("AUTH PLAIN\r\n".utf8)
                }
                guard send(entries[1 - index].fd, octets, octets.count, Int32(MSG_NOSIGNAL)) == octets.count else { return }
            }
        }
    }

    /// PLAIN's message with more at its end, which is the password's.
    private static func spoiled(_ line: [UInt8]) -> [UInt8] {
        guard let message = Data(base64Encoded: String(decoding: line.dropLast(2), as: UTF8.self)) else { return line }
        return Array((message + Data("-wrong".utf8)).base64EncodedString().utf8) + Array("\r\n".utf8)
    }
}
