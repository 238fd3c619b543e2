// The messages of a population in their wire form, once, in one block: for each, the RETR reply exactly as it goes
// out, status line and terminator included, so that a retrieval is one contiguous send from here with no copy.
//
//   "+OK 2048 octets\r\n" | headers, blank line, body; dot-stuffed | ".\r\n"
//
// Invariant: the block is written at set-up, is never changed, and lives as long as the process.

import PoplarCore

public struct MessageArena: @unchecked Sendable {
    /// One message: offsets into the block.
    struct Entry {
        var offset: Int
        /// Octets of the status line.
        var statusCount: Int
        /// Octets of the wire form, stuffing included, terminator not.
        var wireCount: Int
        /// Octets as LIST and RETR report them (RFC 1939, section 11: CRLF line ends, no stuffing).
        var octets: UInt64
        /// Octets of the headers with the blank line, within the wire form.
        var headerCount: Int
    }

    let block: UnsafeMutableRawBufferPointer
    let entries: UnsafeMutableBufferPointer<Entry>

    public static let smallestMessage = 64
    static let terminator: StaticString = ".\r\n"

    /// `count` different messages of `octets` octets each (64 or more), generated from `seed`.
    public init(count: Int, octets: Int, seed: UInt64) {
        self.init(sizes: [Int](repeating: octets, count: max(0, count)), seed: seed)
    }

    /// A message of each of `sizes` (64 octets or more), generated from `seed`.
    init(sizes: [Int], seed: UInt64) {
        precondition(sizes.allSatisfy { $0 >= Self.smallestMessage }, "the caller checks these against the limits")
        // Stuffing adds at most one octet a line, and lines of the generator have 16 octets or more.
        func room(_ octets: Int) -> Int { octets + octets / 16 + 96 }
        block = .allocate(byteCount: max(1, sizes.reduce(0) { $0 + room($1) }), alignment: 64)
        entries = .allocate(capacity: sizes.count)
        var used = 0
        for (index, octets) in sizes.enumerated() {
            let room = room(octets)
            let slice = UnsafeMutableRawBufferPointer(rebasing: block[used..<used + room])
            var writer = ByteWriter(slice)
            writer.append("+OK ")
            writer.append(decimal: UInt64(octets))
            writer.append(" octets\r\n")
            let status = writer.count
            let header = MessageText.write(index: index, octets: octets, seed: seed, into: &writer)
            let wire = writer.count - status
            writer.append(Self.terminator)
            precondition(!writer.overflowed, "the room above is computed for the generator")
            (entries.baseAddress! + index).initialize(
                to: Entry(offset: used, statusCount: status, wireCount: wire, octets: UInt64(octets), headerCount: header))
            used += writer.count
        }
    }

    public var count: Int { entries.count }

    /// Frees the block. Only when no session can be using it any more; `serve` never does.
    public func deallocate() {
        block.deallocate()
        entries.deallocate()
    }

    func octets(_ index: Int) -> UInt64 { entries[index].octets }

    /// The whole RETR reply of message `index`.
    func retrieval(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        let total = entry.statusCount &+ entry.wireCount &+ 3
        return UnsafeRawBufferPointer(rebasing: block[entry.offset..<entry.offset &+ total])
    }

    /// The headers, the blank line and the first `lines` lines of the body, as they stand on the wire.
    func top(_ index: Int, lines: UInt64) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        let start = entry.offset &+ entry.statusCount
        let wire = UnsafeRawBufferPointer(rebasing: block[start..<start &+ entry.wireCount])
        var end = entry.headerCount
        var left = lines
        while left > 0, end < wire.count {
            guard let lineFeed = Bytes.firstLineFeed(in: wire, from: end) else { return wire }
            end = lineFeed &+ 1
            left &-= 1
        }
        return UnsafeRawBufferPointer(rebasing: wire[0..<end])
    }
}

/// The text of generated messages.
enum MessageText {
    /// Writes message `index` in wire form, `octets` octets before stuffing. Returns the octets of its header part.
    static func write(index: Int, octets: Int, seed: UInt64, into writer: inout ByteWriter) -> Int {
        let start = writer.count
        var random = Xoshiro256(root: seed, rank: 0, thread: 0, purpose: UInt32(truncatingIfNeeded: index))
        writer.append("Subject: ")
        writer.append(decimal: UInt64(index + 1))
        writer.append("\r\n")
        if octets >= 256 {
            writer.append("From: <sender@poplar.example>\r\nTo: <recipient@poplar.example>\r\n")
            writer.append("Message-ID: <")
            writer.append(decimal: random.next())
            writer.append(".")
            writer.append(decimal: UInt64(index))
            writer.append("@poplar.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n")
        }
        writer.append("\r\n")
        let header = writer.count - start
        var left = octets - header
        var line = 0
        while left > 0 {
            // A remainder of one octet cannot hold a CRLF, so the line before takes it in.
            var length = min(left, 74)
            if left - length > 0 && left - length < 18 { length = left - 18 }
            writeLine(length - 2, stuffed: line % 8 == 3, &random, &writer)
            left -= length
            line += 1
        }
        return header
    }

    /// `length` letters and a line end; `stuffed` lines begin with a dot, which the wire form doubles.
    private static func writeLine(_ length: Int, stuffed: Bool, _ random: inout Xoshiro256, _ writer: inout ByteWriter) {
        for column in 0..<max(0, length) {
            if column == 0, stuffed {
                writer.append("..")
            } else if column % 9 == 8 {
                writer.append(Bytes.space)
            } else {
                writer.append(97 + UInt8(truncatingIfNeeded: random.next(below: 26)))
            }
        }
        writer.append("\r\n")
    }
}
