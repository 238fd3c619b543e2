// The client's commands as they go onto the wire (RFC 1939, section 9; RFC 2449; RFC 2595; RFC 5034): each call appends
// one whole line. Invariant: an argument that would break the line (CR, LF, NUL) is refused and nothing is written,
// so that a name from a user table cannot smuggle a second command.

public import PoplarCore

/// Commands without an argument.
public enum ClientVerb: UInt8, Sendable, CaseIterable {
    case stat, list, uidl, rset, noop, quit, capa, stls
    /// AUTH without a mechanism: the list of mechanisms (MS-POP3 2.2.1).
    case bareAuth
    /// Leaves an AUTH exchange (RFC 5034, section 4).
    case cancel

    /// The line with its end.
    public var line: StaticString {
        switch self {
        case .stat: "STAT\r\n"
        case .list: "LIST\r\n"
        case .uidl: "UIDL\r\n"
        case .rset: "RSET\r\n"
        case .noop: "NOOP\r\n"
        case .quit: "QUIT\r\n"
        case .capa: "CAPA\r\n"
        case .stls: "STLS\r\n"
        case .bareAuth: "AUTH\r\n"
        case .cancel: "*\r\n"
        }
    }
}

public enum ClientCommand {
    public static func write(_ verb: ClientVerb, into writer: inout ByteWriter) { writer.append(verb.line) }

    /// USER. False when the name cannot stand in a line, or does not fit.
    public static func user(_ name: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        line("USER ", name, into: &writer)
    }

    /// PASS; spaces belong to the password (RFC 1939, section 7).
    public static func pass(_ password: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        line("PASS ", password, into: &writer)
    }

    /// APOP (RFC 1939, section 7); the octets of the digest go out in lower-case hexadecimal.
    public static func apop(_ name: Span<UInt8>, digest: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        let mark = writer.count
        guard line("APOP ", name, into: &writer) else { return false }
        writer.truncate(to: writer.count &- 2)
        writer.append(Bytes.space)
        for index in 0..<digest.count {
            writer.append(hexDigit(digest[index] >> 4))
            writer.append(hexDigit(digest[index] & 15))
        }
        return finish(mark, &writer)
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 &+ nibble : 87 &+ nibble }

    /// AUTH with a mechanism, and the initial response in base64 where `initial` is given: an empty one is `=`.
    public static func auth(
        _ mechanism: StaticString, initial: UnsafeRawBufferPointer? = nil, into writer: inout ByteWriter
    ) -> Bool {
        let mark = writer.count
        writer.append("AUTH ")
        writer.append(mechanism)
        if let initial {
            writer.append(Bytes.space)
            if initial.isEmpty { writer.append(61) } else { Base64.encode(initial, into: &writer) }
        }
        return finish(mark, &writer)
    }

    /// A response within an exchange: base64, or an empty line.
    public static func response(_ octets: UnsafeRawBufferPointer, into writer: inout ByteWriter) -> Bool {
        let mark = writer.count
        Base64.encode(octets, into: &writer)
        return finish(mark, &writer)
    }

    public static func retr(_ message: UInt32, into writer: inout ByteWriter) { numbered("RETR ", message, into: &writer) }
    public static func dele(_ message: UInt32, into writer: inout ByteWriter) { numbered("DELE ", message, into: &writer) }
    public static func list(_ message: UInt32, into writer: inout ByteWriter) { numbered("LIST ", message, into: &writer) }
    public static func uidl(_ message: UInt32, into writer: inout ByteWriter) { numbered("UIDL ", message, into: &writer) }

    public static func top(_ message: UInt32, lines: UInt32, into writer: inout ByteWriter) {
        writer.append("TOP ")
        writer.append(decimal: UInt64(message))
        writer.append(Bytes.space)
        writer.append(decimal: UInt64(lines))
        writer.append("\r\n")
    }

    private static func numbered(_ verb: StaticString, _ message: UInt32, into writer: inout ByteWriter) {
        writer.append(verb)
        writer.append(decimal: UInt64(message))
        writer.append("\r\n")
    }

    private static func line(_ verb: StaticString, _ argument: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        for index in 0..<argument.count {
            let byte = argument[index]
            if byte == 13 || byte == 10 || byte == 0 { return false }
        }
        let mark = writer.count
        writer.append(verb)
        writer.append(argument)
        return finish(mark, &writer)
    }

    private static func finish(_ mark: Int, _ writer: inout ByteWriter) -> Bool {
        writer.append("\r\n")
        guard writer.overflowed else { return true }
        writer.truncate(to: mark)
        return false
    }
}
