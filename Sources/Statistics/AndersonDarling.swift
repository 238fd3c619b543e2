// The Anderson-Darling test of a sample against a distribution that is known in full (Anderson and Darling 1952), here the
// exponential of mean 1: gaps of a Poisson process, each divided by its own expectation. Its statistic weighs the tails,
// where bunched and evened-out arrivals differ most. The probability is the asymptotic one of Marsaglia and Marsaglia
// (Journal of Statistical Software 9(2), 2004), good to 1e-6 from some ten samples on.

import Glibc

public struct AndersonDarling: Sendable, Equatable {
    /// A squared.
    public let statistic: Double
    public let samples: Int
    /// Kolmogorov's distance: the largest difference between the sample's distribution function and the true one, 0...1. It says
    /// how much is wrong, where the statistic says how surely something is.
    public let distance: Double

    /// The statistic below which 95 % and 99.9 % of true samples fall.
    public static let limit5Percent = 2.492
    public static let limit1PerMille = 5.995

    /// The distance below which 99.9 % of true samples of this size stay (Kolmogorov's limit, 1.95 over the root).
    public var distanceLimit1PerMille: Double { 1.95 / Double(samples).squareRoot() }

    /// The probability of a statistic at least as large when the samples are what they should be.
    public var probability: Double { 1 - Self.distribution(statistic) }

    /// `gaps` against the exponential of mean 1; nil with fewer than 8. A gap of 0 counts as the smallest positive one.
    public init?(exponentialGaps gaps: [Double]) {
        guard gaps.count >= 8, gaps.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
        let sorted = gaps.sorted()
        let count = Double(sorted.count)
        var sum = 0.0
        var distance = 0.0
        for index in sorted.indices {
            // ln F(x) and ln (1 - F(y)) = -y, with y the mirror image of x in the sorted sample.
            let lower = log(-expm1(-max(sorted[index], 1e-300)))
            let below = -expm1(-sorted[index])
            distance = max(distance, abs(below - Double(index) / count), abs(Double(index + 1) / count - below))
            sum += (2 * Double(index) + 1) * (lower - sorted[sorted.count - 1 - index])
        }
        statistic = -count - sum / count
        samples = sorted.count
        self.distance = distance
    }

    /// The limiting distribution function of the statistic.
    static func distribution(_ z: Double) -> Double {
        guard z > 0 else { return 0 }
        if z < 2 {
            let series = 2.00012 + (0.247105 - (0.0649821 - (0.0347962 - (0.011672 - 0.00168691 * z) * z) * z) * z) * z
            return exp(-1.2337141 / z) / z.squareRoot() * series
        }
        let series = 1.0776 - (2.30695 - (0.43424 - (0.082433 - (0.008056 - 0.0003146 * z) * z) * z) * z) * z
        return exp(-exp(series))
    }
}
