// What people read, to the character.
// Golden texts: a change of a layout is a change of a test.

import Telemetry
import Terminal
import Testing

@testable import Report
@testable import Results

@Suite struct ReportTests {
    @Test func theEndReportHasTheVerdictOnTopThenTheTableThenTheTotals() {
        #expect(
            EndReport.text(ReportFixture.mixed) == """
                FAIL  exchange-mixed, open model, 10.0 s measured, seed 42
                  errors <= 1 % failed: observed 1.25 %

                 auth        transport │ sessions  errors  fallbacks │    p50      p99      max   corrected session latency
                ───────────────────────┼─────────────────────────────┼─────────────────────────
                 basic       pop3      │    2,500      50          0 │ 250 us   900 us  20.0 ms
                 ntlm        pop3s     │    1,499       0        149 │ 410 us  1.40 ms  34.6 ms
                 membership  pop3      │        1       0          0 │      -        -   380 us
                ───────────────────────┼─────────────────────────────┼─────────────────────────
                 all                   │    4,000      50        149 │ 320 us  1.20 ms  34.6 ms

                 load       offered 400.0/s, achieved 394.8/s, messages 3,948.0/s, payload 8.09 MB/s
                 sessions   4,000 planned = 3,948 succeeded + 50 failed + 1 cancelled + 1 in flight; 40 refused as expected
                 latency       mean      p50      p90      p99  p99.9      max   (-: fewer than ten samples above it)
                 corrected   413 us   320 us   700 us  1.20 ms      -  34.6 ms
                 service     400 us   310 us   690 us  1.10 ms      -  20.0 ms
                 start lag  12.0 us  9.99 us  40.0 us   120 us      -  1.00 ms
                 failed      5.00 s   5.00 s        -        -      -   5.00 s
                 errors     timeout 45, in_use 5 (1.25 % of the sessions)
                 fallbacks  ntlm to basic: 149, 216 us lost each on average
                 limits     errors <= 1 %: 1.25 %, fail
                            p99(session) < 200 ms: 1.20 ms, pass
                            p99_9(session) < 500 ms: too few samples, inconclusive

                """)
    }

    @Test func aBlockOfLinesHasItsLabelOnce() {
        #expect(EndReport.block("generator", ["a", "b"]) == " generator  a\n            b\n")
        #expect(EndReport.block("note", ["a"]) == " note       a\n")
        #expect(EndReport.block("note", []).isEmpty)
    }

    @Test func theClosedModelSaysSoAndLeavesOutWhatItCannotKnow() {
        var summary = ReportFixture.mixed
        summary.model = .closed
        summary.verdict = .pass
        summary.reasons = []
        summary.latencyUs.sessionCorrected = nil
        summary.latencyUs.startLag = nil
        summary.throughput.offeredSessionsPerS = nil
        summary.errors = [:]
        let text = EndReport.text(summary)
        #expect(text.hasPrefix("PASS  exchange-mixed, closed model"))
        #expect(text.contains("session latency from the real start"))
        #expect(!text.contains("offered") && !text.contains("corrected") && !text.contains("start lag"))
        #expect(text.contains(" errors     none\n"))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func aFigureThatIsNoneIsNoTrapInAnyReport(figure: Double) {
        var summary = ReportFixture.mixed
        summary.durationS = figure
        summary.throughput = .init(
            sessionsPerS: figure, messagesPerS: figure, bytesPerS: figure, offeredSessionsPerS: figure)
        let none = ReportFixture.figures(1, [figure, figure, figure, figure, figure, figure, figure])
        summary.latencyUs = .init(sessionCorrected: none, sessionService: none, sessionFailed: none, startLag: none)
        summary.slo = [.init(metric: "x", comparison: "<", limit: figure, unit: "share", observed: figure, verdict: .fail)]
        summary.fallbacks = [.init(from: "ntlm", to: "basic", count: 1, lostUsMean: figure)]
        #expect(EndReport.text(summary).contains(" service       -    -    -    -"))
        for text in [MarkdownReport.text(summary), JUnitReport.text(summary), PrometheusReport.text(summary)] {
            #expect(!text.isEmpty)
        }
    }

    @Test func colourComesOnlyOnATerminalAndWithoutNoColor() {
        #expect(Style(isTerminal: true, noColor: nil).colour)
        #expect(Style(isTerminal: true, noColor: "").colour)
        #expect(!Style(isTerminal: true, noColor: "1").colour)
        #expect(!Style(isTerminal: false, noColor: nil).colour)
        #expect(!EndReport.text(ReportFixture.mixed).contains("\u{1b}"))
        let painted = EndReport.text(ReportFixture.mixed, style: Style(isTerminal: true, noColor: nil))
        #expect(TerminalText.safe(painted).hasPrefix("\u{1b}[31mFAIL\u{1b}[0m  exchange-mixed"))
    }

    @Test func markdownCarriesTheSameFigures() {
        let text = MarkdownReport.text(ReportFixture.mixed)
        #expect(text.hasPrefix("# exchange-mixed: fail\n\nopen model, 10.0 s measured, seed 42, profile sha256 `0123456789ab`\n"))
        #expect(text.contains("\n| p99\\_9(session) \\< 500 ms | too few samples | inconclusive |\n"))
        #expect(text.contains("\n| ntlm | pop3s | 1499 | 0 | 149 | 410 us | 1.40 ms | 34.6 ms |\n"))
        #expect(MarkdownReport.escaped("a|b\nc") == "a\\|b c")
    }

    @Test(
        arguments: [
            (0, "0.00 us"), (9.994, "9.99 us"), (9.996, "10.0 us"), (99.96, "100 us"), (312.447, "312 us"), (999.4, "999 us"),
            (999.6, "1.00 ms"), (1_204, "1.20 ms"), (34_567.891, "34.6 ms"), (999_600, "1.00 s"), (5_000_000, "5.00 s"),
            (123_456_789, "123 s"),
        ] as [(Double, String)])
    func timesHaveThreeDigitsAndAUnitThatFits(microseconds: Double, text: String) {
        #expect(Figure.time(microseconds) == text)
    }

    @Test func figuresReadAsPeopleWriteThem() {
        #expect(Figure.time(nil as Double?) == "-" && Figure.time(ns: nil) == "-" && Figure.rate(nil) == "-")
        #expect(Figure.time(ns: 1_204_000) == "1.20 ms")
        #expect([0, 999, 1_000, 1_234_567].map(Figure.count) == ["0", "999", "1,000", "1,234,567"])
        #expect(
            [0, 199.84, 1_234.56, 9_999.94, 9_999.96, 123_456].map(Figure.rate)
                == ["0.0/s", "199.8/s", "1,234.6/s", "9,999.9/s", "10,000/s", "123,456/s"])
        #expect(
            [0, 999, 1_000, 40_912_345, 2.5e12, 5e15].map(Figure.bytes) == [
                "0 B", "999 B", "1.00 kB", "40.9 MB", "2.50 TB", "5000 TB",
            ])
        #expect(
            [0, 0.000001, 0.01, 0.0125, 0.333333, 1].map(Figure.share) == [
                "0 %", "<0.001 %", "1 %", "1.25 %", "33.333 %", "100 %",
            ])
        #expect([0, 59.4, 125, 3_720].map(Figure.span) == ["0 s", "59 s", "2 min 05 s", "1 h 02 min"])
    }
}
