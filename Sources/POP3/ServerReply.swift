// The fixed replies, each with its text. Response codes are RFC 2449's and RFC 3206's.
// Invariants, asserted by a test: a reply is one line below 512 octets; no refusal holds the letters "OK" (fetchmail
// 6.4 takes any line with them for success), and only the in-use one speaks of a lock (it takes that for "busy").

public import PoplarCore

public enum ServerReply: UInt8, CaseIterable, Sendable {
    case greeting
    case done
    case userAccepted
    case loggedOn
    case goodbye
    case reset
    case deleted
    case unknownCommand
    case badArguments
    case notNow
    case userFirst
    case logOnFirst
    case alreadyLoggedOn
    case lineTooLong
    case basicDisabled
    case ntlmDisabled
    case mechanismUnknown
    case noMechanisms
    case exchangeCancelled
    case malformedExchange
    case logonFailure
    case mailboxUnavailable
    case ambiguousAlias
    case inUse
    case noSuchMessage
    case alreadyDeleted
    case tooManyBadCommands
    case tooManyConnections
    case temporaryFailure

    /// The whole line with its CRLF.
    public var line: StaticString {
        switch self {
        case .greeting: "+OK Poplar POP3 server ready\r\n"
        case .done: "+OK\r\n"
        case .userAccepted: "+OK Password required\r\n"
        case .loggedOn: "+OK User successfully logged on\r\n"
        case .goodbye: "+OK Poplar POP3 server signing off\r\n"
        case .reset: "+OK Maildrop as it was at logon\r\n"
        case .deleted: "+OK Message marked for deletion\r\n"
        case .unknownCommand: "-ERR Unknown command\r\n"
        case .badArguments: "-ERR Arguments are missing or not valid for this command\r\n"
        case .notNow: "-ERR Command not valid in this state\r\n"
        case .userFirst: "-ERR USER must come before PASS\r\n"
        case .logOnFirst: "-ERR Log on first\r\n"
        case .alreadyLoggedOn: "-ERR Already logged on\r\n"
        case .lineTooLong: "-ERR Command line too long\r\n"
        case .basicDisabled: "-ERR Clear text logon is disabled on this port\r\n"
        case .ntlmDisabled: "-ERR The NTLM authentication package is disabled on this port\r\n"
        case .mechanismUnknown: "-ERR Authentication mechanism not supported\r\n"
        case .noMechanisms: "-ERR No authentication mechanism is enabled on this port\r\n"
        case .exchangeCancelled: "-ERR The AUTH protocol exchange was canceled by the client\r\n"
        case .malformedExchange: "-ERR The AUTH protocol exchange is malformed\r\n"
        case .logonFailure: "-ERR [AUTH] Logon failure: unknown user name or bad password\r\n"
        case .mailboxUnavailable: "-ERR [SYS/PERM] The requested mailbox is not available on this server\r\n"
        case .ambiguousAlias: "-ERR [SYS/PERM] Ambiguous alias\r\n"
        case .inUse: "-ERR [IN-USE] The maildrop is locked by another session\r\n"
        case .noSuchMessage: "-ERR No such message\r\n"
        case .alreadyDeleted: "-ERR Message is already marked for deletion\r\n"
        case .tooManyBadCommands: "-ERR Too many bad commands\r\n"
        case .tooManyConnections: "-ERR [SYS/TEMP] Too many connections\r\n"
        case .temporaryFailure: "-ERR [SYS/TEMP] The server is short of resources\r\n"
        }
    }
}

/// Replies that are put together.
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

    /// Bare AUTH: one mechanism a line (MS-POP3 2.2.1), or the refusal when there is none.
    public static func mechanisms(_ offer: Offer, into writer: inout ByteWriter) {
        guard !offer.isDisjoint(with: [.plain, .login, .ntlm]) else {
            writer.append(ServerReply.noMechanisms.line)
            return
        }
        writer.append("+OK\r\n")
        if offer.contains(.ntlm) { writer.append("NTLM\r\n") }
        if offer.contains(.plain) { writer.append("PLAIN\r\n") }
        if offer.contains(.login) { writer.append("LOGIN\r\n") }
        writer.append(".\r\n")
    }

    /// CAPA (RFC 2449, section 5): what holds in this state, on this channel.
    public static func capabilities(_ offer: Offer, into writer: inout ByteWriter) {
        writer.append(
            "+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n")
        if offer.contains(.user) { writer.append("USER\r\n") }
        if !offer.isDisjoint(with: [.plain, .login, .ntlm]) {
            writer.append("SASL")
            if offer.contains(.ntlm) { writer.append(" NTLM") }
            if offer.contains(.plain) { writer.append(" PLAIN") }
            if offer.contains(.login) { writer.append(" LOGIN") }
            writer.append("\r\n")
        }
        writer.append("IMPLEMENTATION Poplar\r\n.\r\n")
    }

    /// A SASL challenge: `+ `, base64, CRLF; with nothing to say `+ ` alone (MS-OXPOP3 2.2.1, RFC 5034 section 4).
    public static func challenge(_ octets: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        writer.append("+ ")
        Base64.encode(octets, into: &writer)
        writer.append("\r\n")
    }
}
