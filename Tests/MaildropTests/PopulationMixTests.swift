// Mailboxes that differ in fill and messages that differ in size: the parts are met, every session of a mailbox finds the same,
// and the figures of STAT, LIST and RETR agree.

import PoplarCore
import Testing

@testable import Maildrop

@Suite("Populations of mixed sizes")
struct PopulationMixTests {
    private func population(_ policy: DeletionPolicy = .restore) -> Population {
        Population(
            mailboxes: 4000,
            messages: PopulationMix([.init(value: 0, weight: 25), .init(value: 3, weight: 50), .init(value: 9, weight: 25)]),
            octets: PopulationMix([.init(value: 100, weight: 90), .init(value: 5000, weight: 10)]), policy: policy)
    }

    private func open(_ population: Population, _ mailbox: UInt32) throws -> OpenMaildrop {
        try #require(OpenMaildrop.open(population, mailbox: mailbox, markMemory: nil).maildrop)
    }

    @Test("each fill and each size has its part")
    func parts() throws {
        let population = population()
        var fills: [UInt32: Int] = [:]
        var sizes: [UInt64: Int] = [:]
        for mailbox in 0..<UInt32(4000) {
            let maildrop = try open(population, mailbox)
            fills[maildrop.count, default: 0] += 1
            var number: UInt32 = 1
            while number <= maildrop.count {
                sizes[maildrop.octets(number), default: 0] += 1
                number += 1
            }
            maildrop.close()
        }
        #expect(Set(fills.keys) == [0, 3, 9] && Set(sizes.keys) == [100, 5000])
        #expect((1850...2150).contains(fills[3] ?? 0), "half of 4000, drawn by hash: four standard deviations are 126")
        let all = sizes.values.reduce(0, +)
        #expect((0.08...0.12).contains(Double(sizes[5000] ?? 0) / Double(all)))
    }

    @Test("STAT is the sum of what LIST says, and RETR sends that many octets; the next session finds the same")
    func agreement() throws {
        let population = population()
        for mailbox in 0..<UInt32(50) {
            let first = try open(population, mailbox)
            var sum: UInt64 = 0
            var number: UInt32 = 1
            while number <= first.count {
                let text = try #require(first.retrieval(number)).map { $0 }
                #expect(String(decoding: text, as: UTF8.self).hasPrefix("+OK \(first.octets(number)) octets\r\n"))
                sum += first.octets(number)
                number += 1
            }
            #expect(first.unmarked == (UInt64(first.count), sum))
            first.close()
            let second = try open(population, mailbox)
            #expect(second.unmarked == (UInt64(first.count), sum))
            second.close()
        }
    }

    @Test("what was removed stays removed, in each mailbox by itself")
    func removal() throws {
        let population = population(.gone)
        for mailbox in 0..<UInt32(50) {
            var first = try open(population, mailbox)
            guard first.count > 0 else {
                first.close()
                continue
            }
            let left = first.unmarked.octets - first.octets(1)
            let isMarked = first.mark(1)
            #expect(isMarked)
            first.update()
            let second = try open(population, mailbox)
            #expect(second.unmarked == (UInt64(first.count - 1), left))
            second.close()
        }
    }

    @Test("a table of a mix holds each part exactly, whatever the order")
    func table() {
        let mix = PopulationMix([.init(value: 1, weight: 1), .init(value: 2, weight: 0), .init(value: 3, weight: 2)])
        for seed in [UInt64(1), 2] {
            let values = mix.table(entries: 300, seed: seed)
            #expect(values.filter { $0 == 1 }.count == 100 && values.filter { $0 == 3 }.count == 200)
        }
        #expect(mix.table(entries: 300, seed: 1) == mix.table(entries: 300, seed: 1))
        #expect(mix.table(entries: 300, seed: 1) != mix.table(entries: 300, seed: 2))
    }
}
