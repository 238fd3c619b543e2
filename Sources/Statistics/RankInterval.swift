// The interval of ranks that holds a quantile with 95 % confidence, whatever the distribution: order statistics are binomial
// (David and Nagaraja, Order Statistics, 7.1). Samples of one run follow each other and are not independent, so the true
// interval is wider; this is its lower bound.

import Glibc

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

    /// How many of `count` independent samples may lie above a value that `share` of them exceed in the long run, before chance
    /// is no explanation any more: more than that come in less than one case of a thousand (binomial). For up to some thousand
    /// samples and a share of a few per cent.
    public static func plausibleExcess(share: Double, count: UInt64) -> UInt64 {
        guard share > 0, share < 1 else { return share >= 1 ? count : 0 }
        var term = pow(1 - share, Double(count))
        var upTo = term
        var excess: UInt64 = 0
        while upTo < 0.999, excess < count {
            term *= Double(count - excess) / Double(excess + 1) * share / (1 - share)
            excess += 1
            upTo += term
        }
        return excess
    }
}
