// HdrHistogram's bucket formula: buckets of doubling width, each cut into equal sub-buckets, so that every value
// keeps a given number of decimal digits. Invariant: index(of:) is monotonic and in bounds for every value up to
// `maximum`, and lowest(at:)...highest(at:) tile that range without gap or overlap.
// Source: HdrHistogram's published layout (the V2 payload fixes it: lowest, highest, digits).

@frozen
public struct HistogramLayout: Sendable, Equatable {
    /// Lowest discernible value, at least 1.
    public let lowest: UInt64
    /// Highest trackable value that was asked for; the layout reaches up to `maximum`.
    public let highest: UInt64
    /// Significant decimal digits, 0 to 5.
    public let digits: Int
    @usableFromInline let unitMagnitude: Int
    @usableFromInline let halfMagnitude: Int
    @usableFromInline let leadingZerosBase: Int
    @usableFromInline let mask: UInt64
    public let bucketCount: Int
    /// Counters in all.
    public let counterCount: Int

    /// Nanoseconds, 1 ns to one hour, three digits: the session histograms.
    public static let session = HistogramLayout(trustedLowest: 1, highest: 3_600_000_000_000, digits: 3)
    /// Nanoseconds, 1 ns to one hour, two digits: the step matrix.
    public static let step = HistogramLayout(trustedLowest: 1, highest: 3_600_000_000_000, digits: 2)

    /// nil when the parameters make no layout (digits outside 0...5, highest below twice the lowest, too many counters).
    public init?(lowest: UInt64, highest: UInt64, digits: Int) {
        guard lowest >= 1, lowest < 1 << 40, highest >= lowest &* 2, highest <= UInt64(Int64.max), digits >= 0, digits <= 5
        else { return nil }
        self.init(trustedLowest: lowest, highest: highest, digits: digits)
        guard unitMagnitude + halfMagnitude + 1 <= 61 else { return nil }
    }

    private init(trustedLowest lowest: UInt64, highest: UInt64, digits: Int) {
        self.lowest = lowest
        self.highest = highest
        self.digits = digits
        // Two values per digit step still differ at twice 10^digits: that many sub-buckets, rounded up to a power of two.
        var resolution: UInt64 = 2
        for _ in 0..<digits { resolution &*= 10 }
        let subBucketMagnitude = 64 - (resolution - 1).leadingZeroBitCount
        unitMagnitude = 63 - lowest.leadingZeroBitCount
        halfMagnitude = max(subBucketMagnitude, 1) - 1
        let subBucketCount: UInt64 = 1 << UInt64(halfMagnitude + 1)
        mask = (subBucketCount - 1) << UInt64(unitMagnitude)
        leadingZerosBase = 64 - unitMagnitude - halfMagnitude - 1
        var buckets = 1
        var reach = subBucketCount << UInt64(unitMagnitude)
        while reach <= highest {
            buckets += 1
            if reach > UInt64.max / 2 { break }
            reach <<= 1
        }
        bucketCount = buckets
        counterCount = (buckets + 1) << halfMagnitude
    }

    /// Sub-buckets per bucket.
    public var subBucketCount: Int { 1 << (halfMagnitude + 1) }

    /// The greatest value that has a counter of its own class.
    public var maximum: UInt64 { highestEquivalent(at: counterCount - 1) }

    /// The counter of `value`. In bounds for every value up to `maximum`; the caller clamps.
    @inlinable
    public func index(of value: UInt64) -> Int {
        let bucket = leadingZerosBase &- (value | mask).leadingZeroBitCount
        let sub = Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: bucket &+ unitMagnitude))
        return ((bucket &+ 1) &<< halfMagnitude) &+ sub &- (1 &<< halfMagnitude)
    }

    /// The smallest value that counter `index` counts.
    public func lowestEquivalent(at index: Int) -> UInt64 {
        var bucket = (index >> halfMagnitude) - 1
        var sub = (index & ((1 << halfMagnitude) - 1)) + (1 << halfMagnitude)
        if bucket < 0 {
            sub -= 1 << halfMagnitude
            bucket = 0
        }
        return UInt64(sub) << UInt64(bucket + unitMagnitude)
    }

    /// How many values counter `index` counts.
    public func width(at index: Int) -> UInt64 {
        1 << UInt64(max((index >> halfMagnitude) - 1, 0) + unitMagnitude)
    }

    /// The greatest value that counter `index` counts: what a percentile reports.
    public func highestEquivalent(at index: Int) -> UInt64 {
        lowestEquivalent(at: index) &+ (width(at: index) &- 1)
    }
}
