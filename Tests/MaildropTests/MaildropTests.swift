// The population's messages and what a session sees of a mailbox. Sizes are checked against an independent count of the
// wire form: stuffing taken out, line ends counted.

import Maildrop
import PoplarCore
import Testing

/// What a client makes of a retrieval: the octets that the status line promises, and those that come.
private func unstuffed(_ reply: UnsafeRawBufferPointer) -> (promised: Int?, octets: Int, stuffedLines: Int) {
    let text = String(decoding: reply, as: UTF8.self)
    var lines = text.components("\r\n")
    let promised = Int(lines.removeFirst().split(separator: " ")[1])
    #expect(lines.suffix(2) == [".", ""])
    lines.removeLast(2)
    let stuffed = lines.filter { $0.hasPrefix(".") }.count
    return (promised, lines.reduce(0) { $0 + $1.utf8.count + 2 } - stuffed, stuffed)
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = [""]
        for character in self {
            if String(character) == separator { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts
    }
}

@Suite("Messages in memory are what LIST says of them")
struct MessageTests {
    @Test(
        "each size from the smallest on: promised = sent, and large ones have lines to stuff",
        arguments: Array(64...400) + [1000, 2048, 65_536, 1_000_003])
    func sizes(octets: Int) throws {
        let population = Population(mailboxes: 1, messages: 2, octets: octets, policy: .restore)
        defer { population.deallocate() }
        let opened = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
        let maildrop = try #require(opened)
        for number in UInt32(1)...2 {
            let reply = try #require(maildrop.retrieval(number))
            let seen = unstuffed(reply)
            #expect(seen.promised == octets)
            #expect(seen.octets == octets)
            #expect(maildrop.octets(number) == UInt64(octets))
            if octets >= 1000 { #expect(seen.stuffedLines > 0) }
        }
        maildrop.close()
    }

    @Test("two messages differ, and the same seed gives the same octets")
    func content() throws {
        func text(_ seed: UInt64, _ number: UInt32) -> [UInt8] {
            let population = Population(mailboxes: 1, messages: 2, octets: 500, policy: .restore, seed: seed)
            defer { population.deallocate() }
            return OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop?.retrieval(number).map { Array($0) } ?? []
        }
        #expect(text(1, 1) == text(1, 1))
        #expect(text(1, 1) != text(1, 2))
        #expect(text(1, 1) != text(2, 1))
    }
}

@Suite("A mailbox belongs to one session at a time")
struct LockTests {
    @Test("the lock is exclusive, and free after close and after update")
    func exclusive() {
        let population = Population(mailboxes: 2, messages: 1, octets: 64, policy: .restore)
        defer { population.deallocate() }
        let first = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
        #expect(first != nil)
        #expect(OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop == nil)
        let other = OpenMaildrop.open(population, mailbox: 1, markMemory: nil).maildrop
        #expect(other != nil)
        first?.close()
        let second = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
        #expect(second != nil)
        second?.update()
        #expect(OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop != nil)
    }

    @Test("a mailbox that is not there cannot be opened")
    func absent() {
        let population = Population(mailboxes: 2, messages: 1, octets: 64, policy: .restore)
        defer { population.deallocate() }
        #expect(OpenMaildrop.open(population, mailbox: 2, markMemory: nil).maildrop == nil)
        #expect(OpenMaildrop.open(population, mailbox: .max, markMemory: nil).maildrop == nil)
    }
}

@Suite("LOGIN-DELAY")
struct LoginDelayTests {
    private func open(_ population: Population, nowMs: UInt64, delayMs: UInt64 = 1000) -> OpenMaildrop.Opening {
        OpenMaildrop.open(population, mailbox: 0, markMemory: nil, nowMs: nowMs, loginDelayMs: delayMs)
    }

    private func isTooSoon(_ opening: OpenMaildrop.Opening) -> Bool { if case .tooSoon = opening { true } else { false } }

    @Test("the delay runs from the last logon")
    func delay() {
        let population = Population(mailboxes: 1, messages: 1, octets: 64, policy: .restore)
        defer { population.deallocate() }
        open(population, nowMs: 5000).maildrop?.close()
        #expect(isTooSoon(open(population, nowMs: 5999)))
        #expect(open(population, nowMs: 6000).maildrop != nil)
    }

    @Test("a last logon that lies ahead, by the clock of another worker's turn, was just now")
    func ahead() {
        let population = Population(mailboxes: 1, messages: 1, octets: 64, policy: .restore)
        defer { population.deallocate() }
        open(population, nowMs: 5000).maildrop?.close()
        #expect(isTooSoon(open(population, nowMs: 4999)))
        #expect(isTooSoon(open(population, nowMs: 1)))
        // One that is let in without a delay does not turn the time of the last logon back.
        open(population, nowMs: 4000, delayMs: 0).maildrop?.close()
        #expect(isTooSoon(open(population, nowMs: 5999)))
    }
}

@Suite("Deletion, over every number of messages around a word of marks")
struct DeletionTests {
    @Test("what stays keeps its id and its order", arguments: [1, 2, 63, 64, 65, 127, 128, 129, 1000])
    func kept(messages: Int) throws {
        let population = Population(mailboxes: 1, messages: messages, octets: 64, policy: .gone)
        defer { population.deallocate() }
        let size = OpenMaildrop.markMemorySize(population)
        let memory = size > 0 ? UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8) : nil
        defer { memory?.deallocate() }
        func ids(_ maildrop: OpenMaildrop) -> [String] {
            (1...max(1, maildrop.count)).filter { maildrop.state($0) == .present }.map { number in
                withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { room in
                    var writer = ByteWriter(room)
                    maildrop.uniqueID(number, into: &writer)
                    return String(decoding: writer.written, as: UTF8.self)
                }
            }
        }
        var expected: [String] = []
        for round in 0..<4 {
            let opened = OpenMaildrop.open(population, mailbox: 0, markMemory: memory).maildrop
            var maildrop = try #require(opened)
            if round == 0 { expected = ids(maildrop) }
            #expect(ids(maildrop) == expected)
            #expect(maildrop.unmarked.count == UInt64(expected.count))
            #expect(maildrop.unmarked.octets == UInt64(expected.count) * 64)
            var left: [String] = []
            for (index, id) in expected.enumerated() {
                if (index + round) % 3 == 0 {
                    let marked = maildrop.mark(UInt32(index + 1))
                    let twice = maildrop.mark(UInt32(index + 1))
                    #expect(marked && !twice)
                } else {
                    left.append(id)
                }
            }
            if round == 2 {
                maildrop.reset()
                left = expected
            }
            maildrop.update()
            expected = left
        }
    }
}
