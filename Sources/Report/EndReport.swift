// What a person reads when the run is over: verdict and reasons on top, the table by method and transport, then the
// totals. A pure function of summary.json, so that `poplar report` prints the same from a folder.

public import Results
internal import Terminal

public enum EndReport {
    /// The whole report, lines ended by line feeds.
    public static func text(_ summary: RunSummary, style: Style = .plain) -> String {
        (head(summary, style) + [""] + table(summary, style) + [""] + totals(summary, style)).map { $0 + "\n" }.joined()
    }

    /// Lines behind a label in the margin of the totals, ended by line feeds.
    public static func block(_ label: String, _ lines: [String]) -> String {
        lines.enumerated().map { index, line in " " + Cell.left(index == 0 ? label : "", 9) + "  \(TerminalText.line(line))\n" }
            .joined()
    }

    // MARK: Verdict

    static func head(_ summary: RunSummary, _ style: Style) -> [String] {
        let ink: Style.Ink =
            switch summary.verdict {
            case .pass: .good
            case .fail, .invalid, .partial: .bad
            case .inconclusive, .interrupted: .doubtful
            }
        let seconds = Figure.time(summary.durationS * 1e6)
        let name = TerminalText.line(summary.profile.name)
        let title = "\(name), \(summary.model.rawValue) model, \(seconds) measured, seed \(summary.seed)"
        return [style.paint(summary.verdict.rawValue.uppercased(), ink) + "  " + title]
            + summary.reasons.map { "  " + TerminalText.line($0) }
    }

    // MARK: Table

    private static let headings = ["auth", "transport", "sessions", "errors", "fallbacks", "p50", "p99", "max"]
    /// Columns before which a light vertical line stands.
    private static let rules: Set<Int> = [2, 5]

    static func table(_ summary: RunSummary, _ style: Style) -> [String] {
        var rows = summary.methods.map { row in
            [
                row.auth, row.transport, Figure.count(row.sessions), Figure.count(row.failed), Figure.count(row.fallbacks),
                Figure.time(row.p50), Figure.time(row.p99), Figure.time(row.max),
            ]
        }
        let all = summary.latencyUs.sessionCorrected ?? summary.latencyUs.sessionService
        let fallbacks = summary.fallbacks.reduce(0) { $0 + $1.count }
        rows.append([
            "all", "", Figure.count(summary.sessions.planned), Figure.count(summary.sessions.failed), Figure.count(fallbacks),
            Figure.time(all.p50), Figure.time(all.p99), Figure.time(all.max),
        ])
        let widths = headings.indices.map { column in ([headings] + rows).map { Columns.width($0[column]) }.max() ?? 0 }
        let kind = summary.model == .open ? "corrected session latency" : "session latency from the real start"
        var lines = [style.paint(line(headings, widths), .strong) + "   " + style.paint(kind, .faint), rule(widths)]
        for (index, row) in rows.enumerated() {
            if index == rows.count - 1 { lines.append(rule(widths)) }
            let failed = index < summary.methods.count ? summary.methods[index].failed : summary.sessions.failed
            let text = line(row, widths)
            lines.append(failed > 0 ? style.paint(text, .bad) : text)
        }
        return lines
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = " "
        for column in cells.indices {
            if column > 0 { text += rules.contains(column) ? " │ " : "  " }
            text += column < 2 ? Cell.left(cells[column], widths[column]) : Cell.right(cells[column], widths[column])
        }
        return text
    }

    private static func rule(_ widths: [Int]) -> String {
        var text = "─"
        for column in widths.indices {
            if column > 0 { text += rules.contains(column) ? "─┼─" : "──" }
            text += String(repeating: "─", count: widths[column])
        }
        return text
    }

    // MARK: Totals

