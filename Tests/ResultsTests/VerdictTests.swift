// One table for all commands: where several exit codes apply, the first of 64, 1, 130, 4, 2, 3, 5.
// A verdict lists all that applies, and a limit that could not be observed is never a pass.

import Telemetry
import Testing
import Workload

@testable import Results

@Suite struct VerdictTests {
    private func limit(_ verdict: RunSummary.SLOVerdict, observed: Double? = 0.02) -> RunSummary.SLORow {
        .init(metric: "errors", comparison: "<=", limit: 0.01, unit: "share", observed: observed, verdict: verdict)
    }

    private let broken = RunSummary.ValidityRow(check: "started_share", value: 0.5, limit: 0.99, ok: false)

    @Test func exitCodesComeInTheContractsOrder() {
        let order: [ExitCode] = [.usage, .failure, .interrupted, .invalid, .limitFailed, .inconclusive, .noBaseline]
        #expect(order.map(\.rawValue) == [64, 1, 130, 4, 2, 3, 5])
        for index in order.indices {
            #expect(ExitCode.first(of: Array(order[index...].reversed())) == order[index])
        }
        #expect(ExitCode.first(of: []) == .pass)
        #expect(ExitCode.first(of: [.pass, .noBaseline]) == .noBaseline)
    }

    @Test func theGravestFindingDecidesAndAllAreTold() {
        let all = Evidence(
            interrupted: true, missingRanks: 1, slo: [limit(.inconclusive, observed: nil), limit(.fail)], validity: [broken])
        #expect(all.verdict == .interrupted)
        #expect(
            all.reasons == [
                "interrupted by a signal", "invalid: started_share is 0.5, limit 0.99", "1 rank(s) left no result",
                "errors <= 1 % failed: observed 2 %", "errors <= 1 %: too few samples to say",
            ])
        #expect(Evidence(slo: [limit(.fail)], validity: [broken]).verdict == .invalid)
        #expect(Evidence(missingRanks: 1, slo: [limit(.fail)], validity: []).verdict == .partial)
        #expect(Evidence(slo: [limit(.inconclusive), limit(.fail)], validity: []).verdict == .fail)
        #expect(Evidence(slo: [limit(.inconclusive), limit(.pass)], validity: []).verdict == .inconclusive)
        let pass = Evidence(slo: [limit(.pass)], validity: [])
        #expect(pass.verdict == .pass && pass.reasons.isEmpty)
    }

    @Test func whatTheGeneratorLackedIsToldWithWhatGivesItMore() {
        let own = ErrorClass.allCases.filter { $0.shortage != nil }
        #expect(own == ErrorClass.allCases.filter(\.isOwn))
        let row = RunSummary.ValidityRow(check: "own_ports", value: 36, limit: 0, ok: false)
        let evidence = Evidence(slo: [limit(.fail)], validity: [row])
        #expect(evidence.verdict == .invalid)
        #expect(
            evidence.reasons.first == "invalid: own_ports is 36, limit 0: the generator ran out of local ports; name more source "
                + "addresses (--source), or widen net.ipv4.ip_local_port_range")
    }

    @Test func verdictsHaveTheirExitCodes() {
        let codes = Verdict.allCases.map(\.exitCode.rawValue)
        #expect(codes == [0, 2, 3, 4, 4, 130])
    }

    @Test func withoutLimitsOnePerCentOfErrorsIsTheLimit() {
        let row = RunFixture.collector().totals.evaluate([.standard], measuredSeconds: 2)[0]
        #expect(row == .init(metric: "errors", comparison: "<=", limit: 0.01, unit: "share", observed: 2 / 1_004, verdict: .pass))
        let none = RunTotals(model: .open, runStartNs: 0).evaluate([.standard], measuredSeconds: 2)[0]
        #expect(none.verdict == .inconclusive, "no session says nothing")
    }

    @Test func aServerThatHangsFailsItsRun() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .closed)
        var recorder = Recorder(collector.exchanges[0])
        for index in 0..<10 as Range<UInt64> {
            recorder.sessionDue(plannedNs: 1, measured: true)
            recorder.sessionStarted(plannedNs: 1, startNs: 1, measured: true)
            recorder.record(
                session: SessionRecord(
                    plannedNs: 1, startNs: 1, endNs: index < 8 ? 2 : 0, outcome: index < 8 ? .succeeded : .inFlight,
                    plannedAuth: .basic, auth: .basic, transport: .pop3, measured: true))
        }
        recorder.finish(nowNs: 10)
        collector.poll(nowNs: 10)
        let rows = collector.totals.evaluate([.standard, .unfinished], measuredSeconds: 1)
        #expect(rows.map(\.verdict) == [.pass, .fail])
        let evidence = Evidence(slo: rows, validity: [])
        #expect(evidence.verdict == .fail && evidence.reasons == ["unfinished <= 1 % failed: observed 20 %"])
    }

    @Test func everyMetricIsObservedAsTheSummaryShowsIt() {
        let totals = RunFixture.collector().totals
        let summary = RunFixture.summary()
        func observed(_ metric: SLOMetric) -> Double? { totals.observed(metric, measuredSeconds: 2) }
        #expect(observed(.sessionsPerSecond) == summary.throughput.sessionsPerS)
        #expect(observed(.messagesPerSecond) == summary.throughput.messagesPerS)
        #expect(observed(.bytesPerSecond) == summary.throughput.bytesPerS)
        #expect(observed(.fallbackShare) == 10.0 / 1_004.0)
        #expect(observed(.unfinishedShare) == 2.0 / 1_004.0, "one in flight, one never connected")
        #expect(observed(.latency(.p99, .session)).map { $0 / 1_000 } == summary.latencyUs.sessionCorrected?.p99)
        #expect(observed(.latency(.max, .sessionService)).map { $0 / 1_000 } == summary.latencyUs.sessionService.max)
        #expect(observed(.latency(.mean, .startLag)) == 200)
        #expect(observed(.latency(.p999, .session)) == nil, "too few samples above it")
        #expect(observed(.latency(.p50, .sessionFailed)) == nil)
        #expect(observed(.latency(.max, .step(.retr, nil, nil))) == 40_000)
        #expect(observed(.latency(.max, .step(.retr, .basic, .pop3))) == 40_000)
        #expect(observed(.latency(.max, .step(.retr, .ntlm, nil))) == nil)
        #expect(RunTotals(model: .open, runStartNs: 0).observed(.sessionsPerSecond, measuredSeconds: 0) == nil)
    }

    @Test func sharesBySeriesClassAndLateness() {
        let totals = RunFixture.collector().totals
        func observed(_ metric: SLOMetric) -> Double? { totals.observed(metric, measuredSeconds: 2) }
        #expect(observed(.errorClassShare(.timeout)) == 1.0 / 1_004.0)
        #expect(observed(.errorClassShare(.tls)) == 0)
        #expect(observed(.withinShare(.session, 1_000_000)) == 1)
        #expect(observed(.withinShare(.session, 500_223)) == 0.5)
        #expect(observed(.withinShare(.sessionFailed, 1)) == nil, "two samples say nothing")
        #expect(RunFixture.collector(model: .closed).totals.observed(.latency(.max, .session), measuredSeconds: 2) == 999_800)
        #expect(RunFixture.collector(model: .closed).totals.observed(.latency(.max, .startLag), measuredSeconds: 2) == nil)
    }

    @Test func aLimitEndsARunEarlyOnlyWhenItSaysSoAndEnoughWasMeasured() throws {
        let text = """
            name: a
            model: closed
            users: 1
            phases: [{name: b, duration: 1s}]
            clients: [{persona: basic}]
            mailbox_work: [{name: c}]
            slo:
              - errors <= 0
              - {limit: errors(timeout) <= 0.01%, abort: on}
              - {limit: sessions_per_s >= 100000, abort: on}
            """
        let slo = try ProfileLoader.load(text: text, file: "a.yaml").slo
        let totals = RunFixture.collector().totals
        let row = try #require(totals.abortingRow(slo, measuredSeconds: 2))
        #expect(row.metric == "errors(timeout)")
        #expect(totals.abortingRow([slo[0]], measuredSeconds: 2) == nil, "it does not ask for it")
        #expect(totals.abortingRow([slo[2]], measuredSeconds: 4.9) == nil, "a rate wants five seconds")
        #expect(totals.abortingRow([slo[2]], measuredSeconds: 5)?.metric == "sessions_per_s")
        #expect(RunTotals(model: .open, runStartNs: 0).abortingRow(slo, measuredSeconds: 100) == nil)
        let evidence = Evidence(endedEarlyBy: row, slo: [limit(.pass)], validity: [])
        #expect(evidence.verdict == .fail)
        #expect(evidence.reasons == ["ended early: errors(timeout) <= 0.01 % failed: observed 0.0996 %"])
    }

    @Test func aGeneratorAtItsLimitMakesTheRunInvalid() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        recorder.sessionDue(plannedNs: 1, measured: true)
        recorder.record(
            session: SessionRecord(
                plannedNs: 1, startNs: 0, endNs: 0, outcome: .failed(.ownUsersExhausted), plannedAuth: .basic, auth: .basic,
                transport: .pop3, measured: true))
        recorder.finish(nowNs: 10)
        collector.poll(nowNs: 10)
        let failing = collector.totals.validityChecks().filter { !$0.ok }.map(\.check)
        #expect(failing == ["own_users_exhausted", "started_share"])
        #expect(collector.totals.validityChecks(allowsOverlap: true).allSatisfy { $0.check != "own_users_exhausted" })
    }

    @Test func lateStartsMakeTheRunInvalid() {
        let collector = Collector(threads: 1, runStartNs: 0, model: .open)
        var recorder = Recorder(collector.exchanges[0])
        for _ in 0..<1_000 { recorder.sessionStarted(plannedNs: 1, startNs: 2_000_001, measured: true) }
        recorder.finish(nowNs: 10)
        collector.poll(nowNs: 10)
        let lag = collector.totals.validityChecks().first { $0.check == "start_lag_p99_us" }
        #expect(lag?.value == 2_000 && lag?.limit == 1_000 && lag?.ok == false)
        #expect(Self.lagRow(collector, hiccupNs: 5_000_000)?.ok == true)
        #expect(Self.lagRow(collector, hiccupNs: 10_000)?.ok == false)
    }

    @Test func fewLateStartsAreChanceAndMoreAreNot() {
        func row(late: Int, of starts: Int) -> RunSummary.ValidityRow? {
            let collector = Collector(threads: 1, runStartNs: 0, model: .open)
            var recorder = Recorder(collector.exchanges[0])
            for index in 0..<starts {
                recorder.sessionStarted(plannedNs: 1, startNs: index < late ? 900_000_001 : 50_001, measured: true)
            }
            recorder.finish(nowNs: 10)
            collector.poll(nowNs: 10)
            return collector.totals.validityChecks().first { $0.check == "start_lag_p99_us" }
        }
        #expect(row(late: 5, of: 100)?.ok == true)
        #expect(row(late: 6, of: 100)?.ok == false)
        #expect(row(late: 6, of: 100)?.value == 900_000)
        #expect(row(late: 2, of: 5)?.ok == false)
        #expect(row(late: 1, of: 1)?.value == nil, "one start says nothing")
    }

    /// The start lag's row on a machine whose hiccups all last `hiccupNs`.
    private static func lagRow(_ collector: Collector, hiccupNs: UInt64) -> RunSummary.ValidityRow? {
        var hiccup = LatencyHistogram(.session)
        hiccup.record(hiccupNs, count: 5_000)
        return collector.totals.validityChecks(hiccup: hiccup).first { $0.check == "start_lag_p99_us" }
    }
}
