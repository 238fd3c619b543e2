// What a reply's lines say: status and response code (RFC 1939, RFC 2449 section 8, RFC 3206), the figures of STAT and
// RETR, the rows of LIST and UIDL. Each parser takes a line without its end and answers nil rather than guess.

public import PoplarCore

/// The code in brackets at the start of a reply's text.
public enum ResponseCode: UInt8, Sendable, Equatable {
    case none
    case inUse
    case loginDelay
    case auth
    case systemTemporary
    case systemPermanent
    /// One that this list does not know.
    case other
}

/// A reply's first line.
public struct ClientReply: Sendable, Equatable {
    public enum Status: UInt8, Sendable, Equatable {
        /// `+OK`.
        case ok
        /// `-ERR`.
        case error
        /// `+`: the server waits for the next line of an exchange.
        case continuation
    }

    public var status: Status
    public var code: ResponseCode
    /// Offset of the text behind the status and one space; the line's length when there is none.
    public var text: Int

    /// Nil when the line is no reply: the status stands alone or is followed by a space.
    @inlinable
    public init?(_ line: Span<UInt8>) {
        guard line.count > 0 else { return nil }
        let size: Int
        if line[0] == 43 {
            if line.count == 1 || line[1] == Bytes.space {
                status = .continuation
                size = 1
            } else {
                guard line.count >= 3, line[1] == 79, line[2] == 75 else { return nil }
                status = .ok
                size = 3
            }
        } else {
            guard line.count >= 4, line[0] == 45, line[1] == 69, line[2] == 82, line[3] == 82 else { return nil }
            status = .error
            size = 4
        }
        guard line.count == size || line[size] == Bytes.space else { return nil }
        text = min(line.count, size &+ 1)
        code = .none
        if status != .continuation, text < line.count, line[text] == 91 { code = Self.code(line, at: text) }
    }

    @usableFromInline
    static func code(_ line: Span<UInt8>, at start: Int) -> ResponseCode {
        var end = start &+ 1
        while end < line.count, line[end] != 93 { end &+= 1 }
        guard end < line.count else { return .none }
        let name = line.extracting((start &+ 1)..<end)
        if Bytes.equals(name, "IN-USE") { return .inUse }
        if Bytes.equals(name, "LOGIN-DELAY") { return .loginDelay }
        if Bytes.equals(name, "AUTH") { return .auth }
        if Bytes.equals(name, "SYS/TEMP") { return .systemTemporary }
        if Bytes.equals(name, "SYS/PERM") { return .systemPermanent }
        return .other
    }
}

/// Figures in lines.
public enum ReplyFigures {
    /// `count octets` behind STAT's `+OK` (RFC 1939, section 5); more may follow after a space.
    public static func stat(_ line: Span<UInt8>, text: Int) -> (messages: UInt32, octets: UInt64)? {
        var cursor = text
        guard let messages = number(line, &cursor), let octets = number(line, &cursor), let count = UInt32(exactly: messages)
        else { return nil }
        return (count, octets)
    }

    /// The octets that RETR's `+OK 2048 octets` announces; nil where the text says no such thing.
    public static func octets(_ line: Span<UInt8>, text: Int) -> UInt64? {
        var cursor = text
        guard let octets = number(line, &cursor) else { return nil }
        guard cursor < line.count else { return octets }
        let word = line.extracting(cursor..<min(line.count, cursor &+ 6))
        guard Bytes.equals(word, "OCTETS"), cursor &+ 6 == line.count || !isLetter(line[cursor &+ 6]) else { return nil }
        return octets
    }

    /// A row of LIST: message number and its octets.
    public static func listRow(_ line: Span<UInt8>) -> (message: UInt32, octets: UInt64)? {
        guard let row = stat(line, text: 0), row.messages > 0 else { return nil }
        return (row.messages, row.octets)
    }

    /// A row of UIDL: message number, and where its unique-id stands: 1 to 70 octets of 0x21 to 0x7E (RFC 1939, section 7).
    public static func uidlRow(_ line: Span<UInt8>) -> (message: UInt32, identifier: Range<Int>)? {
        var cursor = 0
        guard let number = number(line, &cursor), let message = UInt32(exactly: number), message > 0 else { return nil }
        guard cursor < line.count, line.count &- cursor <= 70 else { return nil }
        for index in cursor..<line.count where line[index] < 0x21 || line[index] > 0x7E { return nil }
        return (message, cursor..<line.count)
    }

    /// A decimal number at `cursor`, which moves past it and one space. Digits end at a space or at the end of the line.
    private static func number(_ line: Span<UInt8>, _ cursor: inout Int) -> UInt64? {
        guard cursor >= 0, cursor <= line.count else { return nil }
        var end = cursor
        while end < line.count, line[end] != Bytes.space { end &+= 1 }
        guard let value = Bytes.decimal(line.extracting(cursor..<end)) else { return nil }
        cursor = min(line.count, end &+ 1)
        return value
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        let upper = Bytes.uppercased(byte)
        return upper >= 65 && upper <= 90
    }
}
