// The percentile spectrum as text (.hgrm): the table that HdrHistogram's outputPercentileDistribution prints and its
// plotters read. Values are MICROSECONDS with three decimals, that is exact to the nanosecond.
// Levels: five per halving of the distance to 100 %; each value is its counter's highest equivalent.

public struct SpectrumLine: Sendable, Equatable {
    /// Nanoseconds.
    public let value: UInt64
    /// 0...1; 1 on the last line.
    public let level: Double
    /// Samples up to and including `value`'s counter.
    public let count: UInt64
}

extension LatencyHistogram {
    /// The lines of the spectrum, empty for an empty histogram.
    public func spectrum(ticksPerHalfDistance: Int = 5) -> [SpectrumLine] {
        guard count > 0, ticksPerHalfDistance > 0 else { return [] }
        var lines: [SpectrumLine] = []
        var level = 0.0
        var seen: UInt64 = 0
        for index in counters.indices where counters[index] > 0 {
            seen += counters[index]
            while 100 * Double(seen) / Double(count) >= level {
                lines.append(SpectrumLine(value: reported(at: index), level: level / 100, count: seen))
                level += 100 / (Double(ticksPerHalfDistance) * Double(Self.halvings(level)))
                // The last counter gets one level of its own; then comes 100 %.
                if seen == count { break }
            }
        }
        lines.append(SpectrumLine(value: maximumOrZero, level: 1, count: count))
        return lines
    }

    /// 2^(h+1), h the whole halvings of the distance to 100 % that `level` (in percent) has behind it.
    private static func halvings(_ level: Double) -> UInt64 {
        let ratio = 100 / (100 - level)
        return ratio.isFinite && ratio >= 1 ? 2 << UInt64(min(ratio.exponent, 60)) : 2 << 60
    }

    /// The .hgrm text, values in microseconds. `name` says in the footer what was measured.
    public func spectrumText(name: String) -> String {
        func micros(_ ns: UInt64) -> String { DecimalText.padded(DecimalText.fixed(ns, shift: 3, digits: 3), 12) }
        func whole(_ value: UInt64, _ width: Int) -> String { DecimalText.padded(String(value), width) }
        var text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        for line in spectrum() {
            text += "\(micros(line.value)) \(DecimalText.fixed(line.level, digits: 12)) \(whole(line.count, 10))"
            if line.level < 1 { text += " " + DecimalText.padded(DecimalText.fixed(1 / (1 - line.level), digits: 2), 14) }
            text += "\n"
        }
        let mean = DecimalText.padded(DecimalText.fixed((mean ?? 0) / 1_000, digits: 3), 12)
        let deviation = DecimalText.padded(DecimalText.fixed((standardDeviation ?? 0) / 1_000, digits: 3), 12)
        text += "#[Mean    = \(mean), StdDeviation   = \(deviation)]\n"
        text += "#[Max     = \(micros(maximum ?? 0)), Total count    = \(whole(count, 12))]\n"
        let buckets = whole(UInt64(layout.bucketCount), 12)
        text += "#[Buckets = \(buckets), SubBuckets     = \(whole(UInt64(layout.subBucketCount), 12))]\n"
        return text + "#[Unit    = microseconds, \(name)]\n"
    }
}
