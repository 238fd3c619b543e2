// One session of a probe against a server that keeps no end: the deadline holds whatever is sent.

import Dialogue
import PoplarCore
import Reactor
import TLS
import Telemetry
import Testing
import Workload

@testable import LoadGenerator

@Suite struct ProbeSessionTests {
    private func probe(_ behaviour: StubServer.Behaviour) throws -> (attempt: ProbeAttempt, server: StubServer) {
        let server = try StubServer(behaviour)
        let endpoint = ProbeEndpoint(
            address: server.address, isTLS: false, context: try TLSContext.client(), peer: nil,
            timeoutNs: 5_000_000_000)
        var session = ProbeSession(users: .embedded(users: 2), user: 0)
        let attempt = session.run(ProbeTrial.all[0], over: .pop3, endpoint, offered: .yes)
        server.stop()
        return (attempt, server)
    }

    @Test func `a server that sends without end after QUIT: the logon is told as it was, and the probe goes away`() throws {
        let (attempt, server) = try probe(.endless)
        #expect(attempt.result == .ok)
        #expect(attempt.messages == 1)
        #expect(server.escaped == 1)
    }

    /// Waits for what `server` never stops sending, a thousand times with a deadline that has passed.
    private func timeouts(_ server: StubServer) throws -> Int {
        let now = MonotonicClock.now()
        var connection = try ProbeConnection(
            to: server.address, startNs: now, deadlineNs: now + 5_000_000_000, transcript: Transcript())
        try Array("QUIT\r\n".utf8).withUnsafeBytes { try connection.send($0, deadlineNs: now + 5_000_000_000) }
        while connection.input.count < 100_000 { try connection.receive(deadlineNs: now + 5_000_000_000) }
        var count = 0
        for _ in 0..<1000 {
            do throws(ProbeConnection.Fault) {
                try connection.receive(deadlineNs: now)
            } catch { count += error == .timeout ? 1 : 0 }
        }
        return count
    }

    @Test func `a deadline that has passed holds also where there is something to read`() throws {
        let server = try StubServer(.endless)
        defer { server.stop() }
        #expect(try timeouts(server) == 1000)
    }

    @Test func `a sound server`() throws {
        let (attempt, _) = try probe(.answers)
        #expect(attempt.result == .ok)
        #expect(attempt.messages == 1)
        #expect(attempt.octets == 5)
    }
}
