// Whether a series has settled: MSER-5 (White 1997) over the ranks of its values. They are averaged in batches of five, and
// the front that is best left out is the one without which the standard error of the mean is least. A run whose best cut lies
// in its first half has settled; later, the mean still moves. Nothing is cut here: the cut is only named.
// Ranks, because latencies have a long tail: over the values themselves one slow second in a hundred made two of three level
// series of 600 s look unsettled, over ranks fewer than one in a hundred, and a step or a climb shows in them no less.

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
        let ranks = Self.ranks(series)
        let means = (0..<count).map { index in
            ranks[(index * Self.batch)..<((index + 1) * Self.batch)].reduce(0, +) / Double(Self.batch)
        }
        // The last few batches alone always agree by chance, so the search ends five before the end.
        var best = (error: Double.infinity, cut: 0)
        // From the end, so that one pass does (Welford 1962): a week has more than a hundred thousand batches.
        var mean = 0.0
        var squares = 0.0
        for cut in means.indices.reversed() {
            let size = Double(count - cut)
            let step = means[cut] - mean
            mean += step / size
            squares += step * (means[cut] - mean)
            guard cut <= count - min(5, count / 2), cut < count - 1 else { continue }
            let error = squares / (size * size)
            if error <= best.error { best = (error, cut) }
        }
        cut = best.cut * Self.batch
        isSteady = best.cut * 2 <= count
    }

    /// Each value's place in the order; equal values share the middle of theirs.
    private static func ranks(_ series: [Double]) -> [Double] {
        let order = series.indices.sorted { series[$0] < series[$1] }
        var ranks = [Double](repeating: 0, count: series.count)
        var first = 0
        while first < order.count {
            var next = first + 1
            while next < order.count, series[order[next]] == series[order[first]] { next += 1 }
            for place in first..<next { ranks[order[place]] = Double(first + next - 1) / 2 }
            first = next
        }
        return ranks
    }
}
