// The derived files for machines: junit.xml and metrics.prom.
// Both are derived from summary.json alone, and hold nothing that it does not.

import Results
import Testing

@testable import Report

@Suite struct DerivedFileTests {
    @Test func aLimitIsATestCaseAndAFailedCheckAnError() {
        var summary = ReportFixture.mixed
        summary.validity = [
            .init(check: "started_share", value: 0.5, limit: 0.99, ok: false),
            .init(check: "own_ports", value: 0, limit: 0, ok: true),
        ]
        #expect(
            JUnitReport.text(summary) == """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuite name="exchange-mixed" tests="5" failures="1" errors="1" skipped="1" time="10.0">
                  <testcase classname="exchange-mixed.slo" name="errors &lt;= 1 %">
                    <failure message="observed 1.25 %"/>
                  </testcase>
                  <testcase classname="exchange-mixed.slo" name="p99(session) &lt; 200 ms">
                  </testcase>
                  <testcase classname="exchange-mixed.slo" name="p99_9(session) &lt; 500 ms">
                    <skipped message="too few samples"/>
                  </testcase>
                  <testcase classname="exchange-mixed.validity" name="started_share">
                    <error message="value 0.5, limit 0.99"/>
                  </testcase>
                  <testcase classname="exchange-mixed.validity" name="own_ports">
                  </testcase>
                </testsuite>

                """)
        #expect(JUnitReport.escaped("a<\"&\u{1b}\n") == "a&lt;&quot;&amp;\\u{1B} ")
    }

    @Test func prometheusGetsSecondsAndNoQuantileThatIsNull() {
        let text = PrometheusReport.text(ReportFixture.mixed)
        #expect(text.contains("\npoplar_load_session_duration_seconds{view=\"corrected\",quantile=\"0.99\"} 0.001204\n"))
        #expect(!text.contains("0.999\""))
        #expect(text.contains("\npoplar_load_session_duration_seconds_count{view=\"service\"} 3948\n"))
        #expect(text.contains("\npoplar_load_start_lag_seconds_count 3999\n"))
        #expect(text.contains("poplar_load_errors{class=\"timeout\"} 45\n"))
        let names = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(Set(names).count == names.count, "one family, one declaration")
    }
}
