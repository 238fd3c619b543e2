// The server's half of a POP3 session (RFC 1939, section 3; RFC 2595; RFC 5034; RFC 6856), sans-IO: a line in, an action
// out. Checking credentials, the maildrop, the mechanisms and TLS are the caller's; it reports what came of a logon.
//
//   authorization --USER--> userGiven --PASS--> verifying --logonSucceeded--> transaction --QUIT--> ended
//        |  ^                  |                    |
//        |  +------------------+---- logonFailed ---+
//        +--AUTH--> exchange --(lines)--> ... --logonSucceeded / logonFailed / `*`
//
// After a refused logon everything of the attempt is forgotten and the connection stays usable (MS-POP3 3.1.5).

import PoplarCore

/// What the caller has to do with a line. Ranges are offsets into that line.
public enum ServerAction: Equatable, Sendable {
    case reply(ServerReply)
    /// Answer and close: the client does not speak POP3, or not honestly.
    case hangUp(ServerReply)
    case listCapabilities
    case listMechanisms
    case listLanguages
    /// Remember the name and answer `.userAccepted`.
    case rememberUser(Range<Int>)
    /// Check the remembered name with this password, then report.
    case logOn(password: Range<Int>)
    /// Check the digest over the greeting's timestamp, then report.
    case logOnAPOP(name: Range<Int>, digest: Range<Int>)
    /// Begin the exchange where the mechanism is known and offered, with the initial response if there is one.
    case beginExchange(mechanism: Range<Int>, initial: Range<Int>?)
    /// The client's next base64 line.
    case continueExchange(Range<Int>)
    /// The client left the exchange: forget it, answer `.exchangeCancelled`.
    case cancelExchange
    /// Answer `.beginTLS`, and from the next octet on speak TLS.
    case startTLS
    case stat
    case list(UInt32?)
    case uidl(UInt32?)
    case retrieve(UInt32)
    case top(UInt32, lines: UInt64)
    case delete(UInt32)
    case reset
    /// QUIT before the logon: answer and close, change nothing.
    case quit
    /// QUIT after it: remove what is marked, answer, close (the UPDATE state).
    case update
}

public struct ServerSession: Sendable {
    public enum State: UInt8, Sendable {
        case authorization
        /// USER was accepted and PASS is due.
        case userGiven
        /// Credentials are with the caller.
        case verifying
        /// An AUTH exchange waits for a line.
        case exchange
        case transaction
        case ended
    }

    public private(set) var state: State = .authorization
    /// UTF8 was accepted (RFC 6856, section 2.1).
    public private(set) var isUTF8 = false
    /// Commands that were not understood or not allowed where they came; the caller holds it against its limit.
    public private(set) var badCommands: UInt16 = 0

    public init() {}

    /// Whether the next line belongs to an exchange: it is base64 and may be as long as a SASL line.
    public var isInExchange: Bool { state == .exchange }

    /// Takes one line without its line end.
    public mutating func receive(_ line: Span<UInt8>, offer: Offer) -> ServerAction {
        if let index = Bytes.firstIndex(of: 0, or: Bytes.carriageReturn, in: line) { return forbidden(line[index]) }
        switch state {
        case .exchange:
            return exchangeLine(line)
        case .authorization, .userGiven:
            return authorizationCommand(ServerCommand.parse(line), line, offer: offer)
        case .transaction:
            return transactionCommand(ServerCommand.parse(line), line, offer: offer)
        case .verifying, .ended:
            return bad(.notNow)
        }
    }

    /// A line was longer than its limit and has been thrown away.
    public mutating func lineTooLong() -> ServerReply { spoilt(.lineTooLong) }

    /// A line ended in LF alone and has been thrown away.
    public mutating func bareLineFeed() -> ServerReply { spoilt(.bareLineFeed) }

    /// TLS has begun: nothing that was said in the clear holds any more (RFC 2595, section 4).
    public mutating func tlsStarted() { self = ServerSession() }

    /// The credentials were right and the maildrop is open.
    public mutating func logonSucceeded() { state = .transaction }

    /// The logon was refused, or its mechanism is not there: everything of the attempt is forgotten.
    public mutating func logonFailed() { state = .authorization }

    /// A challenge goes out and the exchange waits for the answer.
    public mutating func awaitResponse() { state = .exchange }

    private mutating func spoilt(_ reply: ServerReply) -> ServerReply {
        countBad()
        guard state == .exchange else { return reply }
        state = .authorization
        return .malformedExchange
    }

    /// A NUL is in no line of an honest client and ends the connection; a CR inside a line spoils that line.
    private mutating func forbidden(_ octet: UInt8) -> ServerAction {
        countBad()
        if octet == 0 {
            state = .ended
            return .hangUp(.forbiddenOctet)
        }
        guard state == .exchange else { return .reply(.bareReturn) }
        state = .authorization
        return .reply(.malformedExchange)
    }

