// A mailbox against the plainest model of one, a list of messages: whatever is marked, taken back and removed, the
// numbers, sizes and sums are the model's. Sessions, marks and sizes are drawn from a seed, which a failure names.

import PoplarCore
import Testing

@testable import Maildrop

@Suite("A mailbox agrees with a list of messages")
struct ModelTests {
    struct Mailbox: Sendable, CustomStringConvertible {
        let messages: Int
        let isMixed: Bool
        var description: String { "\(messages) messages of \(isMixed ? "several sizes" : "one size")" }

        static let all = [1, 2, 63, 64, 65, 127, 128, 129, 500, 2000].flatMap { count in
            [false, true].map { Mailbox(messages: count, isMixed: $0) }
        }

        var population: Population {
            let sizes = PopulationMix([.init(value: 64, weight: 70), .init(value: 300, weight: 20)])
            return Population(
                mailboxes: 3, messages: PopulationMix(always: messages),
                octets: isMixed ? sizes : PopulationMix(always: 100),
                policy: .gone)
        }
    }

    struct Message: Equatable {
        let id: String
        let octets: UInt64
    }

    private func message(_ maildrop: OpenMaildrop, _ number: UInt32) -> Message {
        let id = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { room in
            var writer = ByteWriter(room)
            maildrop.uniqueID(number, into: &writer)
            return String(decoding: writer.written, as: UTF8.self)
        }
        return Message(id: id, octets: maildrop.octets(number))
    }

    private func messages(_ maildrop: OpenMaildrop) -> [Message] {
        (0..<maildrop.count).map { message(maildrop, $0 + 1) }
    }

    /// What a listing goes through.
    private func unmarked(_ maildrop: OpenMaildrop) -> [Message] {
        var found: [Message] = []
        var number = maildrop.firstUnmarked(from: 1)
        while number <= maildrop.count {
            found.append(message(maildrop, number))
            number = maildrop.firstUnmarked(from: number + 1)
        }
        return found
    }

    @Test("over sessions that mark one message in four, take marks back, and remove", arguments: Mailbox.all)
    func sessions(mailbox: Mailbox) throws {
        let population = mailbox.population
        defer { population.deallocate() }
        let size = OpenMaildrop.markMemorySize(population)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(8, size), alignment: 8)
        defer { memory.deallocate() }
        let seed: UInt64 = 42
        var random = Xoshiro256(seed: seed)
        var model: [Message]?
        for session in 0..<6 {
            let opened = OpenMaildrop.open(population, mailbox: 1, markMemory: size > 0 ? memory : nil).maildrop
            var maildrop = try #require(opened)
            let start = model ?? messages(maildrop)
            #expect(messages(maildrop) == start, "session \(session), seed \(seed)")
            var kept: [Message] = []
            for (index, message) in start.enumerated() {
                if random.next(below: 4) == 0 { _ = maildrop.mark(UInt32(index + 1)) } else { kept.append(message) }
            }
            #expect(unmarked(maildrop) == kept, "session \(session), seed \(seed)")
            #expect(maildrop.unmarked == (UInt64(kept.count), kept.reduce(0) { $0 + $1.octets }), "session \(session)")
            if session == 2 {
                maildrop.reset()
                kept = start
                #expect(maildrop.unmarked == (UInt64(kept.count), kept.reduce(0) { $0 + $1.octets }))
            }
            maildrop.update()
            model = kept
        }
    }

    @Test("the last messages of a mailbox can go, and so can all of them", arguments: Mailbox.all)
    func ends(mailbox: Mailbox) throws {
        let population = mailbox.population
        defer { population.deallocate() }
        let size = OpenMaildrop.markMemorySize(population)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(8, size), alignment: 8)
        defer { memory.deallocate() }
        func open() throws -> OpenMaildrop {
            let opened = OpenMaildrop.open(population, mailbox: 1, markMemory: size > 0 ? memory : nil).maildrop
            return try #require(opened)
        }
        var first = try open()
        let start = messages(first)
        for number in first.count / 2 + 1...first.count { _ = first.mark(number) }
        #expect(first.firstUnmarked(from: 1) == 1 || first.count == 1)
        #expect(first.firstUnmarked(from: first.count / 2 + 1) == first.count + 1)
        first.update()
        var second = try open()
        #expect(messages(second) == Array(start.prefix(mailbox.messages / 2)))
        var number: UInt32 = 1
        while number <= second.count {
            _ = second.mark(number)
            number += 1
        }
        #expect(second.unmarked == (0, 0))
        second.update()
        let third = try open()
        #expect(third.count == 0 && third.unmarked == (0, 0) && third.firstUnmarked(from: 1) > third.count)
        third.close()
    }

    @Test("octets of a run of messages, also one that goes round the arena")
    func runs() throws {
        let arena = try #require(MessageArena.make(sizes: [64, 65, 66, 67, 68], seed: 1) { false })
        defer { arena.deallocate() }
        for start in 0..<5 {
            for count in 0...12 {
                let sum = (0..<count).reduce(UInt64(0)) { $0 + arena.octets((start + $1) % 5) }
                #expect(arena.octets(from: start, count: count) == sum, "\(count) from \(start)")
            }
        }
    }
}

@Suite("Making a population")
struct MakingTests {
    @Test("ends when it is told to, also in the middle of one message", arguments: [(1, 1 << 20), (10_000, 64)])
    func stops(messages: Int, octets: Int) {
        var asked = 0
        let made = Population.make(
            mailboxes: 1, messages: PopulationMix(always: messages), octets: PopulationMix(always: octets),
            policy: .restore
        ) {
            asked += 1
            return asked == 2
        }
        #expect(made == nil && asked == 2)
    }

    @Test("more than there is to be had is no population, and no trap")
    func tooLarge() {
        let octets = 1 << 30
        let made = Population.make(
            mailboxes: .max, messages: PopulationMix(always: 65), octets: PopulationMix(always: 64), policy: .gone)
        #expect(made == nil, "the bits of 2^63 mailboxes cannot be counted")
        #expect(MessageArena.make(sizes: [Int](repeating: octets, count: 1 << 20), seed: 1) { true } == nil)
    }
}
