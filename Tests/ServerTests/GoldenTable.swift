// The golden dialogues as a table: a line that a client sends, and the octets that come back, by the state of the session
// and by personality. Literal texts: what is written here is what clients of 1998 and of today are answered.

/// The same answer in both personalities.
struct Answer: Sendable, Equatable {
    let modern: String
    let exchange: String

    init(_ modern: String, exchange: String? = nil) {
        self.modern = modern + "\r\n"
        self.exchange = (exchange ?? modern) + "\r\n"
    }
}

/// One line of a client's, and its answers. Where a state has none of its own, it answers as `authorization` does.
struct Golden: Sendable, CustomStringConvertible {
    let line: String
    let authorization: Answer
    let transaction: Answer
    var userGiven: Answer?
    var encrypted: Answer?
    var afterUTF8: Answer?
    /// Inside an exchange of NTLM.
    var exchange: Answer = Text.malformed

    init(
        _ line: String, _ authorization: Answer, _ transaction: Answer, userGiven: Answer? = nil, encrypted: Answer? = nil,
        afterUTF8: Answer? = nil, exchange: Answer = Text.malformed
    ) {
        self.line = line
        self.authorization = authorization
        self.transaction = transaction
        self.userGiven = userGiven
        self.encrypted = encrypted
        self.afterUTF8 = afterUTF8
        self.exchange = exchange
    }

    var description: String { line.debugDescription }
}

enum Text {
    private static let notValid = "-ERR Command not valid"
    static let unknown = Answer("-ERR Unknown command", exchange: notValid)
    static let arguments = Answer("-ERR Arguments are missing or not valid for this command", exchange: notValid)
    static let logOnFirst = Answer("-ERR Log on first", exchange: notValid)
    static let userFirst = Answer("-ERR USER must come before PASS", exchange: notValid)
    static let already = Answer("-ERR Already logged on", exchange: notValid)
    static let done = Answer("+OK")
    static let noMessage = Answer("-ERR No such message", exchange: "-ERR The requested item could not be found.")
    static let passwordDue = Answer("+OK Password required", exchange: "+OK")
    static let loggedOn = Answer("+OK User successfully logged on")
    static let refused = Answer(
        "-ERR [AUTH] Logon failure: unknown user name or bad password",
        exchange: "-ERR Logon failure: unknown user name or bad password.")
    static let malformed = Answer("-ERR The AUTH protocol exchange is malformed")
    static let noMechanism = Answer(
        "-ERR Authentication mechanism not supported",
        exchange: "-ERR The Authentication package has been disabled for this protocol.")
    /// A mechanism that the modern personality has and Exchange has not.
    static func mechanism(_ modern: String) -> Answer {
        Answer(modern, exchange: "-ERR The Authentication package has been disabled for this protocol.")
    }
    static let apopOff = Answer("-ERR APOP is disabled", exchange: notValid)
    static let goodbye = Answer(
        "+OK Poplar POP3 server signing off", exchange: "+OK Microsoft Exchange POP3 server version 5.5.2655.20 signing off")
    static let utf8On = Answer("+OK UTF-8 enabled", exchange: notValid)
    static let languages = Answer(
        "+OK Language listing follows\r\nen English\r\ni-default English, for clients that ask for none\r\n.",
        exchange: notValid)
    static let english = Answer("+OK en Replies are in English", exchange: notValid)
    static let noLanguage = Answer("-ERR Language not supported; LANG alone lists those that are", exchange: notValid)
    static let notNow = Answer("-ERR Command not valid in this state", exchange: notValid)
    static let beginTLS = Answer("+OK Begin TLS negotiation", exchange: notValid)
    static let tlsActive = Answer("-ERR TLS is active already", exchange: notValid)
    static let tlsLate = Answer("-ERR STLS must come before UTF8", exchange: notValid)
    static let noNUL = Answer("-ERR A line must not hold a NUL")
    static let noReturn = Answer("-ERR A line must not hold a CR but at its end")

    static func capabilities(stls: Bool) -> Answer {
        Answer(
            "+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
                + "LOGIN-DELAY 0\r\nUTF8 USER\r\nLANG\r\n" + (stls ? "STLS\r\n" : "")
                + "USER\r\nSASL NTLM PLAIN LOGIN\r\nIMPLEMENTATION Poplar\r\n.",
            exchange: notValid)
    }
    static let mechanisms = Answer("+OK\r\nNTLM\r\nPLAIN\r\nLOGIN\r\n.", exchange: "+OK\r\nNTLM\r\n.")
}

