// The mechanisms by name (RFC 4422 section 3.1; names are compared without regard to case), the steps that an exchange
// answers with, and its bounds. Responses and challenges are raw octets here: base64, "=" and "*" are the protocol's affair.

public import NTLM
import PoplarCore

public enum Mechanism: UInt8, Sendable, CaseIterable {
    case plain
    case login
    case ntlm

    public var name: StaticString {
        switch self {
        case .plain: "PLAIN"
        case .login: "LOGIN"
        case .ntlm: "NTLM"
        }
    }

    /// ASCII, in either case.
    public init?(name: Span<UInt8>) {
        if Bytes.equals(name, "PLAIN") {
            self = .plain
        } else if Bytes.equals(name, "LOGIN") {
            self = .login
        } else if Bytes.equals(name, "NTLM") {
            self = .ntlm
        } else {
            return nil
        }
    }
}

/// Bounds on what a client may say, in octets.
public enum Limits {
    public static let name = 512
    public static let password = 512
}

/// What a password mechanism claims: offsets into the memory lent to the exchange.
public struct PasswordClaim: Sendable, Equatable {
    /// Whom to act for; empty for the user itself.
    public var authorization: Range<Int>
    public var user: Range<Int>
    public var password: Range<Int>
}

/// What a server does next.
public enum ServerStep: Sendable, Equatable {
    /// A challenge was appended to the writer (it may be empty): send it, and step again with the answer.
    case challenge
    /// The exchange is over: compare this password.
    case verifyPassword(PasswordClaim)
    /// The exchange is over: look the user up (offsets into the response), then call `verifyNTLM` with the same response.
    case verifyNTLM(domain: Range<Int>, user: Range<Int>, isUnicode: Bool)
    case failed(ServerFailure)
}

/// Why an exchange failed before any password was looked at.
public enum ServerFailure: Sendable, Equatable {
    /// Not the form of the mechanism's message.
    case malformed
    /// A name or a password past `Limits`, or past the memory lent.
    case tooLong
    /// An empty name or password, or a control character in a name.
    case badName
    /// A step after the last one.
    case outOfSequence
    /// NTLM without a name.
    case anonymous
    case ntlm(MessageFault)
}

/// What a client does next.
public enum ClientStep: Sendable, Equatable {
    /// A response was appended to the writer: send it.
    case respond
    case failed(ClientFailure)
}

public enum ClientFailure: Sendable, Equatable {
    /// The server asks once more after the last response.
    case outOfSequence
    /// The response does not fit the writer.
    case noRoom
    /// A NUL in a name or password, which PLAIN cannot carry.
    case badName
    case ntlm(MessageFault)
}

/// Names without control characters: what enters a log or a directory look-up.
func isCleanName(_ name: Span<UInt8>) -> Bool {
    for index in 0..<name.count where name[index] < 0x20 || name[index] == 0x7F { return false }
    return true
}
