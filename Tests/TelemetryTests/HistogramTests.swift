// The histogram's promises: bounded error, exact merge, percentiles within one bucket of the order statistic.
// Samples come from seeds and cover every magnitude of the range.

import PoplarCore
import Testing

@testable import Telemetry

/// Values of every magnitude up to `ceiling`, seeded.
func spreadValues(_ count: Int, seed: UInt64, ceiling: UInt64 = HistogramLayout.session.maximum) -> [UInt64] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
        let shift = random.next() % 64
        return min(random.next() >> shift, ceiling)
    }
}

@Suite struct HistogramTests {
    static let layouts = [HistogramLayout.session, .step]

    @Test(
        arguments: [
            (1_000, 100_000_000_000, 3, 19_456), (1, 100_000_000_000, 3, 28_672), (1, 100_000_000_000, 2, 3_968),
            (1_000, 60_000_000_000, 2, 2_688),
        ] as [(UInt64, UInt64, Int, Int)])
    func theLayoutHasHdrHistogramsSize(lowest: UInt64, highest: UInt64, digits: Int, counters: Int) throws {
        let layout = try #require(HistogramLayout(lowest: lowest, highest: highest, digits: digits))
        #expect(layout.counterCount == counters)
    }

    @Test(arguments: layouts) func countersTileTheRangeWithoutGapOrOverlap(layout: HistogramLayout) {
        var next: UInt64 = 0
        for index in 0..<layout.counterCount {
            let low = layout.lowestEquivalent(at: index)
            let high = layout.highestEquivalent(at: index)
            guard low == next, layout.index(of: low) == index, layout.index(of: high) == index else {
                Issue.record("counter \(index) covers \(low)...\(high), after \(next)")
                return
            }
            next = high + 1
        }
        #expect(layout.maximum == next - 1)
        #expect(layout.maximum >= 3_600_000_000_000, "at least one hour")
    }

