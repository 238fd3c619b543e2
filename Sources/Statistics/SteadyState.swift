// Whether a series has settled: MSER-5 (White 1997). The series is averaged in batches of five, and
// the front that is best left out is the one without which the standard error of the mean is least. A run whose best cut lies
// in its first half has settled; later, the mean still moves. Nothing is cut here: the cut is only named.

public struct SteadyState: Sendable, Equatable {
    /// Values of the series that belong to the approach, from its start.
    public let cut: Int
    /// Whether the cut lies in the first half: beyond it the test itself is not to be trusted.
    public let isSteady: Bool

    private static let batch = 5

    /// nil for a series shorter than four batches.
    public init?(_ series: [Double]) {
        let count = series.count / Self.batch
        guard count >= 4, series.allSatisfy(\.isFinite) else { return nil }
        let means = (0..<count).map { index in
            series[(index * Self.batch)..<((index + 1) * Self.batch)].reduce(0, +) / Double(Self.batch)
        }
        // The last few batches alone always agree by chance, so the search ends five before the end.
        var best = (error: Double.infinity, cut: 0)
        for cut in 0...(count - min(5, count / 2)) where cut < count - 1 {
            let rest = means[cut...]
            let mean = rest.reduce(0, +) / Double(rest.count)
            let squares = rest.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let error = squares / (Double(rest.count) * Double(rest.count))
            if error < best.error { best = (error, cut) }
        }
        cut = best.cut * Self.batch
        isSteady = best.cut * 2 <= count
    }
}
