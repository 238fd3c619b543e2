// How much of each CPU the generator's threads use together. A thread's own share says little where several have one CPU between
// them: two that want all of it get half each.

import LoadGenerator
import Reactor

struct CPUShares {
    /// Which threads have a CPU between them, and how many CPUs: those pinned to the same one, or all that the kernel places.
    private let groups: [(threads: [Int], cpus: Int)]
    /// Seconds looked at, and those in which a group used more than 90 % of what it has.
    private(set) var seconds: UInt64 = 0
    private(set) var busySeconds: UInt64 = 0

    /// - Parameter pinned: the CPUs that the threads are dealt out to, in turn; none where the kernel places them.
    init(threads: Int, pinned: [Int], available: Int = Affinity.current().count) {
        if pinned.isEmpty {
            groups = [(Array(0..<threads), max(1, min(threads, available)))]
        } else {
            groups = pinned.indices.compactMap { place in
                let own = Array(stride(from: place, to: threads, by: pinned.count))
                return own.isEmpty ? nil : (own, 1)
            }
        }
    }

    /// The share of the busiest CPU, 0...1, by what each thread used: of its group's CPUs, or its own where that is more.
    func busiest(_ shares: [Double]) -> Double {
        groups.reduce(0) { most, group in
            let own = group.threads.map { shares.indices.contains($0) ? shares[$0] : 0 }
            return max(most, own.max() ?? 0, min(1, own.reduce(0, +) / Double(group.cpus)))
        }
    }

    /// A complete second has passed, in which the threads used `shares`.
    mutating func note(_ shares: [Double]) {
        seconds += 1
        if busiest(shares) > 0.9 { busySeconds += 1 }
    }
}