    @Test(arguments: layouts) func theErrorIsWithinTheDigits(layout: HistogramLayout) {
        let scale: UInt64 = layout.digits == 3 ? 1_000 : 100
        for value in spreadValues(20_000, seed: 1) {
            let index = layout.index(of: value)
            guard layout.width(at: index) - 1 <= value / scale else {
                Issue.record("\(value) is counted among \(layout.width(at: index)) values")
                return
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func percentilesAreWithinOneBucketOfTheOrderStatistic(seed: UInt64) {
        let values = spreadValues(1_000 + Int(seed) * 937, seed: seed).sorted()
        for layout in Self.layouts {
            var histogram = LatencyHistogram(layout)
            for value in values { histogram.record(value) }
            for quantile in [Quantile.p50, .p90, .p99, .p999] {
                let exact = values[Int(quantile.rank(count: UInt64(values.count))) - 1]
                let reported = histogram.value(at: quantile) ?? 0
                #expect(layout.index(of: reported) == layout.index(of: exact))
                #expect(reported >= exact)
            }
            #expect(histogram.minimum == values.first)
            #expect(histogram.maximum == values.last)
            #expect(histogram.sum == values.reduce(0 as UInt128) { $0 + UInt128($1) })
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func mergeIsTheUnion(seed: UInt64) {
        let left = spreadValues(500, seed: seed)
        let right = spreadValues(700, seed: seed + 100)
        var one = LatencyHistogram(.session)
        var two = LatencyHistogram(.session)
        var union = LatencyHistogram(.session)
        for value in left { one.record(value) }
        for value in right { two.record(value) }
        for value in left + right { union.record(value) }
        var merged = one
        merged.merge(two)
        #expect(merged == union)
        var other = two
        other.merge(one)
        #expect(other == union)
        var hot = LatencyHistogram(.session)
        let cells = LatencyCells.make(.session)
        for value in left + right { cells.pointee.record(value) }
        hot.merge(cells.pointee)
        #expect(hot == union, "the hot half counts as the cold half does")
        cells.pointee.clear()
        #expect((0..<HistogramLayout.session.counterCount).allSatisfy { cells.pointee.counters[$0] == 0 })
        LatencyCells.free(cells)
        merged.removeAll()
        #expect(merged == LatencyHistogram(.session))
    }

    @Test func layoutsThatDifferDoNotMerge() {
        var one = LatencyHistogram(.session)
        var two = LatencyHistogram(.step)
        two.record(5)
        let merged = one.merge(two)
        #expect(!merged)
        #expect(one.count == 0)
    }

    @Test func valuesBeyondTheRangeAreClampedAndCountedAndTheMaximumStaysExact() {
        let far = HistogramLayout.session.maximum * 3 + 7
        let cells = LatencyCells.make(.session)
        cells.pointee.record(far)
        cells.pointee.record(.max)
        cells.pointee.record(4)
        var histogram = LatencyHistogram(.session)
        histogram.merge(cells.pointee)
        LatencyCells.free(cells)
        #expect(histogram.clamped == 2)
        #expect(histogram.maximum == .max)
        #expect(histogram.count == 3)
        #expect(histogram.value(at: .p99) == .max, "no percentile hides behind the range")
    }

    @Test(arguments: [(20, Quantile.p50), (100, .p90), (1_000, .p99), (10_000, .p999)] as [(UInt64, Quantile)])
    func aPercentileNeedsTenSamplesAboveIt(needed: UInt64, quantile: Quantile) {
        var histogram = LatencyHistogram(.step)
        histogram.record(50, count: needed - 1)
        #expect(histogram.credibleValue(at: quantile) == nil)
        histogram.record(50)
        #expect(histogram.credibleValue(at: quantile) == 50)
    }

    @Test func anEmptyHistogramHasNoFigures() {
        let histogram = LatencyHistogram(.session)
        #expect(histogram.minimum == nil && histogram.maximum == nil && histogram.mean == nil)
        #expect(histogram.value(at: .p50) == nil && histogram.credibleValue(at: .p50) == nil)
    }

    @Test func ranksAreExactForCountsBeyondDoublePrecision() {
        #expect(Quantile.p99.rank(count: 100) == 99)
        #expect(Quantile.p99.rank(count: 101) == 100)
        #expect(Quantile.p999.rank(count: UInt64.max) == UInt64.max / 1000 * 999 + 615)
        #expect(Quantile.p50.rank(count: 1) == 1)
    }

    @Test func labelsAndTheirIndicesAgree() {
        for index in 0..<StepLabel.count { #expect(StepLabel(index: index)?.index == index) }
        for index in 0..<SessionLabel.count { #expect(SessionLabel(index: index)?.index == index) }
        #expect(StepLabel(index: StepLabel.count) == nil)
        #expect(Step.allCases.count == Step.count && AuthMethod.allCases.count == AuthMethod.count)
        #expect(Transport.allCases.count == Transport.count && ErrorClass.allCases.count == ErrorClass.count)
        #expect(
            Step.allCases.map(\.name).joined(separator: ", ")
                == "connect, tls_full, tls_resumed, greeting, capa, stls, auth, ntlm_negotiate, "
                + "ntlm_authenticate, stat, "
                + "list, uidl, top, retr, dele, quit, noop")
        #expect(
            AuthMethod.allCases.map(\.name).joined(separator: ", ")
                == "basic, plain, login, apop, cram_md5, scram_sha_256, ntlm, membership")
        #expect(Transport.allCases.map(\.name).joined(separator: ", ") == "pop3, stls, pop3s")
        #expect(
            ErrorClass.allCases.map(\.name).joined(separator: ", ")
                == "resolve, refused, connect_timeout, tls, greeting, auth, wrong_admit, protocol, content, "
                + "in_use, early_close, reset, "
                + "timeout, own_ports, own_descriptors, own_users_exhausted")
    }

    @Test func countUpToAValueLeavesOutTheCounterThatStraddlesIt() {
        var histogram = LatencyHistogram(.session)
        #expect(histogram.count(upTo: 100) == 0)
        for value in 1...1_000 as ClosedRange<UInt64> { histogram.record(value * 1_000) }
        #expect(histogram.count(upTo: 999) == 0)
        #expect(histogram.count(upTo: 1_000) == 1)
        #expect(histogram.count(upTo: 500_000) == 499, "500 us lies in a counter of 256 ns that reaches beyond it")
        #expect(histogram.count(upTo: 500_223) == 500)
        #expect(histogram.count(upTo: 1_000_000) == 1_000, "the maximum is exact")
        #expect(histogram.count(upTo: .max) == 1_000)
    }
}