extension Golden {
    /// A mailbox of three messages of 64 octets each: a header of two lines and a body of one. Its octets as they are sent.
    static let header = "Subject: 1\r\n\r\n"

    static let lines: [Golden] = logons + transactions + extensions + oddities

    private static let long = String(repeating: "x", count: 506)

    private static let logons: [Golden] = [
        Golden("USER user00001", Text.passwordDue, Text.already),
        Golden("user user00001", Text.passwordDue, Text.already),
        Golden("USER nobody at all", Text.passwordDue, Text.already),
        Golden("USER " + long.dropLast(), Text.passwordDue, Text.already),
        Golden("USER", Text.arguments, Text.arguments),
        Golden("USER ", Text.arguments, Text.arguments),
        Golden("PASS secret", Text.userFirst, Text.already, userGiven: Text.loggedOn),
        Golden("pass secret", Text.userFirst, Text.already, userGiven: Text.loggedOn),
        Golden("PASS Secret", Text.userFirst, Text.already, userGiven: Text.refused),
        Golden("PASS secret ", Text.userFirst, Text.already, userGiven: Text.refused),
        Golden("PASS  secret", Text.userFirst, Text.already, userGiven: Text.refused),
        Golden("PASS", Text.userFirst, Text.already, userGiven: Text.refused),
        Golden("PASS " + long.dropLast(), Text.userFirst, Text.already, userGiven: Text.refused),
        Golden("APOP user00001 " + String(repeating: "0", count: 32), Text.apopOff, Text.already),
        Golden("APOP user00001", Text.arguments, Text.arguments),
        Golden("APOP", Text.arguments, Text.arguments),
        Golden("AUTH", Text.mechanisms, Text.already),
        Golden("AUTH ", Text.mechanisms, Text.already),
        Golden("AUTH NTLM", Answer("+ "), Text.already),
        Golden("auth ntlm", Answer("+ "), Text.already),
        Golden("AUTH NTLM =", Text.malformed, Text.already),
        Golden("AUTH NTLM AAAA", Text.malformed, Text.already),
        Golden("AUTH PLAIN", Text.mechanism("+ "), Text.already),
        Golden("AUTH PLAIN AHVzZXIwMDAwMQBzZWNyZXQ=", Text.mechanism("+OK User successfully logged on"), Text.already),
        Golden(
            "AUTH PLAIN AHVzZXIwMDAwMQBTZWNyZXQ=",
            Text.mechanism("-ERR [AUTH] Logon failure: unknown user name or bad password"), Text.already),
        Golden("AUTH PLAIN !", Text.mechanism("-ERR The AUTH protocol exchange is malformed"), Text.already),
        Golden("AUTH LOGIN", Text.mechanism("+ VXNlcm5hbWU6"), Text.already),
        Golden("AUTH LOGIN dXNlcjAwMDAx", Text.mechanism("+ UGFzc3dvcmQ6"), Text.already),
        Golden("AUTH LOGIN =", Text.mechanism("-ERR The AUTH protocol exchange is malformed"), Text.already),
        Golden("AUTH CRAM-MD5", Text.mechanism("-ERR This authentication mechanism is disabled"), Text.already),
        Golden("AUTH SCRAM-SHA-256", Text.mechanism("-ERR This authentication mechanism is disabled"), Text.already),
        Golden("AUTH KERBEROS_V4", Text.noMechanism, Text.already),
        Golden("AUTH DPA AAAA", Text.noMechanism, Text.already),
        Golden("AUTH PLAIN AAAA AAAA", Text.arguments, Text.arguments),
        Golden(
            "*", Text.unknown, Text.unknown,
            exchange: Answer(
                "-ERR The AUTH protocol exchange was canceled by the client",
                exchange: "-ERR The AUTH protocol exchange was canceled by the client.")),
        Golden("* ", Text.unknown, Text.unknown),
    ]

