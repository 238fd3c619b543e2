// Clients behind a slow line: the rate that they keep, as arithmetic, and their time-outs, over loopback sockets.

import Reactor
import Telemetry
import Testing
import Workload

@testable import LoadGenerator

@Suite(.serialized) struct SlowReadingTests {
    private static let tickNs: UInt64 = 8_000_000

    /// Octets a second of a client who always finds something to read and is called at the first tick after its line is free,
    /// `latenessNs` late on top of that.
    private func kept(_ rate: UInt32, latenessNs: (Int) -> UInt64 = { _ in 0 }) -> Double {
        var now: UInt64 = 1_000_000_000
        let start = now
        var free: UInt64 = 0
        var octets = 0
        for read in 0..<2000 {
            octets += SlowReading.readSize(rate)
            free = SlowReading.lineFree(free, nowNs: now, count: SlowReading.readSize(rate), rate: rate)
            let tick = max(now / Self.tickNs + 1, (free + Self.tickNs - 1) / Self.tickNs)
            now = tick * Self.tickNs + latenessNs(read)
        }
        return Double(octets) / (Double(now - start) / 1e9)
    }

    @Test(arguments: [64, 6000, 8192, 1_000_000, MailboxWork.readRateLimit])
    func `a client that is called late still reads at its rate`(rate: UInt32) {
        for kept in [kept(rate), kept(rate) { UInt64($0 % 5) * 1_000_000 }] {
            #expect(kept > 0.995 * Double(rate) && kept < 1.005 * Double(rate), "\(kept) octets a second")
        }
    }

    @Test func `what was read occupies the line for its octets over the rate`() {
        #expect(SlowReading.lineFree(5_000_000_000, nowNs: 5_000_000_000, count: 600, rate: 6000) == 5_100_000_000)
    }

    @Test func `a lateness of two ticks is made up for, and no more: a server's silence is no credit`() {
        let two = 2 * Self.tickNs
        #expect(SlowReading.lineFree(5_000_000_000, nowNs: 5_000_000_000 + two, count: 600, rate: 6000) == 5_100_000_000)
        #expect(SlowReading.lineFree(5_000_000_000, nowNs: 5_000_000_001 + two, count: 600, rate: 6000) == 5_100_000_001)
        #expect(SlowReading.lineFree(0, nowNs: 5_000_000_000, count: 600, rate: 6000) == 5_100_000_000 - two)
        #expect(SlowReading.lineFree(0, nowNs: 0, count: 600, rate: 6000) == 100_000_000)
    }

    // MARK: Over sockets

    private func run(_ server: StubServer, load: String, work: String) throws -> LoadRun {
        let profile = try ProfileLoader.load(
            text: """
                name: test
                \(load)
                phases: [{name: steady, duration: 300ms}]
                clients: [{persona: basic}]
                mailbox_work: [{name: work, \(work)}]
                population: {users: 4000, messages: 1, bytes: 256}
                limits: {step_timeout: 400ms, session_timeout: 20s, drain_timeout: 10s, in_flight: 4000}
                """, file: "test.yaml")
        let users = UserTable.embedded(users: profile.population.users)
        let run = try LoadRun(LoadConfiguration(profile: profile, users: users, pop3: server.address, pop3s: nil))
        try run.start()
        while !run.isFinished { run.poll() }
        run.wait()
        return run
    }

    @Test func `a server that falls silent after its greeting: each slow reader times out at the limit of its step`() throws {
        let server = try StubServer(.fallsSilent)
        defer { server.stop() }
        let totals = try run(server, load: "rate: 100", work: "read_rate: 6000").collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.planned > 0)
        #expect(totals.allPhases.inFlight == 0)
        #expect((totals.latency.failed.minimum ?? 0) >= 400_000_000)
        #expect(totals.allPhases.errors[.timeout] == totals.allPhases.planned, "\(totals.allPhases.errors)")
    }

    @Test func `a slow reader sees the close that came along with the answer to QUIT: its user is free at once`() throws {
        let server = try StubServer(.answers)
        defer { server.stop() }
        let totals = try run(server, load: "model: closed\nusers: 4", work: "read_rate: 6000").collector.totals
        #expect(totals.conservationFaults == [])
        #expect(totals.allPhases.succeeded == totals.allPhases.planned)
        // Four users whose close is not seen wait longer than the run.
        #expect(totals.allPhases.planned > 4)
    }

    @Test func `what a server says to one slow reader does not stand in the note on another's silence`() throws {
        let server = try StubServer(.refusesOrIsSilent)
        defer { server.stop() }
        // At 64 octets a second all but the greeting is read by the timers.
        let run = try run(server, load: "rate: 2000", work: "read_rate: 64")
        #expect(run.collector.totals.conservationFaults == [])
        let failures = run.failures
        #expect(failures.contains { $0.kind == .auth && $0.reply == "-ERR no such user" })
        #expect(failures.contains { $0.kind == .timeout })
        for failure in failures where failure.kind == .timeout { #expect(failure.reply == "") }
    }
}
