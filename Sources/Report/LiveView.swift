// While the run goes on: one block on a terminal, redrawn in place; a line every ten seconds elsewhere.
// Pure: a state becomes text. Nothing is ever wider than the terminal, nor higher.

internal import Telemetry
internal import Terminal

public enum LiveView {
    /// A line for a log: no colour, no cursor movement, its line feed included.
    public static func logLine(_ state: LiveState) -> String {
        let seconds = DecimalText.padded(DecimalText.fixed(state.place.elapsedS, digits: 0), 4)
        let lamp = state.lamp.flatMap { $0.colour == .green ? nil : "  generator \($0.text)" } ?? ""
        return "\(seconds) s  \(TerminalText.line(state.place.phase))  \(state.rateText)  \(state.latencyText)"
            + "  in flight \(Figure.count(state.inFlight))  \(state.errorText)\(lamp)\n"
    }

    /// The block's lines, none wider than `columns`, fewer than `rows` of them.
    public static func lines(_ state: LiveState, columns: Int, rows: Int = 24, style: Style) -> [String] {
        let whole = full(state, columns: columns, style: style)
        let lines = whole.count < rows ? whole : Array(short(state, columns: columns).prefix(max(1, rows - 1)))
        return lines.map { line in
            let text = Columns.cut(line.text, columns)
            return line.ink.map { style.paint(text, $0) } ?? text
        }
    }

    private struct Line {
        var text: String
        var ink: Style.Ink?
    }

    private static func full(_ state: LiveState, columns: Int, style: Style) -> [Line] {
        let rates = [state.offered.map { ("offered", $0) }, ("achieved", state.achieved)].compactMap { $0 }
        let ceiling = rates.flatMap(\.1).max() ?? 0
        let figures = rates.map { Figure.rate($0.1.last) }
        let wide = figures.map(Columns.width).max() ?? 0
        let space = max(0, columns - wide - 14)
        var lines = [title(state, columns: columns)]
        for (rate, figure) in zip(rates, figures) {
            let line = sparkline(rate.1.suffix(space), ceiling: ceiling)
            lines.append(Line(text: "  \(Cell.left(rate.0, 8))  \(Cell.right(figure, wide))  \(line)", ink: nil))
        }
        let cells =
            [["", "p50", "p99", "max"]]
            + state.windows.map { window in
                [window.name] + [window.p50Ns, window.p99Ns, window.maxNs].map { Figure.time(ns: $0) }
            }
        let widths = (0..<4).map { column in max(7, cells.map { Columns.width($0[column]) }.max() ?? 0) }
        for (index, row) in cells.enumerated() {
            let text = "  " + Cell.left(row[0], widths[0]) + (1..<4).map { "  " + Cell.right(row[$0], widths[$0]) }.joined()
            lines.append(Line(text: text, ink: index == 0 ? .faint : nil))
        }
        return lines + tail(state)
    }

    /// Where the terminal is low: the last second alone.
    private static func short(_ state: LiveState, columns: Int) -> [Line] {
        [title(state, columns: columns), Line(text: "  " + state.rateText, ink: nil)] + tail(state)
            + [Line(text: "  last second  " + state.latencyText, ink: nil)]
    }

    private static func title(_ state: LiveState, columns: Int) -> Line {
        let place = state.place
        let left = max(0, place.durationS - place.elapsedS)
        let end = left > 0 ? "ends in \(Figure.span(left))" : "draining"
        let note = place.isMeasured || left == 0 ? "" : " (not measured)"
        let head = "\(TerminalText.line(place.profile))  \(TerminalText.line(place.phase))\(note)  "
        let width = max(6, min(40, columns - Columns.width(head) - Columns.width(end) - 8))
        let line = bar(place.elapsedS, of: place.durationS, edges: place.edges, width: width)
        return Line(text: "\(head)\(line)  \(end)", ink: .strong)
    }

    private static func tail(_ state: LiveState) -> [Line] {
        let counts = "  in flight \(Figure.count(state.inFlight))  succeeded \(Figure.count(state.succeeded))  \(state.errorText)"
        let lines = [Line(text: counts, ink: state.errors.total > 0 ? .bad : nil)]
        guard let lamp = state.lamp else { return lines }
        let ink: Style.Ink = lamp.colour == .green ? .good : lamp.colour == .yellow ? .doubtful : .bad
        // The sign tells the colours apart where there are none.
        let sign = lamp.colour == .green ? "●" : lamp.colour == .yellow ? "▲" : "✖"
        return lines + [Line(text: "  generator \(sign) \(TerminalText.line(lamp.text))", ink: ink)]
    }

    /// What to write to a terminal of `columns` to replace a block whose lines were as wide as `previous` says (empty at
    /// first) by `lines`. The cursor ends below the block. After a resize the terminal has wrapped the old lines anew.
    public static func redraw(_ lines: [String], previous: [Int], columns: Int) -> String {
        let rows = previous.reduce(0) { $0 + max(1, ($1 + columns - 1) / max(1, columns)) }
        let up = rows > 0 ? TerminalText.own("\u{1b}[\(rows)A") : ""
        let clear = TerminalText.own("\r\u{1b}[2K")
        return up + lines.map { "\(clear)\($0)\n" }.joined() + (rows > lines.count ? TerminalText.own("\u{1b}[J") : "")
    }

    /// What a line takes on the screen, in columns.
    public static func width(_ line: String) -> Int { Columns.width(line) }

    /// How much of the run is done; the edges of its phases are marked.
    static func bar(_ done: Double, of whole: Double, edges: [Double] = [], width: Int) -> String {
        let share = whole > 0 ? max(0, min(1, done / whole)) : 1
        let full = Int((share * Double(width)).rounded(.down))
        let marks = Set(edges.filter { $0 > 0 && $0 < whole }.map { Int(($0 / whole * Double(width)).rounded(.down)) })
        let cells = (0..<width).map { place -> Character in
            marks.contains(place) ? (place < full ? "╋" : "┊") : place < full ? "━" : "┄"
        }
        let percent = DecimalText.padded(DecimalText.fixed((share * 100).rounded(.down), digits: 0), 3)
        return String(cells) + " \(percent) %"
    }

    /// One character per value, from 0 to `ceiling`.
    static func sparkline(_ values: some Sequence<Double>, ceiling: Double) -> String {
        let levels = Array("▁▂▃▄▅▆▇█")
        return String(
            values.map { value in
                guard ceiling > 0, value > 0 else { return levels[0] }
                return levels[max(0, min(levels.count - 1, Int((value / ceiling * Double(levels.count - 1)).rounded())))]
            })
    }
}
