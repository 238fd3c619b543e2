// Client personas: a row of a table each, with the order in which the client tries methods, on which identity, over which
// transport. A new persona is a new row. Sources: the Authentication page's client notes (internet-mail-3, Outlook Express,
// the five methods) and what such clients are known to send before they log on.

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

/// A kind of client.
public enum Persona: UInt8, Sendable, CaseIterable {
    /// Internet Mail and News 3.0: NTLM as the NT user, then Basic with the POP3 account on the same connection.
    case internetMail3
    /// Outlook Express: NTLM inside TLS on 995; no fallback.
    case outlookExpressSSL
    /// USER and PASS in the clear.
    case basic
    /// USER and PASS inside TLS on 995.
    case basicSSL
    /// NTLM against the membership instance.
    case membership

    /// The persona's row.
    public var traits: Traits { Self.table[Int(rawValue)] }
    public var name: String { traits.name }

    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// One method that a persona tries.
    public struct Attempt: Sendable {
        public let method: AuthMethod
        public let identity: Identity
    }

    public struct Traits: Sendable {
        public let name: String
        /// Methods in the order tried on one connection; the next one follows a refusal.
        public let attempts: [Attempt]
        /// Transports that the persona can use; the first is its default.
        public let transports: [Transport]
        public let probe: CapabilityProbe
        /// One line for the reference.
        public let summary: String

        /// Whether the first method can fail and a second one save the session.
        public var fallsBack: Bool { attempts.count > 1 }
        public var usesNTLM: Bool { attempts.contains { $0.method == .ntlm || $0.method == .membership } }
    }

    private static let table: [Traits] = [
        Traits(
            name: "internet-mail-3",
            attempts: [Attempt(method: .ntlm, identity: .ntUser), Attempt(method: .basic, identity: .account)],
            transports: [.pop3], probe: .bareAuth,
            summary: "NTLM first, as the logged-on NT user; when that fails, USER/PASS with the configured POP3 account, which opens another mailbox, on the same connection"),
        Traits(
            name: "outlook-express-ssl", attempts: [Attempt(method: .ntlm, identity: .ntUser)],
            transports: [.pop3s], probe: .bareAuth, summary: "NTLM inside TLS on 995; a refusal ends the session"),
        Traits(
            name: "basic", attempts: [Attempt(method: .basic, identity: .account)],
            transports: [.pop3], probe: .none, summary: "USER/PASS in the clear"),
        Traits(
            name: "basic-ssl", attempts: [Attempt(method: .basic, identity: .account)],
            transports: [.pop3s], probe: .none, summary: "USER/PASS inside TLS on 995"),
        Traits(
            name: "membership", attempts: [Attempt(method: .membership, identity: .member)],
            transports: [.pop3, .pop3s], probe: .none, summary: "NTLM against the membership instance, in the clear or on 995"),
    ]
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

/// Version of TLS that a client asks for.
public enum TLSVersion: UInt8, Sendable, CaseIterable {
    case tls12
    case tls13

    public var name: String {
        switch self {
        case .tls12: "tls1.2"
        case .tls13: "tls1.3"
        }
    }
}
