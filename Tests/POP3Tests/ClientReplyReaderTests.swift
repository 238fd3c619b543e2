// The stream of replies, cut at every place. What a caller does with unconsumed octets is done here as well:
// they stand at the front of the next input.

import POP3
import Testing

/// Feeds pieces to a reader the way a connection does, and tells what came out as text.
private struct Feeder {
    enum Body { case single, rows, payload }

    /// `parts` in turn; each reply's first line is followed by a body as `bodies` says.
    static func run(_ parts: [ArraySlice<UInt8>], bodies: [Body]) -> [String] {
        var reader = ClientReplyReader()
        var kept: [UInt8] = []
        var told: [String] = []
        var replies = bodies[...]
        var inBody = false
        for part in parts {
            kept += part
            var cursor = 0
            loop: while true {
                let event = kept.withUnsafeBytes { reader.next($0, cursor: &cursor) }
                switch event {
                case .needsInput: break loop
                case .line(let range):
                    told.append(String(decoding: kept[range], as: UTF8.self))
                    if inBody { continue }
                    switch replies.popFirst() ?? .single {
                    case .single: break
                    case .rows:
                        reader.beginRows()
                        inBody = true
                    case .payload:
                        reader.beginPayload()
                        inBody = true
                    }
                case .endOfRows:
                    told.append("<end>")
                    inBody = false
                case .endOfPayload(let octets, let isExact):
                    told.append("<\(octets)\(isExact ? "" : " lax")>")
                    inBody = false
                case .failed(let fault):
                    told.append("<\(fault)>")
                    return told
                }
            }
            kept.removeFirst(cursor)
            #expect(kept.count < ClientReplyReader.lineLimit)
        }
        return told
    }
}

@Suite struct ClientReplyReaderTests {
    private func whole(_ text: String, _ bodies: [Feeder.Body]) -> [String] {
        Feeder.run([Array(text.utf8)[...]], bodies: bodies)
    }

    @Test func `a line ends at its line feed, with or without a carriage return`() {
        #expect(whole("+OK a\r\n-ERR b\n", [.single, .single]) == ["+OK a", "-ERR b"])
        #expect(whole("\r\n\n", [.single, .single]) == ["", ""])
    }

    @Test func `rows are told one by one up to the dot, with their stuffing undone`() {
        #expect(whole("+OK\r\n1 120\r\n2 200\r\n.\r\n", [.rows]) == ["+OK", "1 120", "2 200", "<end>"])
        #expect(whole("+OK\r\n..x\r\n.\r\n+OK\r\n", [.rows, .single]) == ["+OK", ".x", "<end>", "+OK"])
        #expect(whole("+OK\r\n.\r\n", [.rows]) == ["+OK", "<end>"])
    }

    @Test(arguments: [
        (".\r\n", "<0>"), ("\r\n.\r\n", "<2>"), ("a\r\n.\r\n", "<3>"), ("..\r\n.\r\n", "<3>"), ("...\r\n.\r\n", "<4>"),
        ("a.\r\n.\r\n", "<4>"), ("a\r\n..b\r\n.\r\n", "<7>"), (".a\r\n.\r\n", "<3>"), ("a\r.\r\n\r\n.\r\n", "<7>"),
        (".\rx\r\n.\r\n", "<4>"), (".\r\r\n.\r\n", "<3>"), ("\n.\r\n", "<1 lax>"), ("a\n.\r\n", "<2 lax>"),
        ("a\r\n.\n", "<3 lax>"),
        ("a\n\r\n.\r\n", "<4>"),
    ])
    func `a payload is counted after un-stuffing and without its terminator, wherever it is cut`(wire: String, told: String) {
        let octets = Array("+OK\r\n\(wire)+OK next\r\n".utf8)
        let expected = ["+OK", told, "+OK next"]
        #expect(Feeder.run([octets[...]], bodies: [.payload, .single]) == expected)
        #expect(Feeder.run(octets.indices.map { octets[$0...$0] }, bodies: [.payload, .single]) == expected)
        for first in 0...octets.count {
            for second in first...octets.count {
                let parts = [octets[..<first], octets[first..<second], octets[second...]]
                #expect(Feeder.run(parts, bodies: [.payload, .single]) == expected, "cut at \(first), \(second)")
            }
        }
    }

    @Test func `a whole session's replies read the same at every cut`() {
        let text =
            "+OK ready\r\n+OK\r\n+OK\r\n+OK 2 9\r\n+OK\r\n1 4\r\n2 5\r\n.\r\n"
            + "+OK 4 octets\r\nab\r\n.\r\n+OK\r\n..c\r\n\r\n.\r\n+OK bye\r\n"
        let bodies: [Feeder.Body] = [.single, .single, .single, .single, .rows, .payload, .payload, .single]
        let octets = Array(text.utf8)
        let expected = [
            "+OK ready", "+OK", "+OK", "+OK 2 9", "+OK", "1 4", "2 5", "<end>", "+OK 4 octets", "<4>", "+OK", "<6>", "+OK bye",
        ]
        for cut in 0...octets.count {
            #expect(Feeder.run([octets[..<cut], octets[cut...]], bodies: bodies) == expected, "cut at \(cut)")
        }
    }

    @Test(arguments: [ClientReplyReader.lineLimit - 1, ClientReplyReader.lineLimit, ClientReplyReader.lineLimit + 1, 100_000])
    func `a line past the limit is a fault, whole or without its end`(size: Int) {
        let line = [UInt8](repeating: 97, count: size - 1) + [10]
        let isAllowed = size <= ClientReplyReader.lineLimit
        #expect(
            Feeder.run([line[...]], bodies: [.single]).last
                == (isAllowed ? String(repeating: "a", count: size - 1) : "<lineTooLong>"))
        let endless = [UInt8](repeating: 97, count: size)
        let told = Feeder.run([endless[...]], bodies: [.single])
        #expect(told == (size < ClientReplyReader.lineLimit ? [] : ["<lineTooLong>"]))
        let row = Array("+OK\r\n".utf8) + line
        #expect(
            Feeder.run([row[...]], bodies: [.rows]).last
                == (isAllowed ? String(repeating: "a", count: size - 1) : "<lineTooLong>"))
    }

    @Test func `a payload's lines have no limit, since nothing of them is kept`() {
        let wire = Array("+OK\r\n".utf8) + [UInt8](repeating: 97, count: 200_000) + Array("\r\n.\r\n".utf8)
        #expect(Feeder.run([wire[..<70_000], wire[70_000...]], bodies: [.payload]) == ["+OK", "<200002>"])
    }
}
