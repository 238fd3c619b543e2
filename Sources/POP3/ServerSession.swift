// The server's half of a POP3 session (RFC 1939, section 3; RFC 5034), sans-IO: a line in, an action out. Checking
// credentials, the maildrop and the mechanisms are the caller's; the caller reports what came of a logon.
//
//   authorization --USER--> userGiven --PASS--> verifying --logonSucceeded--> transaction --QUIT--> ended
//        |  ^                  |                    |
//        |  +------------------+---- logonFailed ---+
//        +--AUTH--> exchange --(lines)--> ... --logonSucceeded / logonFailed / `*`
//
// After a refused logon everything of the attempt is forgotten and the connection stays usable (MS-POP3 3.1.5).

import PoplarCore

/// What the policy lets this channel do. Replies to CAPA and bare AUTH list just this, and nothing else is let through.
public struct Offer: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// USER and PASS.
    public static let user = Offer(rawValue: 1)
    public static let plain = Offer(rawValue: 2)
    public static let login = Offer(rawValue: 4)
    public static let ntlm = Offer(rawValue: 8)
    /// Basic: the three ways to send a password as it is.
    public static let basic: Offer = [.user, .plain, .login]
}

/// What the caller has to do with a line. Ranges are offsets into that line.
public enum ServerAction: Equatable, Sendable {
    case reply(ServerReply)
    case listCapabilities
    case listMechanisms
    /// Remember the name and answer `.userAccepted`.
    case rememberUser(Range<Int>)
    /// Check the remembered name with this password, then report.
    case logOn(password: Range<Int>)
    /// Begin the exchange where the mechanism is known and offered, with the initial response if there is one.
    case beginExchange(mechanism: Range<Int>, initial: Range<Int>?)
    /// The client's next base64 line.
    case continueExchange(Range<Int>)
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
    /// Commands that were not understood or not allowed where they came; the caller holds it against its limit.
    public private(set) var badCommands: UInt16 = 0

    public init() {}

    /// Whether the next line belongs to an exchange: it is base64 and may be as long as a SASL line.
    public var isInExchange: Bool { state == .exchange }

    /// Takes one line without its line end.
    public mutating func receive(_ line: Span<UInt8>, offer: Offer) -> ServerAction {
        switch state {
        case .exchange:
            return exchangeLine(line)
        case .authorization, .userGiven:
            return authorizationCommand(ServerCommand.parse(line), offer: offer)
        case .transaction:
            return transactionCommand(ServerCommand.parse(line))
        case .verifying, .ended:
            return bad(.notNow)
        }
    }

    /// A line was longer than its limit and has been thrown away.
    public mutating func lineTooLong() -> ServerReply {
        badCommands &+= badCommands < .max ? 1 : 0
        if state == .exchange {
            state = .authorization
            return .malformedExchange
        }
        return .lineTooLong
    }

    /// The credentials were right and the maildrop is open.
    public mutating func logonSucceeded() { state = .transaction }

    /// The logon was refused, or its mechanism is not there: everything of the attempt is forgotten.
    public mutating func logonFailed() { state = .authorization }

    /// A challenge goes out and the exchange waits for the answer.
    public mutating func awaitResponse() { state = .exchange }

    private mutating func exchangeLine(_ line: Span<UInt8>) -> ServerAction {
        if line.count == 1, line[0] == 42 {
            state = .authorization
            return .reply(.exchangeCancelled)
        }
        state = .verifying
        return .continueExchange(0..<line.count)
    }

    private mutating func authorizationCommand(_ command: ServerCommand, offer: Offer) -> ServerAction {
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
        case .auth(let mechanism, let initial):
            state = .authorization
            guard let mechanism else { return .listMechanisms }
            state = .verifying
            return .beginExchange(mechanism: mechanism, initial: initial)
        case .capa:
            return .listCapabilities
        case .noop:
            // Not of this state by RFC 1939; clients that keep a connection alive send it all the same.
            return .reply(.done)
        case .quit:
            state = .ended
            return .quit
        case .badArguments:
            return bad(.badArguments)
        case .unknown:
            return bad(.unknownCommand)
        case .stat, .list, .uidl, .retr, .top, .dele, .rset:
            return bad(.logOnFirst)
        }
    }

    private mutating func transactionCommand(_ command: ServerCommand) -> ServerAction {
        switch command {
        case .stat: return .stat
        case .list(let message): return .list(message)
        case .uidl(let message): return .uidl(message)
        case .retr(let message): return .retrieve(message)
        case .top(let message, let lines): return .top(message, lines: lines)
        case .dele(let message): return .delete(message)
        case .rset: return .reset
        case .noop: return .reply(.done)
        case .capa: return .listCapabilities
        case .quit:
            state = .ended
            return .update
        case .badArguments: return bad(.badArguments)
        case .unknown: return bad(.unknownCommand)
        case .user, .pass, .auth: return bad(.alreadyLoggedOn)
        }
    }

    private mutating func bad(_ reply: ServerReply) -> ServerAction {
        badCommands &+= badCommands < .max ? 1 : 0
        return .reply(reply)
    }
}
