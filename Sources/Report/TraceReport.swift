// dialogues.txt: some sessions of a run as `poplar probe` shows a logon, each with its place in the run.
// A pure function of the sessions; what is secret in them has been masked before.

public import Dialogue
internal import Telemetry
internal import Terminal

public enum TraceReport {
    /// `planned`: sessions of the whole run, warm-up included.
    public static func text(_ sessions: [TracedSession], planned: UInt64) -> String {
        let failed = sessions.count { $0.attempt.result == .error || $0.attempt.result == .refused }
        var lines = [
            "\(sessions.count) of \(Figure.count(planned)) sessions, \(failed) of them refused or failed. Times run from the "
                + "planned start. Passwords, responses and messages are not shown.",
            "",
        ]
        for session in sessions {
            let late = session.lateUs >= 0.5 ? ", began \(Figure.time(session.lateUs)) late" : ""
            lines.append(
                "session \(session.number) of client \(TerminalText.line(session.client)), planned at "
                    + "\(DecimalText.fixed(session.atS, digits: 3)) s"
                    + "\(late), " + (session.tookUs.map { "took \(Figure.time($0))" } ?? "did not end"))
            lines += ProbeReport.describe(session.attempt, .plain).map { "  " + $0 } + [""]
        }
        return TerminalText.safe(lines.map { $0 + "\n" }.joined())
    }
}
