// The profile's size-aware limits, inline for the thread that holds every retrieval against them. Most profiles have none,
// and then a retrieval costs one comparison.

import Telemetry
import Workload

struct LateRules: Sendable {
    private var rules: InlineArray<8, LateRule?> = InlineArray(repeating: nil)
    private(set) var count = 0

    init(_ list: [LateRule]) {
        for rule in list.prefix(LateRule.limit) {
            rules[count] = rule
            count += 1
        }
    }

    /// Counts the retrieval under each rule that it breaks.
    func judge(_ step: Step, _ latencyNs: UInt64, _ bytes: UInt64, _ recorder: inout Recorder) {
        for index in 0..<count {
            guard let rule = rules[index], rule.step == step, rule.isLate(latencyNs: latencyNs, bytes: bytes) else { continue }
            recorder.recordLate(slot: rule.slot)
        }
    }
}
