// The figures of STAT and the rows of LIST and UIDL as lenient clients take them, where the strict reading of
// ReplyFigures has found nothing: blanks and tabs in any number, anything behind the figures, identifiers of any
// length.

public import PoplarCore

public enum LenientFigures {
    public static func stat(_ line: Span<UInt8>, text: Int) -> (messages: UInt32, octets: UInt64)? {
        var cursor = text
        guard let messages = number(line, &cursor), let count = UInt32(exactly: messages), let octets = number(line, &cursor)
        else { return nil }
        return (count, octets)
    }

    /// A row of LIST; one without a size has none.
    public static func listRow(_ line: Span<UInt8>) -> (message: UInt32, octets: UInt64)? {
        var cursor = 0
        guard let number = number(line, &cursor), let message = UInt32(exactly: number), message > 0 else { return nil }
        return (message, self.number(line, &cursor) ?? 0)
    }

    /// A row of UIDL: the identifier is what stands behind the number, without blanks at its ends; it may be empty.
    public static func uidlRow(_ line: Span<UInt8>) -> (message: UInt32, identifier: Range<Int>)? {
        var cursor = 0
        guard let number = number(line, &cursor), let message = UInt32(exactly: number), message > 0 else { return nil }
        skipBlanks(line, &cursor)
        var end = line.count
        while end > cursor, isBlank(line[end &- 1]) { end &-= 1 }
        return (message, cursor..<end)
    }

    /// The digits behind blanks, which a blank or the line's end follows.
    private static func number(_ line: Span<UInt8>, _ cursor: inout Int) -> UInt64? {
        guard cursor >= 0, cursor <= line.count else { return nil }
        skipBlanks(line, &cursor)
        var end = cursor
        while end < line.count, !isBlank(line[end]) { end &+= 1 }
        guard let value = Bytes.decimal(line.extracting(cursor..<end)) else { return nil }
        cursor = end
        return value
    }

    private static func skipBlanks(_ line: Span<UInt8>, _ cursor: inout Int) {
        while cursor < line.count, isBlank(line[cursor]) { cursor &+= 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == Bytes.space || byte == 9 }
}
