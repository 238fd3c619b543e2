// What `poplar probe` prints: each channel with what it offers, each logon with its dialogue and why it failed, and a table of
// methods by channel at the end. A pure function of the findings.

public import Dialogue
internal import Terminal

public enum ProbeReport {
    public static func text(_ findings: ProbeFindings, style: Style = .plain) -> String {
        channels(findings.channels, style: style) + attempts(findings, style: style)
    }

    /// What channels offer, each with its dialogue.
    public static func channels(_ channels: [ProbeChannel], style: Style = .plain) -> String {
        channels.flatMap { describe($0, style) + [""] }.map { $0 + "\n" }.joined()
    }

    /// What came of a logon, in one line, for who waits for the next one. Why it failed is told when all of them are
    /// known.
    public static func outcome(_ attempt: ProbeAttempt, style: Style = .plain) -> String { title(attempt, style) + "\n" }

    /// Everything behind the channels: each logon with its dialogue and why it failed, the table, the notes.
    public static func attempts(_ findings: ProbeFindings, style: Style = .plain) -> String {
        var lines: [String] = []
        for attempt in findings.attempts where attempt.result != .notOffered { lines += describe(attempt, style) + [""] }
        if !findings.attempts.isEmpty { lines += table(findings, style) }
        if findings.user == nil { lines.append(" note  no logon was tried: give --users FILE.csv") }
        for note in findings.notes { lines.append(" note  " + TerminalText.line(note)) }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func describe(_ channel: ProbeChannel, _ style: Style) -> [String] {
        var lines = [style.paint("\(channel.channel) \(channel.address)", .strong)]
        if let tls = channel.tls { lines.append("  \(tls), certificate \(channel.certificate ?? "not verified")") }
        if channel.greeting != nil || channel.tls != nil, channel.problem == nil {
            lines.append(
                "  AUTH lists  \(channel.endsAtBareAuth ? "nothing: bare AUTH ends the connection" : list(channel.mechanisms))")
            lines.append("  CAPA lists  \(list(channel.capabilities))")
            if channel.channel != "stls" {
                lines.append("  APOP        \(channel.hasTimestamp ? "offered by the greeting" : "not offered")")
            }
        }
        if let problem = channel.problem { lines.append("  " + style.paint(TerminalText.line(problem), .bad)) }
        return lines + dialogue(channel.dialogue, style)
    }

    private static func list(_ rows: [String]?) -> String {
        rows.map { $0.isEmpty ? "nothing" : TerminalText.line($0.joined(separator: ", ")) } ?? "refused"
    }

    static func describe(_ attempt: ProbeAttempt, _ style: Style) -> [String] {
        var lines = [title(attempt, style)]
        if let why = attempt.why { lines.append("  " + TerminalText.line(why)) }
        if let messages = attempt.messages { lines.append("  \(messages) messages, \(attempt.octets ?? 0) octets") }
        let steps = attempt.steps.map { "\($0.step) \(Figure.time($0.us))" }.joined(separator: ", ")
        if !steps.isEmpty { lines.append("  " + style.paint(steps, .faint)) }
        return lines + dialogue(attempt.dialogue, style)
    }

    private static func title(_ attempt: ProbeAttempt, _ style: Style) -> String {
        let text = "\(attempt.method) over \(attempt.channel) as \(TerminalText.line(attempt.identity)): \(word(attempt.result))"
        return style.paint(text, attempt.result == .ok ? .good : .bad)
    }

    private static func dialogue(_ lines: [DialogueLine], _ style: Style) -> [String] {
        lines.map { line in
            let time = Cell.right(Figure.time(line.atUs), 9)
            return style.paint("  \(time)", .faint) + "  \(line.side.rawValue): \(TerminalText.line(line.text))"
        }
    }

    private static func word(_ result: ProbeAttempt.Result) -> String { result == .notOffered ? "not offered" : result.rawValue }

    static func table(_ findings: ProbeFindings, _ style: Style) -> [String] {
        var channels: [String] = []
        var methods: [String] = []
        for attempt in findings.attempts {
            if !channels.contains(attempt.channel) { channels.append(attempt.channel) }
            if !methods.contains(attempt.method) { methods.append(attempt.method) }
        }
        let width = max(6, methods.map(Columns.width).max() ?? 0)
        func row(_ cells: [String]) -> String {
            let padded = [Cell.left(cells[0], width)] + cells.dropFirst().dropLast().map { Cell.left($0, 11) }
            return " " + (padded + cells.suffix(1)).joined(separator: "  ")
        }
        return [style.paint(row(["method"] + channels), .strong)]
            + methods.map { method in
                row(
                    [method]
                        + channels.map { channel in
                            findings.attempts.first { $0.method == method && $0.channel == channel }.map { word($0.result) }
                                ?? "-"
                        })
            }
    }
}
