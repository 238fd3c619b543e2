// What tells one kind of client from another: the order in which it tries methods, on which identity, over which transport,
// what it asks first, what it does when it is refused, and its known habits. The rows are in PersonaTable.swift; a new
// persona is a new row there and no code. Invariant: everything here compiles into a SessionScript, so that no session
// looks a row up.

public import Telemetry

/// Which of a user's identities a logon presents.
public enum Identity: UInt8, Sendable, CaseIterable {
    /// The configured POP3 account: columns account, password.
    case account
    /// The logged-on NT user: columns nt_domain, nt_user, nt_password.
    case ntUser
    /// The member of the membership instance: columns membership_user, membership_password.
    case member
}

/// What a client asks before it logs on.
public enum CapabilityProbe: UInt8, Sendable {
    case none
    /// AUTH without a mechanism; the list ends with a dot.
    case bareAuth
    /// CAPA (RFC 2449).
    case capa
}

/// When a client tries a method, given what the server has listed.
public enum OfferRule: UInt8, Sendable {
    /// Whatever the list says.
    case always
    /// Only when it is listed: as a mechanism, by USER, or for APOP by a timestamp in the greeting.
    case listed
    /// When it is listed, and also when nothing that is listed could be tried.
    case listedOrOnly
}

/// What a client does when a logon is refused. A challenge that it cannot read is another matter: every client leaves the
/// exchange with `*` and goes on with its next method.
public enum RefusalRule: UInt8, Sendable {
    /// The next method, on the same connection.
    case nextMethod
    /// The next method, on a new connection.
    case newConnection
    /// Nothing: the refusal ends the session.
    case giveUp
}

/// What some clients do and others do not.
@frozen
public struct Habits: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Asks again once the channel is encrypted by STLS (RFC 2595, section 4): what was said in the clear may be forged.
    public static let asksAgainInsideTLS = Habits(rawValue: 1)
    /// Asks again once it is logged on.
    public static let asksAgainAfterLogon = Habits(rawValue: 2)
    /// Sends its first message with AUTH (RFC 5034, section 4), where the mechanism lets the client speak first.
    public static let sendsInitialResponse = Habits(rawValue: 4)
    /// Offers OEM names alone in its type 1, no Unicode.
    public static let speaksOEM = Habits(rawValue: 8)
    /// Tries AUTH DPA first where it is listed, and leaves it with `*`.
    public static let triesDPA = Habits(rawValue: 16)
    /// Takes any line that holds the letters OK for the success of its type 3.
    public static let takesAnyOK = Habits(rawValue: 32)
    /// Does not read the reply to `*`, so that the next command takes it for its own.
    public static let leavesCancelUnread = Habits(rawValue: 64)
    /// A refused CAPA makes it connect anew, ask nothing and send USER and PASS.
    public static let repollsWithPassword = Habits(rawValue: 128)
    /// A server that closes the connection after a refusal is connected to again, with the next method.
    public static let reconnectsWhenClosed = Habits(rawValue: 256)
}

/// A kind of client: a row of the table.
public struct Persona: Sendable, Hashable {
    /// The row's number.
    public let rawValue: UInt8

    /// The persona's row.
    public var traits: Traits { Self.table[Int(rawValue)] }
    public var name: String { traits.name }

    public static var allCases: [Persona] { table.indices.map { Persona(row: UInt8($0)) } }

    init(row: UInt8) { rawValue = row }

    public init?(name: String) {
        guard let row = Self.table.firstIndex(where: { $0.name == name }) else { return nil }
        self.init(row: UInt8(row))
    }

    /// One method that a persona tries.
    public struct Attempt: Sendable {
        public let method: AuthMethod
        public let identity: Identity
        public let rule: OfferRule

        init(_ method: AuthMethod, _ identity: Identity = .account, _ rule: OfferRule = .always) {
            self.method = method
            self.identity = identity
            self.rule = rule
        }
    }

    public struct Traits: Sendable {
        public let name: String
        /// Methods in the order tried; up to `LogonChain.capacity`.
        public let attempts: [Attempt]
        /// Transports that the persona can use; the first is its default.
        public let transports: [Transport]
        public var probe = CapabilityProbe.none
        public var afterRefusal = RefusalRule.nextMethod
        public var habits: Habits = []
        /// The one version of NTLM that the client speaks; nil takes the profile's.
        public var ntlmVersion: NTLMVersion?
        /// One line for the reference.
        public let summary: String

        /// Whether a refused method can be followed by another one that saves the session.
        public var fallsBack: Bool { attempts.count > 1 && afterRefusal != .giveUp }
        public var usesNTLM: Bool { attempts.contains { $0.method.isNTLM } }
    }
}

extension AuthMethod {
    /// NTLM against the NT domains or against the membership instance.
    public var isNTLM: Bool { self == .ntlm || self == .membership }
}

/// Version of the NTLM response that a client sends (MS-NLMP 3.3).
public enum NTLMVersion: UInt8, Sendable, CaseIterable {
    case v1
    case ntlm2Session
    case v2
    /// NTLMv2 with a message integrity code over the three messages.
    case v2MIC
    /// NTLMv2 with MIC, bound to the TLS channel (tls-server-end-point).
    case v2ChannelBinding

    public var name: String {
        switch self {
        case .v1: "v1"
        case .ntlm2Session: "ntlm2-session"
        case .v2: "v2"
        case .v2MIC: "v2-mic"
        case .v2ChannelBinding: "v2-channel-binding"
        }
    }
}

/// Versions of TLS that a client offers.
public enum TLSVersion: UInt8, Sendable, CaseIterable {
    case tls12
    case tls13
    /// Both, as real clients do: the server chooses.
    case either

    /// What a profile may ask for; without a word it is `either`.
    static let named: [TLSVersion] = [.tls12, .tls13]

    public var name: String {
        switch self {
        case .tls12: "tls1.2"
        case .tls13: "tls1.3"
        case .either: "tls1.2 or tls1.3"
        }
    }

    /// For the hash of a plan. A session that offers both does what one that offered 1.3 alone did, where the server
    /// has 1.3; so plans from before it could stay comparable.
    var planWord: UInt8 { self == .either ? Self.tls13.rawValue : rawValue }
}
