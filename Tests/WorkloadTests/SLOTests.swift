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
            ("sessions_per_s >= 380", .sessionsPerSecond, .atLeast, 380),
            ("messages_per_s >= 0.5", .messagesPerSecond, .atLeast, 0.5), ("bytes_per_s > 1000", .bytesPerSecond, .above, 1000),
            ("p99(session) < 200ms", .latency(.p99, .session), .below, 200e6),
            ("p99_9( session_service ) <= 1s", .latency(.p999, .sessionService), .atMost, 1e9),
            ("p99.9(session_failed) < 1s", .latency(.p999, .sessionFailed), .below, 1e9),
            ("max(start_lag) < 5ms", .latency(.max, .startLag), .below, 5e6),
            ("p50(stat) < 100us", .latency(.p50, .step(.stat, nil, nil)), .below, 100e3),
            ("p99(auth.ntlm) < 20ms", .latency(.p99, .step(.auth, .ntlm, nil)), .below, 20e6),
            ("mean(retr.basic.pop3s) < 1m", .latency(.mean, .step(.retr, .basic, .pop3s)), .below, 60e9),
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
        let results = profile.evaluateSLO { metric in
            switch metric {
            case .errorShare: 0.02
            case .sessionsPerSecond: 11
            default: nil
            }
        }
        #expect(results.map(\.verdict) == [.fail, .inconclusive, .pass] && results.map(\.observed) == [0.02, nil, 11])
        #expect(results[0].limit.position == SourcePosition(line: 13, column: 7))
        #expect(SLOLimit.standard.verdict(observed: .nan) == .inconclusive)
    }
}
