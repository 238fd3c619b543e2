// junit.xml: a test suite per run, a test case per limit and per validity check, for CI systems.
// A failed limit is a failure, a failed validity check an error, an inconclusive limit a skipped test.

public import Results
internal import Terminal

public enum JUnitReport {
    public static func text(_ summary: RunSummary) -> String {
        let failures = summary.slo.count { $0.verdict == .fail }
        let skipped = summary.slo.count { $0.verdict == .inconclusive }
        let errors = summary.validity.count { !$0.ok }
        let name = escaped(summary.profile.name)
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuite name=\"\(name)\" tests=\"\(summary.slo.count + summary.validity.count)\" failures=\"\(failures)\" "
                + "errors=\"\(errors)\" skipped=\"\(skipped)\" time=\"\(summary.durationS)\">",
        ]
        for row in summary.slo {
            let title = escaped("\(row.metric) \(row.comparison) \(EndReport.value(row.limit, row.unit))")
            let observed = row.observed.map { "observed " + EndReport.value($0, row.unit) } ?? "too few samples"
            lines.append("  <testcase classname=\"\(name).slo\" name=\"\(title)\">")
            switch row.verdict {
            case .pass: break
            case .fail: lines.append("    <failure message=\"\(escaped(observed))\"/>")
            case .inconclusive: lines.append("    <skipped message=\"\(escaped(observed))\"/>")
            }
            lines.append("  </testcase>")
        }
        for row in summary.validity {
            lines.append("  <testcase classname=\"\(name).validity\" name=\"\(escaped(row.check))\">")
            if !row.ok {
                let value = row.value.map { String($0) } ?? "null"
                lines.append("    <error message=\"\(escaped("value \(value), limit \(row.limit)"))\"/>")
            }
            lines.append("  </testcase>")
        }
        return (lines + ["</testsuite>"]).map { $0 + "\n" }.joined()
    }

    /// Text of an attribute. Characters that XML 1.0 cannot carry, or a terminal would obey, are spelled out.
    static func escaped(_ text: String) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "\t", "\n", "\r": safe += " "
            default:
                if TerminalText.isShown(scalar) {
                    safe.unicodeScalars.append(scalar)
                } else {
                    safe += TerminalText.escape(scalar)
                }
            }
        }
        return safe
    }
}
