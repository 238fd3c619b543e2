// The tests are held against published values, and against samples of which the answer is known.

import Glibc
import Testing

@testable import Statistics

/// SplitMix64, so that samples are the same everywhere.
private struct Numbers {
    var state: UInt64

    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return (Double((word ^ (word >> 31)) >> 11) + 0.5) / Double(1 << 53)
    }

    mutating func gaps(_ count: Int, _ change: (Double) -> Double = { $0 }) -> [Double] {
        (0..<count).map { _ in change(-log(unit())) }
    }
}

@Suite("Anderson-Darling against the exponential of mean 1")
struct AndersonDarlingTests {
    @Test(
        "the distribution has the published percentage points",
        arguments: [
            (0.90, 1.933), (0.95, 2.492), (0.975, 3.070), (0.99, 3.857), (0.995, 4.500),
        ])
    func points(probability: Double, statistic: Double) {
        #expect(abs(AndersonDarling.distribution(statistic) - probability) < 0.0015)
    }

    @Test("the bounds are the points that they are named after")
    func bounds() {
        #expect(abs(AndersonDarling.distribution(AndersonDarling.limit5Percent) - 0.95) < 0.001)
        #expect(abs(AndersonDarling.distribution(AndersonDarling.limit1PerMille) - 0.999) < 0.0002)
    }

    @Test("of 200 true samples about one in twenty is above the 5 % point")
    func size() throws {
        var rejected = 0
        for seed in 0..<UInt64(200) {
            var numbers = Numbers(state: seed &* 7919)
            let test = try #require(AndersonDarling(exponentialGaps: numbers.gaps(2000)))
            if test.statistic > AndersonDarling.limit5Percent { rejected += 1 }
        }
        #expect((2...20).contains(rejected), "\(rejected)")
    }

    @Test("sums of gaps in a row follow Erlang's distribution, and a floor under the single gap no longer shows in them")
    func sums() throws {
        var numbers = Numbers(state: 9)
        let gaps = numbers.gaps(10_000)
        let test = try #require(AndersonDarling(exponentialGaps: gaps, each: 20))
        #expect(test.samples == 500 && test.statistic < AndersonDarling.limit5Percent)
        let held = gaps.map { max($0, 0.1) }
        let single = try #require(AndersonDarling(exponentialGaps: held))
        #expect(single.statistic > AndersonDarling.limit1PerMille)
        // The same starts, each held back behind the one before: the sums hardly change.
        let scale = gaps.reduce(0, +) / held.reduce(0, +)
        let summed = try #require(AndersonDarling(exponentialGaps: held.map { $0 * scale }, each: 20))
        #expect(summed.statistic < AndersonDarling.limit1PerMille)
    }

    @Test("gaps that are too even, bunched, or of another mean are found out")
    func power() throws {
        var numbers = Numbers(state: 1)
        let samples: [[Double]] = [
            numbers.gaps(2000) { 0.5 + $0 / 2 }, numbers.gaps(2000) { $0 < 0.2 ? 0 : $0 * 1.2 }, numbers.gaps(2000) { $0 * 1.15 },
        ]
        for sample in samples {
            let test = try #require(AndersonDarling(exponentialGaps: sample))
            #expect(test.statistic > AndersonDarling.limit1PerMille && test.probability < 0.001)
            #expect(test.distance > test.distanceLimit1PerMille)
        }
    }

    @Test("a handful of gaps, or gaps that are no numbers, have no answer")
    func refused() {
        #expect(AndersonDarling(exponentialGaps: [1, 2, 3]) == nil)
        #expect(AndersonDarling(exponentialGaps: [Double](repeating: .nan, count: 20)) == nil)
        #expect(AndersonDarling(exponentialGaps: [Double](repeating: 0, count: 20)) != nil)
    }
}

@Suite("MSER-5 and the interval of ranks")
struct SteadyStateTests {
    @Test("noise around a level is steady from the start")
    func level() throws {
        var numbers = Numbers(state: 3)
        let state = try #require(SteadyState((0..<200).map { _ in 100 + numbers.unit() }))
        #expect(state.isSteady && state.cut < 100)
    }

    @Test("an approach is named with its length, and the rest is steady")
    func approach() throws {
        var numbers = Numbers(state: 4)
        let state = try #require(SteadyState((0..<200).map { 100 + 50 * exp(-Double($0) / 8) + numbers.unit() }))
        #expect(state.isSteady && (15...60).contains(state.cut), "\(state.cut)")
    }

    // Whatever the length: with few batches the search has few places to choose from.
    @Test("level noise is steady and a climb to the end is not, from six batches on", arguments: 6...24)
    func lengths(batches: Int) throws {
        var unsettled = 0
        for seed in 1...50 as ClosedRange<UInt64> {
            var numbers = Numbers(state: seed)
            let noise = (0..<batches * 5).map { _ in 100 + 50 * numbers.unit() }
            if try !#require(SteadyState(noise)).isSteady { unsettled += 1 }
            let climb = noise.indices.map { noise[$0] + 500 * Double($0) / Double(noise.count) }
            #expect(try #require(SteadyState(climb)).isSteady == false, "seed \(seed)")
        }
        #expect(unsettled <= 1)
    }

    @Test("a lasting change of less than a twentieth is not worth a word")
    func small() throws {
        var numbers = Numbers(state: 9)
        let state = try #require(SteadyState((0..<300).map { (($0 > 200) ? 104 : 100) + numbers.unit() }))
        #expect(state.isSteady)
    }

    @Test("one slow second in a hundred does not unsettle a level run, and a lasting step does")
    func spikes() throws {
        var unsettled = 0
        for seed in 1...100 as ClosedRange<UInt64> {
            var numbers = Numbers(state: seed)
            let series = (0..<600).map { _ in 10 + numbers.unit() + (numbers.unit() < 0.01 ? 1_000 : 0) }
            if try !#require(SteadyState(series)).isSteady { unsettled += 1 }
            let stepped = series.indices.map { series[$0] + ($0 > 400 ? 2 : 0) }
            #expect(try #require(SteadyState(stepped)).isSteady == false, "seed \(seed)")
        }
        #expect(unsettled <= 5)
    }

    @Test("equal values are no order")
    func ties() throws {
        let state = try #require(SteadyState([Double](repeating: 7, count: 100)))
        #expect(state.isSteady && state.cut == 0)
    }

    @Test("a short series has no answer")
    func short() { #expect(SteadyState([1, 2, 3]) == nil) }

    // Binomial, by hand: of three samples P(X > 1) = 0.000298; of twenty P(X > 2) = 0.00100 and P(X > 3) = 0.00004.
    @Test("as many samples as may lie above p99 by chance", arguments: [(0, 0), (1, 1), (3, 1), (20, 3), (100, 5), (1000, 21)])
    func excess(count: UInt64, most: UInt64) {
        #expect(RankInterval.plausibleExcess(share: 0.01, count: count) == most)
    }

    @Test("the interval of p99 with 10,000 samples covers ranks 9,880 to 9,921")
    func ranks() throws {
        let interval = try #require(RankInterval(quantile: 0.99, count: 10_000))
        #expect(interval.lower == 9880 && interval.upper == 9921)
        #expect(RankInterval(quantile: 0.99, count: 50) == nil)
        #expect(try #require(RankInterval(quantile: 0.5, count: 100)) == RankInterval(quantile: 0.5, count: 100))
    }
}
