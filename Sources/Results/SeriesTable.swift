// series.csv: a row a second, all phases. Counts stand in the second in which the thing happened; rates are counts by
// the row's length, which is one second but for the last. An empty cell is a figure that does not exist.

public import Telemetry

public enum SeriesTable {
    public static let columns =
        [
            "second", "length_s", "planned", "started", "succeeded", "failed", "cancelled", "in_flight", "offered_per_s",
            "achieved_per_s", "samples", "p50_us", "p99_us", "max_us", "lag_p99_us", "messages", "bytes",
        ] + ErrorClass.allCases.map { "error_\($0.rawName)" }

    public static func text(_ totals: RunTotals) -> String {
        header + lines(totals.series, totals.model)
    }

    static let header = columns.joined(separator: ",") + "\n"

    static func lines(_ rows: [SeriesRow], _ model: LoadModel) -> String {
        rows.map { cells($0, isOpen: model == .open).joined(separator: ",") + "\n" }.joined()
    }

    static func cells(_ row: SeriesRow, isOpen: Bool) -> [String] {
        let counts = row.row.counts
        func micros(_ value: UInt64?) -> String { value.map { DecimalText.fixed($0, shift: 3, digits: 3) } ?? "" }
        let head = [
            String(row.second), DecimalText.fixed(row.lengthS, digits: 3), String(counts.planned), String(counts.started),
            String(counts.succeeded), String(counts.failed), String(counts.cancelled), String(row.inFlight),
            isOpen ? DecimalText.fixed(row.offeredPerS, digits: 3) : "", DecimalText.fixed(row.achievedPerS, digits: 3),
        ]
        let latency = [
            String(row.row.samples), micros(row.row.p50Ns), micros(row.row.p99Ns), micros(row.row.maxNs),
            micros(row.row.lagP99Ns),
            String(counts.messages), String(counts.payloadBytes),
        ]
        return head + latency + ErrorClass.allCases.map { String(counts.errors[$0]) }
    }
}
