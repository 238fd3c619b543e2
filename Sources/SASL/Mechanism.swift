// The mechanisms by name (RFC 4422 section 3.1; names are compared without regard to case), the steps that an exchange
// answers with, and its bounds. Responses and challenges are raw octets here: base64, "=" and "*" are the protocol's affair.

public import Digest
public import NTLM
import PoplarCore

public enum Mechanism: UInt8, Sendable, CaseIterable {
    case plain
    case login
    case ntlm
    case cramMD5
    case scramSHA256

    public var name: StaticString {
        switch self {
        case .plain: "PLAIN"
        case .login: "LOGIN"
        case .ntlm: "NTLM"
        case .cramMD5: "CRAM-MD5"
        case .scramSHA256: "SCRAM-SHA-256"
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
        } else if Bytes.equals(name, "CRAM-MD5") {
            self = .cramMD5
        } else if Bytes.equals(name, "SCRAM-SHA-256") {
            self = .scramSHA256
        } else {
            return nil
        }
    }
}

/// Bounds on what the other side may say, in octets unless stated.
public enum Limits {
    public static let name = 512
    public static let password = 512
    /// A SCRAM nonce of a client; a server's, which begins with it, may be twice as long.
    public static let nonce = 128
    /// A SCRAM salt that the client takes.
    public static let salt = 64
    /// SCRAM iterations that the client makes: some 30 ms of one core.
    public static let iterations: UInt32 = 100_000
}

/// What a password mechanism claims: offsets into the memory lent to the exchange.
public struct PasswordClaim: Sendable, Equatable {
    /// Whom to act for; empty for the user itself.
    public var authorization: Range<Int>
    public var user: Range<Int>
    public var password: Range<Int>
}

/// What CRAM-MD5 claims: offsets into the memory lent to the exchange.
public struct DigestClaim: Sendable, Equatable {
    /// The challenge as it was sent.
    public var challenge: Range<Int>
    public var user: Range<Int>
    /// HMAC-MD5 of the challenge under the password, if the client knows it.
    public var digest: Digest16
}

/// What a server does next.
public enum ServerStep: Sendable, Equatable {
    /// A challenge was appended to the writer (it may be empty): send it, and step again with the answer.
    case challenge
    /// The exchange is over: compare this password.
    case verifyPassword(PasswordClaim)
    /// The exchange is over: look the user up (offsets into the response), then call `verifyNTLM` with the same response.
    case verifyNTLM(domain: Range<Int>, user: Range<Int>, isUnicode: Bool)
    /// The exchange is over: compare this digest.
    case verifyCRAMMD5(DigestClaim)
    /// Look the user up (offsets into the memory lent), then call `challengeSCRAM`, for an unknown user too.
    case lookUpSCRAM(user: Range<Int>)
    /// The exchange is over and the password was right: log this user on (offsets into the memory lent).
    case acceptedSCRAM(user: Range<Int>)
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
    /// SCRAM: a wrong password, or an unknown user.
    case wrongProof
    /// SCRAM: the client wants to act for somebody else.
    case authorization
    /// SCRAM: the client wants to bind to the channel, which was not offered.
    case channelBinding
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
    /// A NUL in a name or password, which PLAIN cannot carry; a control character in a name for the others.
    case badName
    /// Not the form of the mechanism's challenge, or not an answer to what was sent.
    case malformed
    /// SCRAM: fewer iterations than are safe, or more than `Limits.iterations`.
    case iterations
    /// SCRAM: the server says that it failed.
    case serverRefused
    /// SCRAM: the server does not hold the verifier of this password.
    case serverSignature
    case ntlm(MessageFault)
}

/// Names without control characters: what enters a log or a directory look-up.
func isCleanName(_ name: Span<UInt8>) -> Bool {
    for index in 0..<name.count where name[index] < 0x20 || name[index] == 0x7F { return false }
    return true
}
