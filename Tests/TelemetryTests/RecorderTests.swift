// What recorders write is what the collector counts: to the last session, whatever the threads and the timing.
// Time is an argument here, so that no test depends on a clock.

import Glibc
import Synchronization
import Testing

@testable import Telemetry

private let second: UInt64 = 1_000_000_000

private func session(
    planned: UInt64, start: UInt64, end: UInt64, _ outcome: SessionOutcome = .succeeded, measured: Bool = true,
    from: AuthMethod? = nil, lost: UInt64 = 0
) -> SessionRecord {
    SessionRecord(
        plannedNs: planned, startNs: start, endNs: end, outcome: outcome, plannedAuth: from ?? .basic, auth: .basic,
        transport: .pop3,
        measured: measured, messages: 2, payloadBytes: 100, fallbackFrom: from, fallbackLostNs: lost)
}

extension Recorder {
    /// The three calls that a session's life makes.
    fileprivate mutating func run(_ session: SessionRecord) {
        sessionDue(plannedNs: session.plannedNs, measured: session.measured)
        if session.startNs != 0 {
            sessionStarted(plannedNs: session.plannedNs, startNs: session.startNs, measured: session.measured)
        }
        record(session: session)
    }
}

@Suite struct RecorderTests {
    @Test func correctedRunsFromThePlanServiceFromTheStartAndLagBetweenThem() {
        let collector = Collector(threads: 1, runStartNs: 100, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.run(session(planned: 1_000, start: 1_250, end: 3_000))
        recorder.finish(nowNs: 5_000)
        collector.poll(nowNs: 5_000)
        let latency = collector.totals.latency
        #expect(latency.corrected.maximum == 2_000)
        #expect(latency.service.maximum == 1_750)
        #expect(latency.lag.maximum == 250)
        #expect(collector.isFinished)
        #expect(collector.totals.conservationFaults == [])
    }

    @Test func theClosedModelKnowsNoPlan() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .closed)
        var recorder = Recorder(collector.exchanges[0])
        recorder.run(session(planned: 1_250, start: 1_250, end: 3_000))
        recorder.finish(nowNs: 5_000)
        collector.poll(nowNs: 5_000)
        #expect(collector.totals.latency.corrected.count == 0)
        #expect(collector.totals.latency.lag.count == 0)
        #expect(collector.totals.latency.service.maximum == 1_750)
        #expect(collector.totals[SessionLabel(auth: .basic, transport: .pop3)].latency?.maximum == 1_750)
        #expect(collector.totals.conservationFaults == [])
    }

    @Test func outcomesAreCountedByTheContractsRules() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.run(session(planned: 1, start: 2, end: 10))
        recorder.run(session(planned: 1, start: 2, end: 10, .expectedRefusal))
        recorder.run(session(planned: 1, start: 2, end: 10, .succeeded, from: .ntlm, lost: 4))
        recorder.run(session(planned: 1, start: 2, end: 60, .failed(.timeout)))
        recorder.run(session(planned: 1, start: 0, end: 0, .failed(.ownUsersExhausted)))
        recorder.run(session(planned: 1, start: 0, end: 0, .cancelled))
        recorder.run(session(planned: 1, start: 2, end: 9, .cancelled))
        recorder.run(session(planned: 1, start: 2, end: 0, .inFlight))
        recorder.run(session(planned: 1, start: 2, end: 900, .succeeded, measured: false))
        recorder.finish(nowNs: second / 2)
        collector.poll(nowNs: second)
        let totals = collector.totals
        #expect(totals.conservationFaults == [])
        let counts = totals.measured
        #expect(counts.planned == 8)
        #expect(counts.succeeded == 3)
        #expect(counts.expectedRefusals == 1)
        #expect(counts.failed == 2)
        #expect(counts.errors[.timeout] == 1)
        #expect(counts.errors[.ownUsersExhausted] == 1)
        #expect(counts.cancelled == 2)
        #expect(counts.inFlight == 1)
        #expect(totals.allPhases.planned == 9)
        #expect(totals.allPhases.succeeded == 4)
        #expect(totals.latency.service.count == 3, "failures and warm-up stay out of the measured latencies")
        #expect(totals.latency.failed.count == 1, "a session that never began has no latency")
        #expect(totals.latency.failed.maximum == 58)
        #expect(totals.fallbacks == [FallbackTotals(from: .ntlm, to: .basic, count: 1, lostNs: 4)])
        #expect(totals[SessionLabel(auth: .ntlm, transport: .pop3)].fallbacks == 1)
        #expect(totals[SessionLabel(auth: .basic, transport: .pop3)].sessions == 7)
        #expect(totals.series.last?.inFlight == 1)
    }

    @Test func aMissingRecordIsFound() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.sessionDue(plannedNs: 1, measured: true)
        recorder.finish(nowNs: 5)
        collector.poll(nowNs: 5)
        #expect(collector.totals.conservationFaults.count == 2, "once for the measured phases, once for the run")
    }

    @Test func aStepCountsInItsLabelAndOnlyWhenMeasured() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.record(step: .retr, auth: .ntlm, transport: .pop3s, latencyNs: 77, measured: true)
        recorder.record(step: .retr, auth: .ntlm, transport: .pop3s, latencyNs: 78, measured: false)
        recorder.record(failed: .auth, auth: .ntlm, transport: .pop3s, latencyNs: 5_000, measured: true)
        recorder.record(failed: .auth, auth: .ntlm, transport: .pop3s, latencyNs: nil, measured: true)
        recorder.record(failed: .auth, auth: .ntlm, transport: .pop3s, latencyNs: 6_000, measured: false)
        recorder.finish(nowNs: 5)
        collector.poll(nowNs: 5)
        let totals = collector.totals
        let retr = StepLabel(step: .retr, auth: .ntlm, transport: .pop3s)
        let auth = StepLabel(step: .auth, auth: .ntlm, transport: .pop3s)
        #expect(totals.usedSteps == [auth, retr])
        #expect(totals.latency[retr]?.count == 1)
        #expect(totals.errors(of: auth) == 2)
        #expect(totals.latency[auth] == nil, "a failure is never among the steps that ended well")
        #expect(totals.latency.failed(auth)?.count == 1, "what never began has no time of its own")
        #expect(totals.latency.failed(auth)?.maximum == 5_000)
        #expect(totals.latency.failed(retr) == nil)
        #expect(retr.tag == "retr.ntlm.pop3s")
    }

    @Test func eachThingStandsInItsOwnSecondAndInFlightIsWhatIsOpen() {
        let collector = Collector(threads: 2, runStartNs: 0, model: .open)
        var left = Recorder(collector.exchanges[0])
        var right = Recorder(collector.exchanges[1])
        // Planned in second 0, begun in second 1, ended in second 2; and one that lives and dies in second 1.
        left.sessionDue(plannedNs: second / 2, measured: true)
        left.swapIfDue(nowNs: second)
        right.swapIfDue(nowNs: second + 5)
        #expect(collector.poll(nowNs: second + 10))
        left.sessionStarted(plannedNs: second / 2, startNs: second + 20, measured: true)
        right.run(session(planned: second + 30, start: second + 30, end: second + 90))
        left.swapIfDue(nowNs: 2 * second)
        #expect(!collector.poll(nowNs: 2 * second), "the other thread has not handed over yet")
        right.swapIfDue(nowNs: 2 * second)
        #expect(collector.poll(nowNs: 2 * second + 5))
        left.record(session: session(planned: second / 2, start: second + 20, end: 2 * second + 20))
        left.finish(nowNs: 2 * second + second / 2)
        right.finish(nowNs: 2 * second + second / 2)
        collector.poll(nowNs: 3 * second)
        let series = collector.totals.series
        #expect(series.map(\.row.counts.planned) == [1, 1, 0])
        #expect(series.map(\.row.counts.started) == [0, 2, 0])
        #expect(series.map(\.row.counts.succeeded) == [0, 1, 1])
        #expect(series.map(\.inFlight) == [0, 1, 0])
        #expect(series.map(\.row.samples) == [0, 1, 1])
        #expect(series[1].row.maxNs == 60)
        #expect(series[2].row.maxNs == 3 * second / 2 + 20)
        #expect(series[1].row.lagP99Ns == second / 2 + 20)
        #expect(series.map(\.lengthS) == [1, 1, 0.5])
        #expect(series[2].achievedPerS == 2)
        #expect(collector.totals.conservationFaults == [])
    }

    @Test func aLateCollectorLosesNothing() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        for turn in 0..<6 {
            let now = UInt64(turn) * second
            recorder.swapIfDue(nowNs: now)
            recorder.run(session(planned: now + 1, start: now + 2, end: now + 10))
        }
        recorder.finish(nowNs: 6 * second)
        collector.poll(nowNs: 6 * second)
        #expect(collector.isFinished)
        #expect(collector.totals.measured.succeeded == 6)
        #expect(collector.totals.lateHandovers == 4)
        #expect(collector.totals.series.map(\.row.counts.succeeded) == [1, 1, 1, 1, 1, 1])
        #expect(collector.totals.conservationFaults == [])
    }

    @Test func aStuckThreadDoesNotHoldUpTheOthersForLong() {
        let collector = Collector(threads: 2, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.run(session(planned: 1, start: 2, end: 10))
        recorder.swapIfDue(nowNs: second)
        #expect(!collector.poll(nowNs: second))
        #expect(!collector.poll(nowNs: second + second / 2 - 1))
        #expect(collector.poll(nowNs: second + second / 2))
        #expect(collector.totals.measured.succeeded == 1)
    }

    @Test func theLogIntervalsAddUpToTheTotals() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        var sum = LatencyHistogram(.session)
        var spans: [ClosedRange<UInt64>] = []
        func drain() {
            collector.drainInterval { start, end, latencies in
                sum.merge(latencies.corrected)
                spans.append(start...end)
            }
        }
        for turn in 1...4 {
            let now = UInt64(turn) * second
            recorder.run(session(planned: now - 500, start: now - 400, end: now - UInt64(turn)))
            recorder.swapIfDue(nowNs: now)
            collector.poll(nowNs: now)
            if turn % 2 == 0 { drain() }
        }
        recorder.finish(nowNs: 5 * second)
        collector.poll(nowNs: 5 * second)
        drain()
        #expect(sum == collector.totals.latency.corrected)
        #expect(spans == [0...2 * second, 2 * second...4 * second, 4 * second...5 * second])
    }

    @Test func threadsThatRaceWithTheCollectorLoseNoSession() async {
        let collector = Collector(threads: 2, runStartNs: 0, model: .open)
        let exchanges = collector.exchanges
        let turns: UInt64 = 3_000
        await withTaskGroup(of: Void.self) { group in
            for exchange in exchanges {
                group.addTask {
                    var recorder = Recorder(exchange)
                    for turn in 1...turns {
                        let now = turn * second
                        recorder.run(session(planned: now - 20, start: now - 15, end: now - 1))
                        recorder.swapIfDue(nowNs: now)
                    }
                    recorder.finish(nowNs: (turns + 1) * second)
                }
            }
            var now: UInt64 = 0
            while !collector.isFinished {
                collector.poll(nowNs: now)
                now += second
                await Task.yield()
            }
        }
        #expect(collector.totals.measured.succeeded == 2 * turns)
        #expect(collector.totals.latency.corrected.count == 2 * turns)
        #expect(collector.totals.conservationFaults == [])
    }
}