    private static let transactions: [Golden] = [
        Golden("STAT", Text.logOnFirst, Answer("+OK 3 192")),
        Golden("stat ", Text.logOnFirst, Answer("+OK 3 192")),
        Golden("STAT 1", Text.arguments, Text.arguments),
        Golden("LIST", Text.logOnFirst, Answer("+OK 3 messages (192 octets)\r\n1 64\r\n2 64\r\n3 64\r\n.")),
        Golden("LIST 3", Text.logOnFirst, Answer("+OK 3 64")),
        Golden("LIST 0", Text.logOnFirst, Text.noMessage),
        Golden("LIST 4", Text.logOnFirst, Text.noMessage),
        Golden("LIST x", Text.arguments, Text.arguments),
        Golden("LIST 1 2", Text.arguments, Text.arguments),
        Golden("UIDL 4", Text.logOnFirst, Text.noMessage),
        Golden("UIDL -1", Text.arguments, Text.arguments),
        Golden("RETR", Text.arguments, Text.arguments),
        Golden("RETR 0", Text.logOnFirst, Text.noMessage),
        Golden("RETR 4294967296", Text.logOnFirst, Text.noMessage),
        Golden("RETR 1x", Text.arguments, Text.arguments),
        Golden("TOP 1 0", Text.logOnFirst, Answer("+OK\r\n" + header + ".")),
        Golden("TOP 1", Text.arguments, Text.arguments),
        Golden("TOP 4 1", Text.logOnFirst, Text.noMessage),
        Golden("TOP 1 -1", Text.arguments, Text.arguments),
        Golden("TOP 1 1 1", Text.arguments, Text.arguments),
        Golden("DELE 1", Text.logOnFirst, Answer("+OK Message marked for deletion", exchange: "+OK")),
        Golden("DELE 4", Text.logOnFirst, Text.noMessage),
        Golden("DELE", Text.arguments, Text.arguments),
        Golden("RSET", Text.logOnFirst, Answer("+OK Maildrop as it was at logon", exchange: "+OK")),
        Golden("RSET 1", Text.arguments, Text.arguments),
        Golden("NOOP", Text.logOnFirst, Text.done),
        Golden("NOOP x", Text.arguments, Text.arguments),
        Golden("QUIT", Text.goodbye, Text.goodbye),
        Golden("quit ", Text.goodbye, Text.goodbye),
        Golden("QUIT now", Text.arguments, Text.arguments),
    ]

    private static let extensions: [Golden] = [
        Golden("CAPA", Text.capabilities(stls: true), Text.capabilities(stls: true), encrypted: Text.capabilities(stls: false)),
        Golden("CAPA x", Text.arguments, Text.arguments),
        Golden("STLS", Text.beginTLS, Text.notNow, encrypted: Text.tlsActive, afterUTF8: Text.tlsLate),
        Golden("STLS x", Text.arguments, Text.arguments),
        Golden("UTF8", Text.utf8On, Text.notNow),
        Golden("UTF8 USER", Text.arguments, Text.arguments),
        Golden("LANG", Text.languages, Text.languages),
        Golden("LANG en", Text.english, Text.english),
        Golden("LANG *", Text.english, Text.english),
        Golden("LANG tlh", Text.noLanguage, Text.noLanguage),
        Golden("LANG en de", Text.arguments, Text.arguments),
    ]

    private static let oddities: [Golden] = [
        Golden("", Text.unknown, Text.unknown),
        Golden(" ", Text.unknown, Text.unknown),
        Golden(" NOOP", Text.unknown, Text.unknown),
        Golden("XYZZY", Text.unknown, Text.unknown),
        Golden("US", Text.unknown, Text.unknown),
        Golden("STATS", Text.unknown, Text.unknown),
        Golden("TOPS 1 1", Text.unknown, Text.unknown),
        Golden("NOOP\t", Text.unknown, Text.unknown),
        Golden("\u{FF}", Text.unknown, Text.unknown),
        Golden("GET / HTTP/1.1", Text.unknown, Text.unknown),
        Golden("POST / HTTP/1.1", Text.unknown, Text.unknown),
        Golden("EHLO localhost", Text.unknown, Text.unknown),
        Golden("a NOOP", Text.unknown, Text.unknown),
        Golden("NOOP\0", Text.noNUL, Text.noNUL, exchange: Text.noNUL),
        Golden("NO\rOP", Text.noReturn, Text.noReturn),
        Golden("NOOP\r", Text.noReturn, Text.noReturn),
        Golden(
            long + "1234", Text.unknown, Text.unknown),
        Golden(
            long + "12345", Answer("-ERR Command line too long"), Answer("-ERR Command line too long")),
    ]
}
