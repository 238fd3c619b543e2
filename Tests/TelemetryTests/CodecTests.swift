// The V2 codec: round trips, and input from anywhere. Its agreement with HdrHistogram is shown in HdrHistogramTests.
// Mutations are seeded; each must end in a histogram or in an error.

import PoplarCore
import Testing

@testable import Telemetry

func histogram(of values: [UInt64], _ layout: HistogramLayout = .session) -> LatencyHistogram {
    var histogram = LatencyHistogram(layout)
    for value in values { histogram.record(value) }
    return histogram
}

@Suite struct CodecTests {
    @Test(arguments: 0..<10 as Range<UInt64>) func whatIsEncodedIsDecoded(seed: UInt64) throws {
        let values = spreadValues(Int(seed * seed * 37), seed: seed)
        for layout in [HistogramLayout.session, .step] {
            let original = histogram(of: values.map { min($0, layout.maximum) }, layout)
            let text = original.encodedBase64()
            #expect(text.hasPrefix("HISTFAAA"))
            let decoded = try LatencyHistogram(base64: text)
            #expect(decoded.layout == layout)
            #expect(decoded.counters == original.counters)
            #expect(decoded.count == original.count)
            for quantile in [Quantile.p50, .p99] {
                let (one, two) = (decoded.value(at: quantile) ?? 0, original.value(at: quantile) ?? 0)
                #expect(layout.index(of: one) == layout.index(of: two))
            }
        }
    }

    @Test func countsOfEveryMagnitudeSurvive() throws {
        var original = LatencyHistogram(.step)
        for bit in 0..<62 { original.record(UInt64(1) << UInt64(bit % 40), count: 1 << UInt64(bit)) }
        #expect(try LatencyHistogram(base64: original.encodedBase64()).counters == original.counters)
    }

