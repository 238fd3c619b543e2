// Replies that are put together: figures, listings, what is offered, challenges (RFC 1939; RFC 2449 section 5; RFC 5034;
// RFC 6856). Each call appends whole lines; a writer without room is left as `ByteWriter` leaves it, overflowed.

public import PoplarCore

public enum ReplyWriter {
    /// `+OK count octets`.
    public static func stat(count: UInt64, octets: UInt64, into writer: inout ByteWriter) {
        writer.append("+OK ")
        writer.append(decimal: count)
        writer.append(Bytes.space)
        writer.append(decimal: octets)
        writer.append("\r\n")
    }

    /// The first line of LIST and UIDL without an argument.
    public static func listing(count: UInt64, octets: UInt64, into writer: inout ByteWriter) {
        writer.append("+OK ")
        writer.append(decimal: count)
        writer.append(" messages (")
        writer.append(decimal: octets)
        writer.append(" octets)\r\n")
    }

    /// A row of LIST, or with `status` its answer for one message.
    public static func listRow(number: UInt32, octets: UInt64, status: Bool, into writer: inout ByteWriter) {
        if status { writer.append("+OK ") }
        writer.append(decimal: UInt64(number))
        writer.append(Bytes.space)
        writer.append(decimal: octets)
        writer.append("\r\n")
    }

    /// The greeting with APOP's timestamp, which must differ each time (RFC 1939, section 7).
    public static func greeting(_ personality: Personality, timestamp: APOPTimestamp, into writer: inout ByteWriter) {
        let line = ServerReply.greeting.line(personality)
        writer.append(UnsafeRawBufferPointer(start: line.utf8Start, count: max(0, line.utf8CodeUnitCount &- 2)))
        writer.append(Bytes.space)
        timestamp.write(into: &writer)
        writer.append("\r\n")
    }

    /// Bare AUTH: one mechanism a line (MS-POP3 2.2.1), or the refusal when there is none. Exchange lists NTLM alone.
    public static func mechanisms(_ offer: Offer, _ personality: Personality, into writer: inout ByteWriter) {
        guard !offer.isDisjoint(with: .mechanisms) else {
            let refusal: ServerReply = personality == .exchange55 ? .ntlmDisabled : .noMechanisms
            writer.append(refusal.line(personality))
            return
        }
        writer.append("+OK\r\n")
        eachMechanism(offer) { name in
            writer.append(name)
            writer.append("\r\n")
        }
        writer.append(".\r\n")
    }

    /// CAPA (RFC 2449, section 5): what holds in this state, on this channel. `loginDelay`: seconds between logons.
    public static func capabilities(_ offer: Offer, loginDelay: UInt64, into writer: inout ByteWriter) {
        writer.append(
            "+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n")
        writer.append("LOGIN-DELAY ")
        writer.append(decimal: loginDelay)
        writer.append("\r\nUTF8 USER\r\nLANG\r\n")
        if offer.contains(.stls) { writer.append("STLS\r\n") }
        if offer.contains(.user) { writer.append("USER\r\n") }
        if !offer.isDisjoint(with: .mechanisms) {
            writer.append("SASL")
            eachMechanism(offer) { name in
                writer.append(Bytes.space)
                writer.append(name)
            }
            writer.append("\r\n")
        }
        writer.append("IMPLEMENTATION Poplar\r\n.\r\n")
    }

    /// LANG without an argument (RFC 6856, section 3.2): a language tag and its description a line.
    public static func languages(into writer: inout ByteWriter) {
        writer.append("+OK Language listing follows\r\nen English\r\ni-default English, for clients that ask for none\r\n.\r\n")
    }

    /// A SASL challenge: `+ `, base64, CRLF; with nothing to say `+ ` alone (MS-OXPOP3 2.2.1, RFC 5034 section 4).
    public static func challenge(_ octets: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        writer.append("+ ")
        Base64.encode(octets, into: &writer)
        writer.append("\r\n")
    }

    /// The strongest first, so that a client that takes the first it knows takes the best.
    @inline(__always)
    private static func eachMechanism(_ offer: Offer, _ body: (StaticString) -> Void) {
        if offer.contains(.scramSHA256) { body("SCRAM-SHA-256") }
        if offer.contains(.cramMD5) { body("CRAM-MD5") }
        if offer.contains(.ntlm) { body("NTLM") }
        if offer.contains(.plain) { body("PLAIN") }
        if offer.contains(.login) { body("LOGIN") }
    }
}
