// The wire form of messages (RFC 1939, section 3): every line that begins with a dot has one more, the terminator is the only
// line with a dot alone, and TOP ends where lines end. Over every size up to a few lines, so that stuffed dots lie everywhere.

import Maildrop
import PoplarCore
import Testing

@Suite("Stuffed dots in the wire form")
struct StuffingTests {
    private func lines(_ wire: some Sequence<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        for octet in wire {
            lines[lines.count - 1].append(octet)
            if octet == 10 { lines.append([]) }
        }
        return lines.last?.isEmpty == true ? lines.dropLast() : lines
    }

    @Test("no line ends a message early, and every line ends in CRLF", arguments: [64...700, 16_300...16_460])
    func sizes(range: ClosedRange<Int>) throws {
        for octets in range {
            let population = Population(mailboxes: 1, messages: 3, octets: octets, policy: .restore)
            defer { population.deallocate() }
            let opened = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
            let maildrop = try #require(opened)
            defer { maildrop.close() }
            for number in UInt32(1)...3 {
                let reply = try #require(maildrop.retrieval(number))
                let lines = lines(reply)
                let isSound = lines.dropLast().dropFirst().allSatisfy { line in
                    line.count >= 2 && line.suffix(2) == [13, 10] && line.filter({ $0 == 13 || $0 == 10 }).count == 2
                        && (line[0] != 46 || line.count > 3 && line[1] == 46)
                }
                #expect(isSound && lines.last == [46, 13, 10], "\(octets) octets, message \(number)")
            }
        }
    }

    @Test("TOP of n lines is RETR up to the n-th line of the body", arguments: [64, 120, 700, 5000])
    func top(octets: Int) throws {
        let population = Population(mailboxes: 1, messages: 2, octets: octets, policy: .restore)
        defer { population.deallocate() }
        let opened = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
        let maildrop = try #require(opened)
        defer { maildrop.close() }
        let wire = lines(try #require(maildrop.retrieval(1))).dropFirst().dropLast()
        let blank = try #require(wire.firstIndex(of: [13, 10]))
        for count in 0...UInt64(wire.endIndex - blank) + 2 {
            let end = min(wire.endIndex, blank + 1 + Int(count))
            #expect(maildrop.top(1, lines: count).map { Array($0) } == Array(wire[..<end].joined()), "\(count) lines")
        }
        #expect(maildrop.top(1, lines: .max).map { $0.count } == Array(wire.joined()).count)
        #expect(maildrop.top(3, lines: 1) == nil)
    }

    @Test("what is put together in a window of any size is what lies in the arena: a stuffed dot at every boundary")
    func windows() throws {
        // A reader that cuts the stream at every place must take out the same dots: the message is stuffed by lines, not by reads.
        let population = Population(mailboxes: 1, messages: 1, octets: 1500, policy: .restore)
        defer { population.deallocate() }
        let opened = OpenMaildrop.open(population, mailbox: 0, markMemory: nil).maildrop
        let maildrop = try #require(opened)
        defer { maildrop.close() }
        let reply = Array(try #require(maildrop.retrieval(1)))
        let dots = reply.indices.filter {
            $0 > 1 && reply[$0] == 46 && reply[$0 - 1] == 10 && $0 + 1 < reply.count && reply[$0 + 1] == 46
        }
        #expect(dots.count > 1)
        for size in 1...80 {
            var octets = 0
            var atLineStart = false
            for start in stride(from: 0, to: reply.count - 3, by: size) {
                for octet in reply[start..<min(start + size, reply.count - 3)] {
                    if !(atLineStart && octet == 46) { octets += 1 }
                    atLineStart = octet == 10
                }
            }
            #expect(octets == "+OK 1500 octets\r\n".utf8.count + 1500)
        }
    }
}
