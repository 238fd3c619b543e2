// How busy a CPU is that several of the generator's threads share.

import Testing

@testable import poplar

@Suite struct CPUSharesTests {
    @Test(
        "the busiest CPU by what its threads used together",
        arguments: [
            // One CPU for two threads: half each is all of it.
            (2, [1], 2, [0.5, 0.49], 0.99),
            // Three threads dealt out to two CPUs: the first and the third share one.
            (3, [0, 1], 2, [0.4, 0.7, 0.5], 0.9),
            // Unpinned: the kernel has two CPUs for three threads, and one thread cannot use both.
            (3, [], 2, [0.6, 0.6, 0.6], 0.9), (2, [], 8, [0.95, 0.1], 0.95), (1, [], 1, [0.3], 0.3),
        ] as [(Int, [Int], Int, [Double], Double)])
    func busiest(threads: Int, pinned: [Int], available: Int, shares: [Double], expected: Double) {
        let cpus = CPUShares(threads: threads, pinned: pinned, available: available)
        #expect(abs(cpus.busiest(shares) - expected) < 1e-9)
    }

    @Test("a second counts as busy above nine tenths")
    func seconds() {
        var cpus = CPUShares(threads: 2, pinned: [0], available: 2)
        for shares in [[0.5, 0.3], [0.5, 0.45], [0.45, 0.45]] { cpus.note(shares) }
        #expect(cpus.seconds == 3 && cpus.busySeconds == 1)
    }
}
