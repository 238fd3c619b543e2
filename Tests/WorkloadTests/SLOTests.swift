// The grammar of limits: metric, comparison, value, unit.

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

@Suite("Scalars are exactly of their form, or nothing")
struct ScalarTextTests {
    @Test(
        "durations",
        arguments: [
            ("15s", 15_000_000_000), ("250ms", 250_000_000), ("1.5m", 90_000_000_000), ("2 h", 7_200_000_000_000),
            ("10us", 10_000), ("7ns", 7), ("0", 0), ("1d", 86_400_000_000_000),
        ] as [(String, UInt64)])
    func durations(text: String, ns: UInt64) { #expect(ScalarText.durationNs(text) == ns) }

    @Test(
        "what is no duration",
        arguments: ["", "s", "15", "-1s", "1:30", "1e3s", "1..5s", ".5s", "5.s", "15 sec", "inf", "nans", "0x1s", "１s"])
    func notDurations(text: String) { #expect(ScalarText.durationNs(text) == nil) }

    @Test("sizes")
    func sizes() {
        #expect(
            ["2048", "2KiB", "1.5KiB", "1MiB", "3GiB", "7B"].map { ScalarText.size($0) } == [
                2048, 2048, 1536, 1 << 20, 3 << 30, 7,
            ])
        #expect(
            ["", "2K", "2KB", "0.3KiB", "-1", "1.5", "KiB", "99999999999999999GiB"].allSatisfy { ScalarText.size($0) == nil })
    }

    @Test("shares and flags")
    func shares() {
        #expect(["10%", "0%", "100%", "0", "12.5 %"].map { ScalarText.share($0) } == [0.1, 0, 1, 0, 0.125])
        #expect(["10", "101%", "-1%", "%", "1e1%", "0.1"].allSatisfy { ScalarText.share($0) == nil })
        #expect(
            ["on", "true", "yes", "off", "false", "no"].map { ScalarText.flag($0) } == [true, true, true, false, false, false])
        #expect(["On", "1", "y", ""].allSatisfy { ScalarText.flag($0) == nil })
    }

    @Test("the nearest word: one slip in a short word, a third of a long one, neighbours swapped, hyphens and case aside")
    func spelling() {
        let keys = ["duration", "measure", "rate", "name", "ntlm_variants"]
        #expect(
            ["duratoin", "Measure", "rat", "nmae", "ntlm-variant"].map { Spelling.nearest(to: $0, among: keys) } == [
                "duration", "measure", "rate", "name", "ntlm_variants",
            ])
        #expect(
            ["", "xyz", "colour", String(repeating: "a", count: 10_000)].allSatisfy {
                Spelling.nearest(to: $0, among: keys) == nil
            })
    }
}
