// The grammar of limits: metric, comparison, value, unit.

import Configuration
import Telemetry
import Testing

@testable import Workload

@Suite("A limit reads metric, comparison, value")
struct SLOTests {
    @Test(
        "each metric, with its unit",
        arguments: [
            ("errors <= 0.1%", SLOMetric.errorShare, SLOLimit.Comparison.atMost, 0.001), ("errors<1%", .errorShare, .below, 0.01),
            ("errors <= 0", .errorShare, .atMost, 0), ("fallbacks > 5%", .fallbackShare, .above, 0.05),
            ("unfinished <= 0.5%", .unfinishedShare, .atMost, 0.005),
            ("sessions_per_s >= 380", .sessionsPerSecond, .atLeast, 380),
            ("messages_per_s >= 0.5", .messagesPerSecond, .atLeast, 0.5), ("bytes_per_s > 1000", .bytesPerSecond, .above, 1000),
            ("p99(session) < 200ms", .latency(.p99, .session), .below, 200e6),
            ("p99_9( session_service ) <= 1s", .latency(.p999, .sessionService), .atMost, 1e9),
            ("p99.9(session_failed) < 1s", .latency(.p999, .sessionFailed), .below, 1e9),
            ("max(start_lag) < 5ms", .latency(.max, .startLag), .below, 5e6),
            ("p50(stat) < 100us", .latency(.p50, .step(.stat, nil, nil)), .below, 100e3),
            ("p99(auth.ntlm) < 20ms", .latency(.p99, .step(.auth, .ntlm, nil)), .below, 20e6),
            ("mean(retr.basic.pop3s) < 1m", .latency(.mean, .step(.retr, .basic, .pop3s)), .below, 60e9),
            ("errors(timeout) <= 0.1%", .errorClassShare(.timeout), .atMost, 0.001),
            ("errors( own_ports ) <= 0", .errorClassShare(.ownPorts), .atMost, 0),
            ("within(session, 1.5s) >= 95%", .withinShare(.session, 1_500_000_000), .atLeast, 0.95),
            ("within(auth.ntlm,20ms)>=99%", .withinShare(.step(.auth, .ntlm, nil), 20_000_000), .atLeast, 0.99),
        ])
    func grammar(text: String, metric: SLOMetric, comparison: SLOLimit.Comparison, limit: Double) throws {
        let parsed = try SLOParser.parse(text, at: nil)
        #expect(parsed.metric == metric && parsed.comparison == comparison && parsed.limit == limit && parsed.text == text)
    }

    @Test("the metric's text is what stands before the comparison")
    func metricText() throws { #expect(try SLOParser.parse("p99(session)<=1s", at: nil).metricText == "p99(session)") }

    @Test("at the limit, <= and >= hold, < and > do not")
    func edges() throws {
        for (text, verdict) in [
            ("errors <= 1%", SLOLimit.Verdict.pass), ("errors < 1%", .fail), ("errors >= 1%", .pass), ("errors > 1%", .fail),
        ] {
            #expect(try SLOParser.parse(text, at: nil).verdict(observed: 0.01) == verdict)
        }
    }

    @Test("what was not observed is inconclusive, never a pass")
    func inconclusive() throws {
        let profile = try loadProfile(goodProfile + "slo: [errors <= 1%, p99(session) < 1s, 'sessions_per_s >= 10']\n")
        let verdicts = zip(profile.slo, [0.02, nil, 11]).map { limit, observed in limit.verdict(observed: observed) }
        #expect(verdicts == [.fail, .inconclusive, .pass])
        #expect(profile.slo[0].position == SourcePosition(line: 13, column: 7))
        #expect(SLOLimit.standard.verdict(observed: .nan) == .inconclusive)
    }

    @Test("sessions left open have a limit of their own, where there are any, none is named, and the run had its time")
    func unfinished() throws {
        let silent = try loadProfile(goodProfile)
        #expect(silent.limits(unfinished: 0, endedEarly: false) == [.standard])
        #expect(silent.limits(unfinished: 1, endedEarly: false) == [.standard, .unfinished])
        #expect(silent.limits(unfinished: 1, endedEarly: true) == [.standard])
        #expect(try SLOParser.parse(SLOLimit.unfinished.text, at: nil) == .unfinished)
        let naming = try loadProfile(goodProfile + "slo: [unfinished <= 50%]\n")
        #expect(naming.limits(unfinished: 1, endedEarly: false).map(\.limit) == [0.5])
        #expect(naming.limits(unfinished: 0, endedEarly: true).map(\.limit) == [0.5])
    }

    @Test("a retrieval may take its allowance and its octets at the slowest speed, and not a nanosecond more")
    func late() throws {
        guard case .lateShare(let rule) = try SLOParser.parse("late(retr, 5s + 3000B/s) <= 5%", at: nil).metric else {
            Issue.record("no limit on late retrievals")
            return
        }
        #expect(rule.step == .retr && rule.allowanceNs == 5_000_000_000 && rule.bytesPerSecond == 3000)
        #expect(!rule.isLate(latencyNs: 5_000_000_000, bytes: 0) && rule.isLate(latencyNs: 5_000_000_001, bytes: 0))
        #expect(!rule.isLate(latencyNs: 7_000_000_000, bytes: 6000) && rule.isLate(latencyNs: 7_000_000_001, bytes: 6000))
        guard case .lateShare(let plain) = try SLOParser.parse("late(top, 1s) < 1%", at: nil).metric else {
            Issue.record("no limit on late looks")
            return
        }
        #expect(plain.bytesPerSecond == nil && plain.isLate(latencyNs: 1_000_000_001, bytes: 1 << 40))
        #expect(!rule.isLate(latencyNs: .max, bytes: .max), "as long as that many octets take")
    }

    @Test("a limit may be a mapping that ends the run early; each rule for late retrievals has a counter of its own")
    func aborting() throws {
        let profile = try loadProfile(
            goodProfile + """
                slo:
                  - {limit: "errors <= 5%", abort: on}
                  - late(retr, 1s) <= 5%
                  - limit: late(retr, 5s + 2KiB/s) <= 1%
                  - p99(session) < 1s

                """)
        #expect(profile.slo.map(\.aborts) == [true, false, false, false])
        #expect(profile.lateRules.map(\.slot) == [0, 1])
        #expect(profile.lateRules[1].bytesPerSecond == 2048)
        #expect(profile.slo[2].metricText == "late(retr, 5s + 2KiB/s)")
    }
}
