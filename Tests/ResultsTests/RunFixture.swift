// A run that never happened, told to a recorder by the book: every outcome, a fallback, a warm-up.
// Its figures can be worked out by hand: the tests state them as numbers, not as formulas.

import Telemetry
import Workload

@testable import Results

enum RunFixture {
    static let second: UInt64 = 1_000_000_000

    /// 1,000 sessions in two measured seconds after one of warm-up; latencies 1 us, 2 us, ... 1 ms in steps of 1 us.
    static func collector(model: LoadModel = .open) -> Collector {
        let collector = Collector(threads: 1, runStartNs: 0, model: model)
        var recorder = Recorder(collector.exchanges[0])
        for index in 0..<10 as Range<UInt64> {
            run(record(planned: 1 + index, latency: 9_000_000, measured: false), on: &recorder)
        }
        recorder.swapIfDue(nowNs: second)
        collector.poll(nowNs: second)
        for index in 0..<1_000 as Range<UInt64> {
            var session = record(planned: second + index, latency: (index + 1) * 1_000)
            if index < 10 {
                session.fallbackFrom = .ntlm
                session.plannedAuth = .ntlm
                session.fallbackLostNs = 500_000
            }
            if index == 999 { session.outcome = .expectedRefusal }
            run(session, on: &recorder)
            recorder.record(step: .retr, auth: .basic, transport: .pop3, latencyNs: 40_000, measured: true)
        }
        for _ in 0..<10 { recorder.record(failed: .auth, auth: .ntlm, transport: .pop3, latencyNs: 300_000, measured: true) }
        recorder.swapIfDue(nowNs: 2 * second)
        collector.poll(nowNs: 2 * second)
        var failed = record(planned: 2 * second, latency: 5_000_000)
        failed.outcome = .failed(.timeout)
        run(failed, on: &recorder)
        failed.outcome = .failed(.inUse)
        run(failed, on: &recorder)
        failed.outcome = .inFlight
        failed.endNs = 0
        run(failed, on: &recorder)
        failed.outcome = .cancelled
        failed.startNs = 0
        run(failed, on: &recorder)
        recorder.finish(nowNs: 3 * second)
        collector.poll(nowNs: 3 * second)
        return collector
    }

    /// The three calls that a session's life makes.
    private static func run(_ record: SessionRecord, on recorder: inout Recorder) {
        recorder.sessionDue(plannedNs: record.plannedNs, measured: record.measured)
        if record.startNs != 0 {
            recorder.sessionStarted(plannedNs: record.plannedNs, startNs: record.startNs, measured: record.measured)
        }
        recorder.record(session: record)
    }

    private static func record(planned: UInt64, latency: UInt64, measured: Bool = true) -> SessionRecord {
        SessionRecord(
            plannedNs: planned, startNs: planned + 200, endNs: planned + latency, outcome: .succeeded, plannedAuth: .basic,
            auth: .basic, transport: .pop3, measured: measured, messages: 2, payloadBytes: 4_096)
    }

    static func summary(model: LoadModel = .open, interrupted: Bool = false) -> RunSummary {
        let totals = collector(model: model).totals
        let evidence = Evidence(
            interrupted: interrupted, slo: totals.evaluate([.standard], measuredSeconds: 2), validity: totals.validityChecks())
        return RunSummary(
            totals, profile: .init(name: "fixture", sha256: String(repeating: "a", count: 64)), seed: 7, measuredSeconds: 2,
            evidence: evidence)
    }
}