    static func totals(_ summary: RunSummary, _ style: Style) -> [String] {
        let rates = summary.throughput
        let sessions = summary.sessions
        var load = "achieved \(Figure.rate(rates.sessionsPerS))"
        if let offered = rates.offeredSessionsPerS { load = "offered \(Figure.rate(offered)), " + load }
        load += ", messages \(Figure.rate(rates.messagesPerS)), payload \(Figure.bytes(rates.bytesPerS))/s"
        var lines = [
            " load       " + load,
            " sessions   \(Figure.count(sessions.planned)) planned = \(Figure.count(sessions.succeeded)) succeeded"
                + " + \(Figure.count(sessions.failed)) failed + \(Figure.count(sessions.cancelled)) cancelled"
                + " + \(Figure.count(sessions.inFlight)) in flight",
        ]
        if summary.expectedRefusals > 0 { lines[1] += "; \(Figure.count(summary.expectedRefusals)) refused as expected" }
        lines += latencies(summary, style)
        lines.append(" errors     " + errors(summary, style))
        for (index, row) in summary.fallbacks.enumerated() {
            let lead = index == 0 ? " fallbacks  " : "            "
            lines.append(
                lead + "\(row.from) to \(row.to): \(Figure.count(row.count)), \(Figure.time(row.lostUsMean)) lost each on average"
            )
        }
        lines += (summary.warnings ?? []).map { style.paint(" warning    " + TerminalText.line($0), .doubtful) }
        return lines + limits(summary, style)
    }

    private static func latencies(_ summary: RunSummary, _ style: Style) -> [String] {
        let latency = summary.latencyUs
        let named: [(String, RunSummary.Figures?)] = [
            ("corrected", latency.sessionCorrected), ("service", latency.sessionService), ("start lag", latency.startLag),
            ("failed", latency.sessionFailed.count > 0 ? latency.sessionFailed : nil),
        ]
        let rows = named.compactMap { name, figures in
            figures.map { [name] + [$0.mean, $0.p50, $0.p90, $0.p99, $0.p999, $0.max].map(Figure.time) }
        }
        let all = [["latency", "mean", "p50", "p90", "p99", "p99.9", "max"]] + rows
        let widths = all[0].indices.map { column in all.map { Columns.width($0[column]) }.max() ?? 0 }
        let hasGap = rows.contains { $0.contains("-") }
        return all.enumerated().map { index, row in
            let cells = row.indices.dropFirst().map { Cell.right(row[$0], widths[$0]) }.joined(separator: "  ")
            let text = " " + Cell.left(row[0], 9) + "  " + cells
            return index == 0 ? style.paint(text + (hasGap ? "   (-: fewer than ten samples above it)" : ""), .faint) : text
        }
    }

    private static func errors(_ summary: RunSummary, _ style: Style) -> String {
        guard !summary.errors.isEmpty else { return "none" }
        let share = summary.sessions.planned > 0 ? Double(summary.sessions.failed) / Double(summary.sessions.planned) : 0
        let classes = summary.errors.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
            .map { "\($0.key) \(Figure.count($0.value))" }
        let own = summary.errors.keys.contains { $0.hasPrefix("own_") } ? "; own_ ones are the generator's, not the server's" : ""
        return style.paint(classes.joined(separator: ", "), .bad) + " (\(Figure.share(share)) of the sessions\(own))"
    }

    private static func limits(_ summary: RunSummary, _ style: Style) -> [String] {
        summary.slo.enumerated().map { index, row in
            let observed = row.observed.map { value($0, row.unit) } ?? "too few samples"
            let ink: Style.Ink = row.verdict == .pass ? .good : row.verdict == .fail ? .bad : .doubtful
            return (index == 0 ? " limits     " : "            ")
                + "\(TerminalText.line(row.metric)) \(row.comparison) \(value(row.limit, row.unit)): \(observed), "
                + style.paint(row.verdict.rawValue, ink)
        }
    }

    static func value(_ value: Double, _ unit: String) -> String {
        switch unit {
        case "share": Figure.share(value)
        case "us": Figure.time(value)
        case "per_s": Figure.rate(value)
        default: String(value)
        }
    }
}
