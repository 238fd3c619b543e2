// Plain text for plans and lists of profiles: columns, times, rates. Report's figures are for results; these are for what a
// profile says, where 15 s is 15 s and not 15.0 s. Invariant: no trailing blanks, the same text for the same value everywhere.

internal import Terminal

enum PlanText {
    /// At most two decimals, none that are zero.
    static func decimal(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return String(value) }
        let hundredths = Int((value * 100).rounded())
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        if rest == 0 { return String(whole) }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }

    /// A share of 1 in per cent; what is there is never 0 %.
    static func percent(_ share: Double) -> String {
        share > 0 && share < 0.00005 ? "<0.01 %" : "\(decimal(share * 100)) %"
    }

    /// "15 s", "2 min", "1 h 30 min", "7 d".
    static func span(_ ns: UInt64) -> String {
        let seconds = ns / 1_000_000_000
        guard ns % 1_000_000_000 == 0, seconds >= 120 else { return "\(decimal(Double(ns) / 1e9)) s" }
        var parts: [String] = []
        var rest = seconds
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)] as [(String, UInt64)] {
            if rest >= length { parts.append("\(rest / length) \(unit)") }
            rest %= length
        }
        return parts.joined(separator: " ")
    }

    /// Octets in binary units, as memory is counted.
    static func memory(_ octets: Double) -> String {
        var rest = octets
        for unit in ["B", "KiB", "MiB"] {
            if rest < 1023.5 { return "\(rest < 9.95 && unit != "B" ? tenths(rest) : String(Int(rest.rounded()))) \(unit)" }
            rest /= 1024
        }
        return "\(tenths(rest)) GiB"
    }

    private static func tenths(_ value: Double) -> String { decimal((value * 10).rounded() / 10) }

    /// Lines of `rows`, columns as wide as their widest cell and two blanks apart; `right` are set flush right.
    static func table(_ rows: [[String]], right: Set<Int> = [], indent: String = "") -> [String] {
        let rows = rows.map { $0.map { TerminalText.line($0) } }
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? Columns.width($0[column]) : 0 }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                right.contains(column) ? Columns.right(cell, widths[column]) : Columns.left(cell, widths[column])
            }
            let text = indent + cells.joined(separator: "  ")
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// `text` in lines of at most `width` columns, cut at blanks.
    static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for part in text.split(whereSeparator: \.isWhitespace) {
            let word = TerminalText.line(String(part))
            if !line.isEmpty, Columns.width(line) + 1 + Columns.width(word) > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
