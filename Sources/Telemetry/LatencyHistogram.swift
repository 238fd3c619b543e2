// The cold half of a histogram: 64-bit counters, exact merge, queries. A value, for control threads only.
// Invariant: merge(a, b) is the histogram of both sample sets, whatever the order; count, sum, min and max are exact.
// Percentile: nearest rank, ceil(q n); the value is its counter's highest equivalent, never above the exact maximum.

/// A quantile as an exact fraction, so that a rank is integer arithmetic.
public struct Quantile: Sendable, Equatable {
    public let numerator: UInt64
    public let denominator: UInt64

    /// nil unless 0 < numerator <= denominator <= 10^9.
    public init?(_ numerator: UInt64, of denominator: UInt64) {
        guard numerator > 0, numerator <= denominator, denominator <= 1_000_000_000 else { return nil }
        self.numerator = numerator
        self.denominator = denominator
    }

    private init(known numerator: UInt64, _ denominator: UInt64) {
        self.numerator = numerator
        self.denominator = denominator
    }

    public static let p50 = Quantile(known: 50, 100)
    public static let p90 = Quantile(known: 90, 100)
    public static let p99 = Quantile(known: 99, 100)
    public static let p999 = Quantile(known: 999, 1000)

    /// The nearest rank, 1...count: ceil(q count), exactly.
    public func rank(count: UInt64) -> UInt64 {
        let product = count.multipliedFullWidth(by: numerator)
        guard product.high < denominator else { return count }
        let (quotient, remainder) = denominator.dividingFullWidth(product)
        return max(1, min(count, remainder == 0 ? quotient : quotient &+ 1))
    }
}

public struct LatencyHistogram: Sendable, Equatable {
    public let layout: HistogramLayout
    public internal(set) var counters: [UInt64]
    /// Samples in all.
    public internal(set) var count: UInt64 = 0
    /// Exact sum of the samples; of a decoded histogram, of its counters' middle values.
    public internal(set) var sum: UInt128 = 0
    var minimumOrMax: UInt64 = .max
    var maximumOrZero: UInt64 = 0
    /// Samples above the layout's range, counted in its last counter.
    public internal(set) var clamped: UInt64 = 0

    public init(_ layout: HistogramLayout) {
        self.layout = layout
        counters = [UInt64](repeating: 0, count: layout.counterCount)
    }

    /// Smallest sample, nil when empty.
    public var minimum: UInt64? { count == 0 ? nil : minimumOrMax }
    /// Greatest sample, nil when empty.
    public var maximum: UInt64? { count == 0 ? nil : maximumOrZero }
    /// Exact mean, nil when empty.
    public var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }

    public mutating func record(_ value: UInt64, count samples: UInt64 = 1) {
        guard samples > 0 else { return }
        let ceiling = layout.maximum
        counters[layout.index(of: min(value, ceiling))] &+= samples
        count &+= samples
        sum &+= UInt128(value) &* UInt128(samples)
        minimumOrMax = min(minimumOrMax, value)
        maximumOrZero = max(maximumOrZero, value)
        if value > ceiling { clamped &+= samples }
    }

    /// Adds the samples of `other`. False, and nothing added, when the layouts differ.
    @discardableResult
    public mutating func merge(_ other: LatencyHistogram) -> Bool {
        guard other.layout == layout else { return false }
        guard other.count > 0 else { return true }
        let first = layout.index(of: min(other.minimumOrMax, layout.maximum))
        let last = layout.index(of: min(other.maximumOrZero, layout.maximum))
        for index in first...max(first, last) { counters[index] &+= other.counters[index] }
        take(
            count: other.count, sum: other.sum, minimum: other.minimumOrMax, maximum: other.maximumOrZero, clamped: other.clamped)
        return true
    }

    mutating func merge(_ cells: LatencyCells) {
        guard cells.count > 0, cells.layout == layout else { return }
        let first = layout.index(of: min(cells.minimum, cells.ceiling))
        let last = layout.index(of: min(cells.maximum, cells.ceiling))
        for index in first...last { counters[index] &+= UInt64(cells.counters[index]) }
        take(count: cells.count, sum: UInt128(cells.sum), minimum: cells.minimum, maximum: cells.maximum, clamped: cells.clamped)
    }

    private mutating func take(count samples: UInt64, sum total: UInt128, minimum: UInt64, maximum: UInt64, clamped over: UInt64)
    {
        count &+= samples
        sum &+= total
        minimumOrMax = min(minimumOrMax, minimum)
        maximumOrZero = max(maximumOrZero, maximum)
        clamped &+= over
    }

    public mutating func removeAll() {
        guard count > 0 else { return }
        let first = layout.index(of: min(minimumOrMax, layout.maximum))
        let last = layout.index(of: min(maximumOrZero, layout.maximum))
        for index in first...max(first, last) { counters[index] = 0 }
        count = 0
        sum = 0
        minimumOrMax = .max
        maximumOrZero = 0
        clamped = 0
    }

    /// The value at a quantile, nil when empty.
    public func value(at quantile: Quantile) -> UInt64? {
        guard count > 0 else { return nil }
        return value(rank: quantile.rank(count: count))
    }

    /// The value of the sample of `rank`, from 1 for the least; nil beyond the sample.
    public func value(rank: UInt64) -> UInt64? {
        guard rank >= 1, rank <= count else { return nil }
        var seen: UInt64 = 0
        for index in counters.indices where counters[index] > 0 {
            seen &+= counters[index]
            if seen >= rank { return reported(at: index) }
        }
        return maximumOrZero
    }

    /// The value at a quantile; nil unless at least ten samples lie above its rank (p50 needs 20, p99 1,000).
    public func credibleValue(at quantile: Quantile) -> UInt64? {
        guard count > 0, count - quantile.rank(count: count) >= 10 else { return nil }
        return value(at: quantile)
    }

    /// What counter `index` is reported as: its highest equivalent, within the exact maximum. The last counter of
    /// a clamped histogram stands for everything beyond the range.
    func reported(at index: Int) -> UInt64 {
        if clamped > 0, index == counters.count - 1 { return maximumOrZero }
        return min(layout.highestEquivalent(at: index), maximumOrZero)
    }

    /// Standard deviation from the counters' middle values (exact only to the layout's digits), nil when empty.
    public var standardDeviation: Double? {
        guard let mean else { return nil }
        var squares = 0.0
        for index in counters.indices where counters[index] > 0 {
            let offset = Double(middle(at: index)) - mean
            squares += offset * offset * Double(counters[index])
        }
        return (squares / Double(count)).squareRoot()
    }

    func middle(at index: Int) -> UInt64 { layout.lowestEquivalent(at: index) &+ layout.width(at: index) / 2 }
}
