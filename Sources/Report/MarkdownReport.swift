// summary.md: the run for a pull request or a wiki page. A pure function of summary.json.
// Invariant: text that comes from outside (a profile's name, a metric) is never markup.

public import Results
internal import Terminal

public enum MarkdownReport {
    public static func text(_ summary: RunSummary) -> String {
        var lines = [
            "# \(escaped(summary.profile.name)): \(summary.verdict.rawValue)",
            "",
            "\(summary.model.rawValue) model, \(Figure.time(summary.durationS * 1e6)) measured, seed \(summary.seed), "
                + "profile sha256 `\(summary.profile.sha256.prefix(12))`",
            "",
        ]
        if !summary.reasons.isEmpty { lines += summary.reasons.map { "- " + escaped($0) } + [""] }
        lines += ["| limit | observed | verdict |", "|---|---|---|"]
        lines += summary.slo.map { row in
            let observed = row.observed.map { EndReport.value($0, row.unit) } ?? "too few samples"
            let limit = "\(escaped(row.metric)) \(escaped(row.comparison)) \(EndReport.value(row.limit, row.unit))"
            return "| \(limit) | \(observed) | \(row.verdict.rawValue) |"
        }
        lines += [
            "", "| auth | transport | sessions | errors | fallbacks | p50 | p99 | max |", "|---|---|--:|--:|--:|--:|--:|--:|",
        ]
        lines += summary.methods.map { row in
            "| \(row.auth) | \(row.transport) | \(row.sessions) | \(row.failed) | \(row.fallbacks) | \(Figure.time(row.p50)) | "
                + "\(Figure.time(row.p99)) | \(Figure.time(row.max)) |"
        }
        lines += ["", "```"] + EndReport.totals(summary, .plain) + ["```"]
        return TerminalText.safe(lines.map { $0 + "\n" }.joined())
    }

    /// Text of a table's cell: nothing in it is markup.
    static func escaped(_ text: String) -> String {
        var safe = ""
        for character in text {
            if "\\`*_[]<|".contains(character) { safe.append("\\") }
            safe.append(character.isNewline ? " " : character)
        }
        return safe
    }
}
