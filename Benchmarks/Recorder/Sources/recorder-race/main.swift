// What a sample costs: the generator's recorder, with its labels, against hdrhistogram-swift's bare `record`, in one process
// and on the same values. Rounds are interleaved, their order swapped each time; the ratio is taken round by round, so that a
// machine that slows down slows both. Exit 1 when the median ratio is above the bound.

import Foundation
import Histogram
import Telemetry

let bound = 1.2
let rounds = 31
let passes = 30

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Latencies from 20 us to 20 ms, even over the logarithm, drawn ahead by SplitMix64 from a fixed seed.
func latencies() -> [UInt64] {
    var state: UInt64 = 1
    return (0..<65_536).map { _ in
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        word ^= word >> 31
        return UInt64(20_000 * pow(1000, Double(word >> 11) / Double(1 << 53)))
    }
}

/// Each records all values `passes` times and tells the nanoseconds a sample.
struct Contestants: ~Copyable {
    let values = latencies()
    var recorder: Recorder
    /// The recorder's layouts: two digits for a label, three for the totals.
    var two = Histogram<UInt64>(highestTrackableValue: 100_000_000_000, numberOfSignificantValueDigits: .two)
    var three = Histogram<UInt64>(highestTrackableValue: 100_000_000_000, numberOfSignificantValueDigits: .three)

    init(_ recorder: consuming Recorder) { self.recorder = recorder }

    var samples: Int { values.count * passes }

    mutating func record(by index: Int) -> Double {
        let start = nanoseconds()
        switch index {
        case 0:
            for _ in 0..<passes {
                for value in values {
                    recorder.record(step: .retr, auth: .basic, transport: .pop3, latencyNs: value, measured: true)
                }
            }
        case 1: for _ in 0..<passes { for value in values { two.record(value) } }
        default: for _ in 0..<passes { for value in values { three.record(value) } }
        }
        return Double(nanoseconds() - start) / Double(samples)
    }

    consuming func finish() -> Recorder { recorder }
}

func main() -> Int32 {
    let collector = Collector(threads: 1, runStartNs: nanoseconds(), model: .open)
    var contestants = Contestants(Recorder(collector.exchanges[0]))
    var times: [[Double]] = [[], [], []]
    for round in -1..<rounds {
        for index in round % 2 == 0 ? [0, 1, 2] : [2, 1, 0] {
            let time = contestants.record(by: index)
            // The first round warms up.
            if round >= 0 { times[index].append(time) }
        }
    }
    // Had the optimiser dropped a loop, samples would be missing.
    let total = UInt64((rounds + 1) * contestants.samples)
    let (two, three) = (contestants.two.totalCount, contestants.three.totalCount)
    contestants.finish().finish(nowNs: nanoseconds())
    for _ in 0..<4 { collector.poll(nowNs: nanoseconds()) }
    let own = collector.totals.latency[StepLabel(step: .retr, auth: .basic, transport: .pop3)]?.count ?? 0
    guard two == total, three == total, own == total else {
        print("samples are missing: \(own), \(two), \(three) of \(total)")
        return 1
    }
    let names = ["recorder, a step with its label", "hdrhistogram-swift, two digits", "hdrhistogram-swift, three digits"]
    for (name, values) in zip(names, times.map { $0.sorted() }) {
        let text = String(format: "%.2f ns a sample [%.2f-%.2f]", values[rounds / 2], values[0], values[rounds - 1])
        print("\(name): \(text)")
    }
    let ratios = zip(times[0], times[1]).map { $0 / $1 }.sorted()
    print(
        String(
            format: "recorder / record: median %.2f [%.2f-%.2f] over %d rounds, bound %.1f: %@", ratios[rounds / 2], ratios[0],
            ratios[rounds - 1], rounds, bound, ratios[rounds / 2] <= bound ? "reached" : "MISSED"))
    return ratios[rounds / 2] <= bound ? 0 : 1
}

exit(main())
