// Whether a series has settled: MSER-5 (White 1997) over the ranks of its values. They are averaged in batches of five, and
// the front that is best left out is the one without which the standard error of the mean is least. A series whose best cut
// lies in its first half has settled. Later the cut may be chance, so front and rest must also differ: by the rank-sum test
// (Mann and Whitney 1947) beyond 3.5 standard deviations, and in their medians by more than a twentieth. Nothing is cut here:
// the cut is only named.
// Ranks, because latencies have a long tail: over the values themselves one slow second in a hundred made two of three level
// series of 600 s look unsettled, over ranks fewer than one in a hundred, and a step or a climb shows in them no less.

public struct SteadyState: Sendable, Equatable {
    /// Values of the series that belong to the approach, from its start.
    public let cut: Int
    /// Whether the cut lies in the first half, or what lies before it differs by no more than chance or a twentieth.
    public let isSteady: Bool

    private static let batch = 5
    private static let deviations = 3.5
    private static let difference = 0.05

    /// nil for a series shorter than four batches.
    public init?(_ series: [Double]) {
        let count = series.count / Self.batch
        guard count >= 4, series.allSatisfy(\.isFinite) else { return nil }
        let ranks = Self.ranks(series)
        let means = (0..<count).map { index in
            ranks[(index * Self.batch)..<((index + 1) * Self.batch)].reduce(0, +) / Double(Self.batch)
        }
        // The last few batches alone always agree by chance, so the search ends before them.
        let last = count - max(2, min(5, count / 4))
        var best = (error: Double.infinity, cut: 0)
        // From the end, so that one pass does (Welford 1962): a week has more than a hundred thousand batches.
        var mean = 0.0
        var squares = 0.0
        for cut in means.indices.reversed() {
            let size = Double(count - cut)
            let step = means[cut] - mean
            mean += step / size
            squares += step * (means[cut] - mean)
            guard cut <= last else { continue }
            let error = squares / (size * size)
            if error <= best.error { best = (error, cut) }
        }
        cut = best.cut * Self.batch
        isSteady = best.cut * 2 < count || !Self.differ(series, ranks, at: cut)
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

    /// Whether what lies before `cut` and what lies behind it are two levels.
    private static func differ(_ series: [Double], _ ranks: [Double], at cut: Int) -> Bool {
        let (before, behind) = (Double(cut), Double(series.count - cut))
        // Mean and variance of the ranks' sum, were there but one level (ties make the true variance less).
        let expected = behind * (before + behind - 1) / 2
        let spread = (before * behind * (before + behind + 1) / 12).squareRoot()
        guard abs(ranks[cut...].reduce(0, +) - expected) > deviations * spread else { return false }
        let (from, to) = (median(series[..<cut]), median(series[cut...]))
        return abs(to - from) > difference * max(abs(from), abs(to))
    }

    private static func median(_ values: ArraySlice<Double>) -> Double {
        let order = values.sorted()
        return (order[(order.count - 1) / 2] + order[order.count / 2]) / 2
    }
}
