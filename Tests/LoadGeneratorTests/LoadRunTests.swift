// Whole runs over loopback sockets against a stub: whatever the server does and whenever the run is stopped, each
// session that fell due is accounted for once.

import Glibc
import Reactor
import Telemetry
import Testing
import Workload

@testable import LoadGenerator

@Suite(.serialized) struct LoadRunTests {
    private func profile(
        load: String = "rate: 200", milliseconds: Int = 400, users: Int = 2000, inFlight: Int = 500, timeout: String = "5s",
        extra: String = ""
    ) throws -> Profile {
        let text = """
            name: test
            description: For a test.
            \(load)
            phases:
              - {name: warm-up, duration: 100ms, measure: off}
              - {name: steady, duration: \(milliseconds)ms}
            clients:
              - {persona: basic}
            mailbox_work:
              - {name: fetch, stat: on, retrieve: all}
            population: {users: \(users), messages: 1, bytes: 256}
            limits:
              connect_timeout: \(timeout)
              step_timeout: \(timeout)
              session_timeout: \(timeout)
              drain_timeout: 5s
              in_flight: \(inFlight)
            \(extra)

            """
        return try ProfileLoader.load(text: text, file: "test.yaml")
    }

    /// Runs to the end; `during` is called once, some time after the first sessions.
    private func run(_ profile: Profile, _ target: SocketAddress, threads: Int = 1, during: (LoadRun) -> Void = { _ in }) throws
        -> LoadRun
    {
        let users = UserTable.embedded(users: profile.population.users)
        let run = try LoadRun(LoadConfiguration(profile: profile, users: users, pop3: target, pop3s: nil, threads: threads))
        try run.start()
        usleep(300_000)
        during(run)
        while !run.isFinished {
            run.poll()
            usleep(2_000)
        }
        run.wait()
        return run
    }

