// The messages of a population in their wire form, once, in one block: for each, the RETR reply exactly as it goes
// out, status line and terminator included, so that a retrieval is one contiguous send from here with no copy.
//
//   "+OK 2048 octets\r\n" | headers, blank line, body; dot-stuffed | ".\r\n"
//
// Invariant: the block is written at set-up, is never changed, and lives as long as the process.

import Glibc
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
        /// Octets of all messages before this one.
        var octetsBefore: UInt64
        /// Where the line counts of this message begin: one for each whole stride of its wire form.
        var firstLineCount: Int
    }

    let block: UnsafeMutableRawBufferPointer
    let entries: UnsafeMutableBufferPointer<Entry>
    /// Of each stride: the line feeds of the body up to the stride's end. TOP looks its place up here and scans one
    /// stride.
    private let lineCounts: UnsafeMutableBufferPointer<UInt32>
    /// Octets of all messages.
    let octetsOfAll: UInt64

    private init(
        block: UnsafeMutableRawBufferPointer, entries: UnsafeMutableBufferPointer<Entry>,
        lineCounts: UnsafeMutableBufferPointer<UInt32>, octetsOfAll: UInt64
    ) {
        self.block = block
        self.entries = entries
        self.lineCounts = lineCounts
        self.octetsOfAll = octetsOfAll
    }

    public static let smallestMessage = 64
    static let terminator: StaticString = ".\r\n"
    static let lineStride = 4096

    /// A message of each of `sizes` (64 octets or more), generated from `seed`. Nil: memory is out, or `shouldStop`
    /// said yes, which is asked every few thousand octets.
    static func make(sizes: [Int], seed: UInt64, shouldStop: () -> Bool) -> MessageArena? {
        precondition(sizes.allSatisfy { $0 >= Self.smallestMessage }, "the caller checks these against the limits")
        var (size, strides) = (0, 0)
        for octets in sizes {
            let (sum, overflows) = size.addingReportingOverflow(room(octets))
            guard !overflows else { return nil }
            size = sum
            strides += room(octets) / lineStride
        }
        guard let block = malloc(max(1, size)), let counts = Zeros.allocate(of: UInt32.self, strides) else {
            return nil
        }
        let arena = MessageArena(
            block: UnsafeMutableRawBufferPointer(start: block, count: size),
            entries: .allocate(capacity: sizes.count),
            lineCounts: UnsafeMutableBufferPointer(start: counts, count: strides),
            octetsOfAll: sizes.reduce(0) { $0 &+ UInt64($1) })
        guard arena.fill(sizes, seed, shouldStop) else {
            arena.deallocate()
            return nil
        }
        return arena
    }

    /// Stuffing adds at most one octet a line, and lines of the generator have 16 octets or more.
    private static func room(_ octets: Int) -> Int { octets + octets / 16 + 96 }

    private func fill(_ sizes: [Int], _ seed: UInt64, _ shouldStop: () -> Bool) -> Bool {
        var (used, counted) = (0, 0)
        var before: UInt64 = 0
        for (index, octets) in sizes.enumerated() {
            if index % 64 == 63, shouldStop() { return false }
            let slice = UnsafeMutableRawBufferPointer(rebasing: block[used..<used + Self.room(octets)])
            var writer = ByteWriter(slice)
            writer.append("+OK ")
            writer.append(decimal: UInt64(octets))
            writer.append(" octets\r\n")
            let status = writer.count
            guard
                let header = MessageText.write(
                    index: index, octets: octets, seed: seed, into: &writer, shouldStop: shouldStop)
            else { return false }
            let wire = writer.count - status
            writer.append(Self.terminator)
            precondition(!writer.overflowed, "the room above is computed for the generator")
            entries.initializeElement(
                at: index,
                to: Entry(
                    offset: used, statusCount: status, wireCount: wire, octets: UInt64(octets), headerCount: header,
                    octetsBefore: before, firstLineCount: counted))
            counted += Self.countLines(
                UnsafeRawBufferPointer(rebasing: slice[status..<status + wire]), after: header,
                into: UnsafeMutableBufferPointer(rebasing: lineCounts[counted...]))
            before += UInt64(octets)
            used += writer.count
        }
        return true
    }

    /// Writes the count of each whole stride of `wire`. Returns how many strides there are.
    private static func countLines(
        _ wire: UnsafeRawBufferPointer, after header: Int, into counts: UnsafeMutableBufferPointer<UInt32>
    ) -> Int {
        let strides = wire.count / lineStride
        var lines: UInt32 = 0
        var at = header
        for stride in 0..<strides {
            let end = (stride + 1) * lineStride
            while at < end, let lineFeed = Bytes.firstLineFeed(in: wire, from: at), lineFeed < end {
                lines += 1
                at = lineFeed + 1
            }
            counts.initializeElement(at: stride, to: lines)
        }
        return strides
    }

    public var count: Int { entries.count }

    /// Frees the block. Only when no session can be using it any more; `serve` never does.
    public func deallocate() {
        free(block.baseAddress)
        entries.deallocate()
        free(lineCounts.baseAddress)
    }

    func octets(_ index: Int) -> UInt64 { entries[index].octets }

    /// Octets of `count` messages from `start` on, going round at the end of the arena. `start` is below `self.count`.
    func octets(from start: Int, count: Int) -> UInt64 {
        guard self.count > 0 else { return 0 }
        let (rounds, rest) = count.quotientAndRemainder(dividingBy: self.count)
        let end = start &+ rest
        let from = entries[start].octetsBefore
        let part =
            end < self.count
            ? entries[end].octetsBefore &- from
            : octetsOfAll &- from &+ (end == self.count ? 0 : entries[end &- self.count].octetsBefore)
        return UInt64(truncatingIfNeeded: rounds) &* octetsOfAll &+ part
    }

    /// The whole RETR reply of message `index`.
    func retrieval(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        let total = entry.statusCount &+ entry.wireCount &+ 3
        return UnsafeRawBufferPointer(rebasing: block[entry.offset..<entry.offset &+ total])
    }

    /// The headers, the blank line and the first `lines` lines of the body, as they stand on the wire. However large
    /// the message: a binary search over its strides, and a scan of one.
    func top(_ index: Int, lines: UInt64) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        let start = entry.offset &+ entry.statusCount
        let wire = UnsafeRawBufferPointer(rebasing: block[start..<start &+ entry.wireCount])
        let (skipped, counted) = stridesBefore(line: lines, entry)
        var end = max(entry.headerCount, skipped &* Self.lineStride)
        var left = lines &- UInt64(counted)
        while left > 0, end < wire.count {
            guard let lineFeed = Bytes.firstLineFeed(in: wire, from: end) else { return wire }
            end = lineFeed &+ 1
            left &-= 1
        }
        return UnsafeRawBufferPointer(rebasing: wire[0..<end])
    }

    /// The strides that end before the `line`-th line feed of the body, and the line feeds in them.
    private func stridesBefore(line: UInt64, _ entry: Entry) -> (strides: Int, lines: UInt32) {
        var (low, high) = (0, entry.wireCount / Self.lineStride)
        while low < high {
            let middle = (low &+ high) / 2
            if UInt64(lineCounts[entry.firstLineCount &+ middle]) < line { low = middle &+ 1 } else { high = middle }
        }
        return (low, low > 0 ? lineCounts[entry.firstLineCount &+ low &- 1] : 0)
    }
}

/// The text of generated messages.
enum MessageText {
    /// Writes message `index` in wire form, `octets` octets before stuffing. Returns the octets of its header part; nil
    /// when `shouldStop` said so.
    static func write(
        index: Int, octets: Int, seed: UInt64, into writer: inout ByteWriter, shouldStop: () -> Bool
    ) -> Int? {
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
            if line % 4096 == 0, shouldStop() { return nil }
        }
        return header
    }

    /// `length` letters and a line end; `stuffed` lines begin with a dot, which the wire form doubles.
    private static func writeLine(
        _ length: Int, stuffed: Bool, _ random: inout Xoshiro256, _ writer: inout ByteWriter
    ) {
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
