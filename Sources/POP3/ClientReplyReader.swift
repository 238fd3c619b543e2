// The server's replies as a client reads them, from a stream that may be cut anywhere (RFC 1939, section 3). A line is
// handed out where it lies; the payload of RETR and TOP is counted and never stored. The reader keeps no octets: what it
// did not consume must stand at the front of the next input. Invariant: a line that is longer than the limit ends the
// reply as a fault, so what a caller has to keep is bounded by `lineLimit`.

public import PoplarCore

/// What is wrong with a reply's form. The stream cannot be followed any further.
public enum ClientReplyFault: Error, Sendable, Equatable {
    /// A line longer than the reader's limit.
    case lineTooLong
    /// A first line that is none of `+OK`, `-ERR`, `+`.
    case notAReply
}

@frozen
public struct ClientReplyReader: Sendable {
    @frozen
    public enum Event: Sendable, Equatable {
        /// No whole item is there: come again with more behind what was not consumed.
        case needsInput
        /// A first line, or a row of a listing with its dot-stuffing undone, without its end; offsets into the input.
        case line(Range<Int>)
        /// The end of a listing.
        case endOfRows
        /// The end of a payload: its octets after un-stuffing, line ends included and the terminator not.
        /// `isExact`: the terminator was CRLF "." CRLF and not a lax form of it.
        case endOfPayload(octets: UInt64, isExact: Bool)
        case failed(ClientReplyFault)
    }

    @usableFromInline
    enum Mode: UInt8, Sendable {
        case status
        case rows
        case payload
    }

    /// Where a payload stands in its line.
    @usableFromInline
    enum Place: UInt8, Sendable {
        case lineStart
        case inLine
        /// A dot opened the line.
        case dot
        /// A dot and a CR opened the line.
        case dotReturn
    }

    /// Octets of a line, its end included, that a server may send: far more than RFC 2449's 512, less than any attack.
    public static let lineLimit = 8192

    @usableFromInline var mode: Mode = .status
    @usableFromInline var place: Place = .lineStart
    /// Octets from `cursor` on that are known to hold no line feed.
    @usableFromInline var scanned: Int32 = 0
    /// Whether the octet before the line was the LF of a CRLF.
    @usableFromInline var previousLineIsExact = true
    @usableFromInline var lastWasReturn = false
    @usableFromInline var octets: UInt64 = 0

    @inlinable public init() {}

    /// Rows follow: each is a `.line`, until `.endOfRows`.
    @inlinable public mutating func beginRows() { mode = .rows }

    /// A payload follows: it is counted until `.endOfPayload`.
    @inlinable
    public mutating func beginPayload() {
        mode = .payload
        place = .lineStart
        previousLineIsExact = true
        lastWasReturn = false
        octets = 0
    }

    /// Octets of the payload so far, after un-stuffing.
    @inlinable public var payloadOctets: UInt64 { octets }

    /// The next item at `cursor`, which moves past what was consumed. Call until `.needsInput` or a fault.
    @inlinable
    public mutating func next(_ input: UnsafeRawBufferPointer, cursor: inout Int) -> Event {
        guard cursor >= 0, cursor <= input.count else { return .needsInput }
        switch mode {
        case .status: return nextLine(input, cursor: &cursor)
        case .rows: return nextRow(input, cursor: &cursor)
        case .payload: return nextPayload(input, cursor: &cursor)
        }
    }

    @usableFromInline
    mutating func nextLine(_ input: UnsafeRawBufferPointer, cursor: inout Int) -> Event {
        let start = cursor
        guard let lineFeed = Bytes.firstLineFeed(in: input, from: start &+ Int(scanned)) else {
            let waiting = input.count &- start
            guard waiting < Self.lineLimit else { return .failed(.lineTooLong) }
            scanned = Int32(truncatingIfNeeded: waiting)
            return .needsInput
        }
        scanned = 0
        guard lineFeed &- start < Self.lineLimit else { return .failed(.lineTooLong) }
        cursor = lineFeed &+ 1
        let end = lineFeed > start && input[lineFeed &- 1] == Bytes.carriageReturn ? lineFeed &- 1 : lineFeed
        return .line(start..<end)
    }

    @usableFromInline
    mutating func nextRow(_ input: UnsafeRawBufferPointer, cursor: inout Int) -> Event {
        let event = nextLine(input, cursor: &cursor)
        guard case .line(let range) = event, range.count > 0, input[range.lowerBound] == 46 else { return event }
        guard range.count > 1 else {
            mode = .status
            return .endOfRows
        }
        return .line((range.lowerBound &+ 1)..<range.upperBound)
    }

    /// Goes from line feed to line feed by memchr(3); only what opens a line is looked at octet by octet.
    @usableFromInline
    mutating func nextPayload(_ input: UnsafeRawBufferPointer, cursor: inout Int) -> Event {
        while cursor < input.count {
            let byte = input[cursor]
            switch place {
            case .lineStart:
                guard byte == 46 else {
                    place = .inLine
                    continue
                }
                place = .dot
                cursor &+= 1
            case .inLine:
                countLine(input, cursor: &cursor)
            case .dot:
                // The opening dot is stuffing unless the line ends behind it.
                if byte == Bytes.carriageReturn {
                    place = .dotReturn
                    cursor &+= 1
                } else if byte == Bytes.lineFeed {
                    cursor &+= 1
                    return endOfPayload(isExact: false)
                } else {
                    place = .inLine
                    lastWasReturn = false
                }
            case .dotReturn:
                if byte == Bytes.lineFeed {
                    cursor &+= 1
                    return endOfPayload(isExact: previousLineIsExact)
                }
                // A dot, a CR and something else: the dot was stuffing, the CR content.
                octets &+= 1
                lastWasReturn = true
                place = .inLine
            }
        }
        return .needsInput
    }

    @inlinable @inline(__always)
    mutating func countLine(_ input: UnsafeRawBufferPointer, cursor: inout Int) {
        let start = cursor
        guard let lineFeed = Bytes.firstLineFeed(in: input, from: start) else {
            octets &+= UInt64(truncatingIfNeeded: input.count &- start)
            lastWasReturn = input[input.count &- 1] == Bytes.carriageReturn
            cursor = input.count
            return
        }
        octets &+= UInt64(truncatingIfNeeded: lineFeed &+ 1 &- start)
        previousLineIsExact = lineFeed > start ? input[lineFeed &- 1] == Bytes.carriageReturn : lastWasReturn
        lastWasReturn = false
        cursor = lineFeed &+ 1
        place = .lineStart
    }

    @usableFromInline
    mutating func endOfPayload(isExact: Bool) -> Event {
        mode = .status
        place = .lineStart
        return .endOfPayload(octets: octets, isExact: isExact)
    }
}