    @Test(arguments: [1, 2])
    func `a sound server: every planned session succeeds, on one thread and on two`(threads: Int) throws {
        let server = try StubServer(.answers)
        defer { server.stop() }
        let totals = try run(profile(), server.address, threads: threads).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.planned > 20)
        #expect(totals.measured.succeeded == totals.measured.planned)
        #expect(totals.measured.messages == totals.measured.succeeded)
        #expect(totals.measured.payloadBytes == 5 * totals.measured.messages)
        #expect(totals.allPhases.planned > totals.measured.planned)
        let retr = totals.latency[StepLabel(step: .retr, auth: .basic, transport: .pop3)]
        #expect(retr?.count == totals.measured.messages)
    }

    @Test func `where the profile lets sessions overlap, finding the maildrop in use is expected of those that did`() throws {
        let server = try StubServer(.locks)
        defer { server.stop() }
        let text = try profile(users: 2, extra: "overlap: on").sourceText.replacing("retrieve: all}", with: "idle: 40ms}")
        let overlapping = try ProfileLoader.load(text: text, file: "test.yaml")
        let totals = try run(overlapping, server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.failed == 0)
        #expect(totals.measured.succeeded == totals.measured.planned)
        #expect((1..<totals.measured.planned).contains(totals.measured.expectedRefusals))
    }

    @Test func `a maildrop in use by somebody else is an error`() throws {
        let server = try StubServer(.inUse)
        defer { server.stop() }
        let totals = try run(profile(), server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.planned > 20)
        #expect(totals.measured.errors[.inUse] == totals.measured.planned)
    }

    @Test func `closed users run one session after the other`() throws {
        let server = try StubServer(.answers)
        defer { server.stop() }
        let totals = try run(profile(load: "model: closed\nusers: 4", milliseconds: 200), server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.succeeded > 4)
        #expect(totals.measured.failed == 0)
    }

    @Test func `a user comes again when the server has closed, which is when it lets go of his maildrop`() throws {
        let server = try StubServer(.locksUntilItCloses)
        defer { server.stop() }
        let closed = try profile(load: "model: closed\nusers: 1", milliseconds: 300, users: 1)
        let totals = try run(closed, server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.succeeded > 2)
        #expect(totals.measured.failed == 0)
    }

    @Test func `a server that never closes takes no seat from the sessions to come`() throws {
        let server = try StubServer(.staysOpen)
        defer { server.stop() }
        // Seats: two for each session in flight and 64 more; within the second that a close is awaited 300 sessions end.
        let totals = try run(profile(load: "rate: 300", milliseconds: 700, inFlight: 20), server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.planned > 120)
        #expect(totals.measured.succeeded == totals.measured.planned)
    }

    @Test func `a silent server: every session times out, recorded at the limit`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        let totals = try run(profile(timeout: "100ms"), server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.measured.planned > 20)
        #expect(totals.measured.errors[.timeout] == totals.measured.planned)
        #expect(totals.latency.failed.minimum == 100_000_000)
        #expect(totals.latency.failed.maximum == 100_000_000)
        #expect(totals.latency.corrected.count == 0)
    }

    @Test func `a silent server: however late a time-out is seen, sessions were open for as long as they lasted`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        let run = try run(profile(timeout: "50ms"), server.address)
        let totals = run.collector.totals
        #expect(totals.measured.planned > 20 && totals.measured.errors[.timeout] == totals.measured.planned)
        #expect(run.health.reduce(0) { $0 + $1.openNs } == UInt64(totals.latency.failed.sum))
    }

    @Test func `a reply that repeats the password is kept without it`() throws {
        let server = try StubServer(.repeats)
        defer { server.stop() }
        let failures = try run(profile(), server.address).failures
        #expect(failures.count == 5)
        #expect(failures.allSatisfy { $0.reply == "-ERR unknown command: PASS ***" }, "\(failures.map(\.reply))")
    }

    @Test func `a server that closes early, and one that is not there`() throws {
        let server = try StubServer(.closesEarly)
        let closing = try run(profile(), server.address).collector.totals
        #expect(closing.conservationFaults == [])
        #expect(closing.measured.errors[.earlyClose] + closing.measured.errors[.reset] == closing.measured.planned)
        server.stop()
        let nobody = try ReservedPort()
        let gone = try run(profile(), nobody.address).collector.totals
        #expect(gone.conservationFaults == [])
        #expect(gone.measured.errors[.refused] == gone.measured.planned)
        #expect(gone.measured.planned > 20)
    }

    @Test func `a second stop cancels what is open`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        let run = try run(profile(milliseconds: 60_000), server.address) { run in
            run.requestStop(.drain)
            run.requestStop(.now)
        }
        let totals = run.collector.totals
        #expect(run.stoppedNs != nil)
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.cancelled == totals.allPhases.planned)
        #expect(totals.allPhases.planned > 0)
    }

    @Test func `after a first stop what is still open at the drain deadline is in flight`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        var stood = 0
        let totals = try run(profile(milliseconds: 60_000, timeout: "60s"), server.address) { run in
            while server.accepted < 5 { usleep(1_000) }
            stood = server.accepted
            run.requestStop(.drain)
            // A limit that ends a run early asks for the same, and takes nobody's time away.
            run.requestStop(.drain)
        }.collector.totals
        #expect(totals.conservationFaults == [])
        // What fell due just before the stop and had not begun is cancelled: on a slow machine that may be a few.
        #expect(totals.allPhases.inFlight + totals.allPhases.cancelled == totals.allPhases.planned)
        #expect(totals.allPhases.inFlight == totals.allPhases.started)
        #expect(totals.allPhases.inFlight >= stood)
    }

    @Test func `a user who is still logged on is our own shortage`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        let totals = try run(profile(users: 2, timeout: "1s"), server.address).collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.errors[.ownUsersExhausted] == totals.allPhases.planned - 1)
    }

    @Test func `past the in-flight cap sessions wait, and what never began is cancelled`() throws {
        let server = try StubServer(.silent)
        defer { server.stop() }
        let run = try run(profile(inFlight: 2, timeout: "300ms"), server.address)
        let totals = run.collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.cancelled > 0)
        #expect(totals.allPhases.started < totals.allPhases.planned)
        #expect(run.health.reduce(0) { $0 + $1.inFlightCapHits } > 0)
    }

    @Test func `a retrieval is late by its rule, and by no other`() throws {
        let server = try StubServer(.answers)
        defer { server.stop() }
        let slo = "slo: ['late(retr, 1ns) <= 5%', 'late(retr, 1h) <= 5%', 'late(top, 1ns) <= 5%', 'late(retr, 1ns + 1B/s) <= 5%']"
        let totals = try run(profile(extra: slo), server.address).collector.totals
        #expect(totals.measured.messages > 20)
        #expect(totals.late.prefix(4) == [totals.measured.messages, 0, 0, 0])
    }
}
