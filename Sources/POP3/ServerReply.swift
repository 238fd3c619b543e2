// The fixed replies, each with its text in either personality. Response codes are RFC 2449's and RFC 3206's, and stand in
// modern texts alone: clients of Exchange's day read free text. Exchange's texts are from the articles that protocol.md 1.2
// names; where none is on record the text says the same thing as ours, without a code.
// Invariants, asserted by a test: a reply is one line below 512 octets; no refusal holds the letters "OK" (fetchmail
// 6.4 takes any line with them for success), and only those of a busy maildrop speak of a lock (it takes that for "busy").

public import PoplarCore

public enum ServerReply: UInt8, CaseIterable, Sendable {
    case greeting
    case done
    case userAccepted
    case loggedOn
    case goodbye
    case reset
    case deleted
    case beginTLS
    case utf8On
    case languageEnglish
    case unknownCommand
    case badArguments
    case notNow
    case userFirst
    case logOnFirst
    case alreadyLoggedOn
    case lineTooLong
    case bareLineFeed
    case bareReturn
    case forbiddenOctet
    case basicDisabled
    case apopDisabled
    case ntlmDisabled
    case mechanismDisabled
    case mechanismUnknown
    case noMechanisms
    case exchangeCancelled
    case malformedExchange
    case logonFailure
    case mailboxUnavailable
    case ambiguousAlias
    case inUse
    case loginDelay
    case tlsUnavailable
    case tlsAlready
    case tlsAfterUTF8
    case tlsPipelined
    case languageUnknown
    case noSuchMessage
    case alreadyDeleted
    case tooManyBadCommands
    case tooManyConnections
    case temporaryFailure

    /// The whole line with its CRLF.
    @inlinable
    public func line(_ personality: Personality) -> StaticString {
        switch personality {
        case .modern: modern
        case .exchange55: exchange55
        }
    }

    @usableFromInline
    var modern: StaticString {
        switch self {
        case .greeting: "+OK Poplar POP3 server ready\r\n"
        case .done: "+OK\r\n"
        case .userAccepted: "+OK Password required\r\n"
        case .loggedOn: "+OK User successfully logged on\r\n"
        case .goodbye: "+OK Poplar POP3 server signing off\r\n"
        case .reset: "+OK Maildrop as it was at logon\r\n"
        case .deleted: "+OK Message marked for deletion\r\n"
        case .beginTLS: "+OK Begin TLS negotiation\r\n"
        case .utf8On: "+OK UTF-8 enabled\r\n"
        case .languageEnglish: "+OK en Replies are in English\r\n"
        case .unknownCommand: "-ERR Unknown command\r\n"
        case .badArguments: "-ERR Arguments are missing or not valid for this command\r\n"
        case .notNow: "-ERR Command not valid in this state\r\n"
        case .userFirst: "-ERR USER must come before PASS\r\n"
        case .logOnFirst: "-ERR Log on first\r\n"
        case .alreadyLoggedOn: "-ERR Already logged on\r\n"
        case .lineTooLong: "-ERR Command line too long\r\n"
        case .bareLineFeed: "-ERR A line must end in CR LF, not in LF alone\r\n"
        case .bareReturn: "-ERR A line must not hold a CR but at its end\r\n"
        case .forbiddenOctet: "-ERR A line must not hold a NUL\r\n"
        case .basicDisabled: "-ERR Clear text logon is disabled on this port\r\n"
        case .apopDisabled: "-ERR APOP is disabled\r\n"
        case .ntlmDisabled: "-ERR The NTLM authentication package is disabled on this port\r\n"
        case .mechanismDisabled: "-ERR This authentication mechanism is disabled\r\n"
        case .mechanismUnknown: "-ERR Authentication mechanism not supported\r\n"
        case .noMechanisms: "-ERR No authentication mechanism is enabled on this port\r\n"
        case .exchangeCancelled: "-ERR The AUTH protocol exchange was canceled by the client\r\n"
        case .malformedExchange: "-ERR The AUTH protocol exchange is malformed\r\n"
        case .logonFailure: "-ERR [AUTH] Logon failure: unknown user name or bad password\r\n"
        case .mailboxUnavailable: "-ERR [SYS/PERM] The requested mailbox is not available on this server\r\n"
        case .ambiguousAlias: "-ERR [SYS/PERM] Ambiguous alias\r\n"
        case .inUse: "-ERR [IN-USE] The maildrop is locked by another session\r\n"
        case .loginDelay: "-ERR [LOGIN-DELAY] Too soon after the last logon to this maildrop; wait\r\n"
        case .tlsUnavailable: "-ERR TLS is not available on this port\r\n"
        case .tlsAlready: "-ERR TLS is active already\r\n"
        case .tlsAfterUTF8: "-ERR STLS must come before UTF8\r\n"
        case .tlsPipelined: "-ERR Nothing may follow STLS before the TLS negotiation\r\n"
        case .languageUnknown: "-ERR Language not supported; LANG alone lists those that are\r\n"
        case .noSuchMessage: "-ERR No such message\r\n"
        case .alreadyDeleted: "-ERR Message is already marked for deletion\r\n"
        case .tooManyBadCommands: "-ERR Too many bad commands\r\n"
        case .tooManyConnections: "-ERR [SYS/TEMP] Too many connections\r\n"
        case .temporaryFailure: "-ERR [SYS/TEMP] The server is short of resources\r\n"
        }
    }

    @usableFromInline
    var exchange55: StaticString {
        switch self {
        case .greeting: "+OK Microsoft Exchange POP3 server version 5.5.2655.20 ready\r\n"
        case .done, .userAccepted: "+OK\r\n"
        case .goodbye: "+OK Microsoft Exchange POP3 server version 5.5.2655.20 signing off\r\n"
        case .reset, .deleted: "+OK\r\n"
        case .unknownCommand, .badArguments, .notNow, .userFirst, .logOnFirst, .alreadyLoggedOn: "-ERR Command not valid\r\n"
        case .ntlmDisabled: "-ERR The NTLM Authentication package has been disabled for this protocol.\r\n"
        case .mechanismUnknown, .mechanismDisabled, .noMechanisms:
            "-ERR The Authentication package has been disabled for this protocol.\r\n"
        case .exchangeCancelled: "-ERR The AUTH protocol exchange was canceled by the client.\r\n"
        case .logonFailure: "-ERR Logon failure: unknown user name or bad password.\r\n"
        case .mailboxUnavailable: "-ERR The requested mailbox is not available on this server.\r\n"
        case .ambiguousAlias: "-ERR Ambiguous Alias\r\n"
        case .inUse: "-ERR The maildrop is locked by another session\r\n"
        case .loginDelay: "-ERR Too soon after the last logon to this maildrop; wait\r\n"
        case .noSuchMessage, .alreadyDeleted: "-ERR The requested item could not be found.\r\n"
        case .tooManyConnections: "-ERR Too many connections\r\n"
        case .temporaryFailure: "-ERR Unspecified error\r\n"
        case .loggedOn, .beginTLS, .utf8On, .languageEnglish, .lineTooLong, .bareLineFeed, .bareReturn, .forbiddenOctet,
            .basicDisabled, .apopDisabled, .malformedExchange, .tlsUnavailable, .tlsAlready, .tlsAfterUTF8, .tlsPipelined,
            .languageUnknown, .tooManyBadCommands:
            modern
        }
    }
}