    @Test func everyTruncationIsRefused() {
        let octets = histogram(of: spreadValues(400, seed: 3)).encodedCompressed()
        for length in 0..<octets.count {
            #expect(throws: HistogramCodecError.self) { try LatencyHistogram(compressed: Array(octets.prefix(length))) }
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func mutatedOctetsNeverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let good = histogram(of: spreadValues(200, seed: seed))
        for _ in 0..<50 {
            var octets = good.encodedCompressed()
            for _ in 0...(random.next() % 3) {
                octets[Int(random.next() % UInt64(octets.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = try? LatencyHistogram(compressed: octets)
            // The same inside the deflated part, where a check sum would otherwise stand in the way.
            var plain = good.encoded()
            for _ in 0...(random.next() % 3) {
                plain[Int(random.next() % UInt64(plain.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = try? LatencyHistogram(compressed: LatencyHistogram.compressed(plain))
            _ = try? LatencyHistogram(compressed: (0..<60).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
    }

    @Test func whatIsNoHistogramIsNamed() {
        #expect(throws: HistogramCodecError.notBase64) { try LatencyHistogram(base64: "HIS=T") }
        #expect(throws: HistogramCodecError.truncated) { try LatencyHistogram(base64: "") }
        #expect(throws: HistogramCodecError.wrongCookie) { try LatencyHistogram(compressed: [UInt8](repeating: 0, count: 8)) }
        #expect(throws: HistogramCodecError.corrupt) {
            try LatencyHistogram(compressed: [0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 4, 1, 2, 3, 4])
        }
        func damaged(_ edit: (inout [UInt8]) -> Void) -> [UInt8] {
            var plain = histogram(of: [1, 2, 3]).encoded()
            edit(&plain)
            return LatencyHistogram.compressed(plain)
        }
        #expect(throws: HistogramCodecError.badLayout) { try LatencyHistogram(compressed: damaged { $0[15] = 9 }) }
        #expect(throws: HistogramCodecError.badLayout) { try LatencyHistogram(compressed: damaged { $0[23] = 0 }) }
        #expect(throws: HistogramCodecError.unsupported) { try LatencyHistogram(compressed: damaged { $0[11] = 1 }) }
        #expect(throws: HistogramCodecError.unsupported) { try LatencyHistogram(compressed: damaged { $0[32] = 0 }) }
        #expect(throws: HistogramCodecError.badCounters) { try LatencyHistogram(compressed: damaged { $0[4] = 0xff }) }
        #expect(throws: HistogramCodecError.truncated) { try LatencyHistogram(compressed: damaged { $0[6] = 0x10 }) }
        // A run of zeros beyond the layout, and a number of nine octets that is the most negative one.
        let run = damaged {
            $0.replaceSubrange(40..., with: [0xff, 0xff, 0xff, 0xff, 0x7f])
            $0[7] = 5
        }
        #expect(throws: HistogramCodecError.badCounters) { try LatencyHistogram(compressed: run) }
        let lowest = damaged {
            $0.replaceSubrange(40..., with: [UInt8](repeating: 0xff, count: 9))
            $0[7] = 9
        }
        #expect(throws: HistogramCodecError.badCounters) { try LatencyHistogram(compressed: lowest) }
    }

    @Test func aLogIsReadAsItWasWritten() throws {
        let first = histogram(of: [1_000_000, 2_500_000])
        let second = histogram(of: [7], .step)
        let text =
            HistogramLog.header(startEpochNs: 1_700_000_000_500_000_000)
            + HistogramLog.line(tag: "session.corrected", startNs: 0, lengthNs: 1_000_000_000, first)
            + HistogramLog.line(tag: "retr.ntlm.pop3s", startNs: 1_000_000_000, lengthNs: 500_000_000, second)
        #expect(text.contains("#[StartTime: 1700000000.500 (seconds since epoch), 2023-11-14T22:13:20Z]\n"))
        #expect(text.contains("\nTag=session.corrected,0.000,1.000,2.500000,HISTFAAA"))
        let intervals = try HistogramLog.read(text)
        #expect(intervals.map(\.tag) == ["session.corrected", "retr.ntlm.pop3s"])
        #expect(intervals.map(\.start) == [0, 1])
        #expect(intervals.map(\.length) == [1, 0.5])
        #expect(intervals[0].histogram.counters == first.counters)
        #expect(intervals[1].histogram.counters == second.counters)
        #expect(throws: HistogramLog.ReadError.malformed(line: 2)) { try HistogramLog.read("#x\n1,2,3\n") }
        #expect(throws: HistogramLog.ReadError.histogram(line: 1, .notBase64)) { try HistogramLog.read("1,2,3,HIS\n") }
    }

    @Test func theSpectrumHalvesTheDistanceAndEndsAtTheMaximum() {
        let lines = histogram(of: (1...1_000).map { $0 * 10 }).spectrum()
        #expect(lines.prefix(7).map(\.level) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55])
        #expect(lines.prefix(7).map(\.count) == [1, 100, 200, 300, 400, 500, 550])
        #expect(lines.last == SpectrumLine(value: 10_000, level: 1, count: 1_000))
        #expect(lines.map(\.level) == lines.map(\.level).sorted())
    }

    @Test func theSpectrumTextIsInMicroseconds() {
        let text = histogram(of: [1_500, 1_500, 1_500, 2_000_000]).spectrumText(name: "session corrected")
        #expect(
            text == """
                       Value     Percentile TotalCount 1/(1-Percentile)

                       1.500 0.000000000000          3           1.00
                       1.500 0.100000000000          3           1.11
                       1.500 0.200000000000          3           1.25
                       1.500 0.300000000000          3           1.43
                       1.500 0.400000000000          3           1.67
                       1.500 0.500000000000          3           2.00
                       1.500 0.550000000000          3           2.22
                       1.500 0.600000000000          3           2.50
                       1.500 0.650000000000          3           2.86
                       1.500 0.700000000000          3           3.33
                       1.500 0.750000000000          3           4.00
                    2000.000 0.775000000000          4           4.44
                    2000.000 1.000000000000          4
                #[Mean    =      501.125, StdDeviation   =      865.542]
                #[Max     =     2000.000, Total count    =            4]
                #[Buckets =           32, SubBuckets     =         2048]
                #[Unit    = microseconds, session corrected]

                """)
    }

    @Test func decimalTextRoundsHalfUp() {
        #expect(DecimalText.fixed(1_234_567 as UInt64, shift: 6, digits: 3) == "1.235")
        #expect(DecimalText.fixed(1_234_499 as UInt64, shift: 6, digits: 3) == "1.234")
        #expect(DecimalText.fixed(999_999_999 as UInt64, shift: 9, digits: 3) == "1.000")
        #expect(DecimalText.fixed(7 as UInt64, shift: 0, digits: 2) == "7.00")
        #expect(DecimalText.fixed(0.1, digits: 12) == "0.100000000000")
        #expect(DecimalText.fixed(Double.infinity, digits: 2) == "nan")
        #expect(UTCTime(epochSeconds: 951_782_400).basic == "20000229T000000Z")
        #expect(UTCTime(epochSeconds: 4_102_444_799).extended == "2099-12-31T23:59:59Z")
        #expect(UTCTime(epochSeconds: 0).extended == "1970-01-01T00:00:00Z")
    }
}