    private mutating func exchangeLine(_ line: Span<UInt8>) -> ServerAction {
        if line.count == 1, line[0] == 42 {
            state = .authorization
            return .cancelExchange
        }
        state = .verifying
        return .continueExchange(0..<line.count)
    }

    private mutating func authorizationCommand(_ command: ServerCommand, _ line: Span<UInt8>, offer: Offer) -> ServerAction {
        switch command {
        case .user(let name):
            guard offer.contains(.user) else {
                state = .authorization
                return .reply(.basicDisabled)
            }
            state = .userGiven
            return .rememberUser(name)
        case .pass(let password):
            guard offer.contains(.user) else { return .reply(.basicDisabled) }
            guard state == .userGiven else { return bad(.userFirst) }
            state = .verifying
            return .logOn(password: password)
        case .apop(let name, let digest):
            state = .authorization
            guard offer.contains(.apop) else { return offer.contains(.extensions) ? .reply(.apopDisabled) : bad(.unknownCommand) }
            state = .verifying
            return .logOnAPOP(name: name, digest: digest)
        case .auth(let mechanism, let initial):
            state = .authorization
            guard let mechanism else { return .listMechanisms }
            state = .verifying
            return .beginExchange(mechanism: mechanism, initial: initial)
        case .stls:
            guard offer.contains(.extensions) else { return bad(.unknownCommand) }
            guard offer.contains(.stls) else { return bad(.tlsUnavailable) }
            guard !isUTF8 else { return bad(.tlsAfterUTF8) }
            return .startTLS
        case .utf8:
            guard offer.contains(.extensions) else { return bad(.unknownCommand) }
            isUTF8 = true
            return .reply(.utf8On)
        case .capa: return offer.contains(.extensions) ? .listCapabilities : bad(.unknownCommand)
        case .lang(let tag): return language(tag, line, offer: offer)
        case .quit:
            state = .ended
            return .quit
        case .badArguments: return bad(.badArguments)
        case .unknown: return unknown(line)
        case .stat, .list, .uidl, .retr, .top, .dele, .rset, .noop: return bad(.logOnFirst)
        }
    }

    private mutating func transactionCommand(_ command: ServerCommand, _ line: Span<UInt8>, offer: Offer) -> ServerAction {
        switch command {
        case .stat: return .stat
        case .list(let message): return .list(message)
        case .uidl(let message): return .uidl(message)
        case .retr(let message): return .retrieve(message)
        case .top(let message, let lines): return .top(message, lines: lines)
        case .dele(let message): return .delete(message)
        case .rset: return .reset
        case .noop: return .reply(.done)
        case .capa: return offer.contains(.extensions) ? .listCapabilities : bad(.unknownCommand)
        case .lang(let tag): return language(tag, line, offer: offer)
        case .quit:
            state = .ended
            return .update
        case .badArguments: return bad(.badArguments)
        case .unknown: return bad(.unknownCommand)
        case .stls, .utf8: return bad(offer.contains(.extensions) ? .notNow : .unknownCommand)
        case .user, .pass, .apop, .auth: return bad(.alreadyLoggedOn)
        }
    }

    /// English is all there is; `*` asks for whatever the server likes best (RFC 6856, section 3.2).
    private mutating func language(_ tag: Range<Int>?, _ line: Span<UInt8>, offer: Offer) -> ServerAction {
        guard offer.contains(.extensions) else { return bad(.unknownCommand) }
        guard let tag else { return .listLanguages }
        let name = line.extracting(tag)
        let isOurs = Bytes.equals(name, "EN") || Bytes.equals(name, "*") || Bytes.equals(name, "I-DEFAULT")
        return .reply(isOurs ? .languageEnglish : .languageUnknown)
    }

    /// A browser that was sent here by somebody's page is not talked to (ALPACA): its lines would be taken as commands.
    private mutating func unknown(_ line: Span<UInt8>) -> ServerAction {
        var end = 0
        while end < line.count, line[end] != Bytes.space { end &+= 1 }
        let verb = line.extracting(0..<end)
        guard end < line.count,
            Bytes.equals(verb, "GET") || Bytes.equals(verb, "POST") || Bytes.equals(verb, "PUT") || Bytes.equals(verb, "HEAD")
                || Bytes.equals(verb, "OPTIONS") || Bytes.equals(verb, "CONNECT")
        else { return bad(.unknownCommand) }
        countBad()
        state = .ended
        return .hangUp(.unknownCommand)
    }

    private mutating func bad(_ reply: ServerReply) -> ServerAction {
        countBad()
        return .reply(reply)
    }

    private mutating func countBad() { badCommands &+= badCommands < .max ? 1 : 0 }
}
