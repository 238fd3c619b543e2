// The interval of ranks that holds a quantile with 95 % confidence, whatever the distribution: order statistics are binomial
// (David and Nagaraja, Order Statistics, 7.1). Samples of one run follow each other and are not independent, so the true
// interval is wider; this is its lower bound.

public struct RankInterval: Sendable, Equatable {
    /// Ranks from 1, both included.
    public let lower: UInt64
    public let upper: UInt64

    private static let z = 1.959963984540054

    /// `quantile` lies strictly between 0 and 1. nil where an end falls outside the sample: too few on that side.
    public init?(quantile: Double, count: UInt64) {
        guard quantile > 0, quantile < 1, count > 0 else { return nil }
        let samples = Double(count)
        let centre = samples * quantile
        let spread = Self.z * (samples * quantile * (1 - quantile)).squareRoot()
        let low = (centre - spread).rounded(.down)
        let high = (centre + spread).rounded(.up) + 1
        guard low >= 1, high <= samples else { return nil }
        lower = UInt64(low)
        upper = UInt64(high)
    }
}
