// The labels of every sample: what was done (Step), how the user proved who he is (AuthMethod), over which
// transport, and what went wrong (ErrorClass). Their raw names are those of summary.json (contracts, section 5).
// Invariant: raw values are dense from 0, so that a label is an index into a flat table.

/// A timed step of a session.
@frozen
public enum Step: UInt8, CaseIterable, Sendable {
    case connect, tlsFull, tlsResumed, greeting, capa, stls, auth, ntlmNegotiate, ntlmAuthenticate
    case stat, list, uidl, top, retr, dele, quit, noop

    public static let count = 17

    /// The name in result files.
    public var rawName: StaticString {
        switch self {
        case .connect: "connect"
        case .tlsFull: "tls_full"
        case .tlsResumed: "tls_resumed"
        case .greeting: "greeting"
        case .capa: "capa"
        case .stls: "stls"
        case .auth: "auth"
        case .ntlmNegotiate: "ntlm_negotiate"
        case .ntlmAuthenticate: "ntlm_authenticate"
        case .stat: "stat"
        case .list: "list"
        case .uidl: "uidl"
        case .top: "top"
        case .retr: "retr"
        case .dele: "dele"
        case .quit: "quit"
        case .noop: "noop"
        }
    }
}

/// A way to log on. `basic` is USER and PASS; `membership` is NTLM against the membership directory.
@frozen
public enum AuthMethod: UInt8, CaseIterable, Sendable {
    case basic, plain, login, apop, cramMD5, scramSHA256, ntlm, membership

    public static let count = 8

    /// The name in result files.
    public var rawName: StaticString {
        switch self {
        case .basic: "basic"
        case .plain: "plain"
        case .login: "login"
        case .apop: "apop"
        case .cramMD5: "cram_md5"
        case .scramSHA256: "scram_sha_256"
        case .ntlm: "ntlm"
        case .membership: "membership"
        }
    }
}

/// How the octets travel: in clear, upgraded by STLS, or in TLS from the first octet.
@frozen
public enum Transport: UInt8, CaseIterable, Sendable {
    case pop3, stls, pop3s

    public static let count = 3

    /// The name in result files.
    public var rawName: StaticString {
        switch self {
        case .pop3: "pop3"
        case .stls: "stls"
        case .pop3s: "pop3s"
        }
    }
}

/// Why a session, or an attempt within it, failed. A failed session has exactly one class.
@frozen
public enum ErrorClass: UInt8, CaseIterable, Sendable {
    case resolve, refused, connectTimeout, tls, greeting, auth, wrongAdmit, protocolViolation, content, inUse
    case earlyClose, reset, timeout, ownPorts, ownDescriptors, ownUsersExhausted

    public static let count = 16

    /// The name in result files.
    public var rawName: StaticString {
        switch self {
        case .resolve: "resolve"
        case .refused: "refused"
        case .connectTimeout: "connect_timeout"
        case .tls: "tls"
        case .greeting: "greeting"
        case .auth: "auth"
        case .wrongAdmit: "wrong_admit"
        case .protocolViolation: "protocol"
        case .content: "content"
        case .inUse: "in_use"
        case .earlyClose: "early_close"
        case .reset: "reset"
        case .timeout: "timeout"
        case .ownPorts: "own_ports"
        case .ownDescriptors: "own_descriptors"
        case .ownUsersExhausted: "own_users_exhausted"
        }
    }

    /// Whether the generator itself was at its limit: such a run says nothing about the server.
    public var isOwn: Bool { self == .ownPorts || self == .ownDescriptors || self == .ownUsersExhausted }
}

extension Step { public var name: String { String(describing: rawName) } }
extension AuthMethod { public var name: String { String(describing: rawName) } }
extension Transport { public var name: String { String(describing: rawName) } }
extension ErrorClass { public var name: String { String(describing: rawName) } }

/// A cell of the step matrix (16 x 8 x 3), as a flat index.
public struct StepLabel: Hashable, Sendable {
    public let step: Step
    public let auth: AuthMethod
    public let transport: Transport

    public static let count = Step.count * AuthMethod.count * Transport.count

    public init(step: Step, auth: AuthMethod, transport: Transport) {
        self.step = step
        self.auth = auth
        self.transport = transport
    }

    /// The label of a flat index; nil when out of range.
    public init?(index: Int) {
        guard index >= 0, index < Self.count,
            let step = Step(rawValue: UInt8(index / (AuthMethod.count * Transport.count))),
            let auth = AuthMethod(rawValue: UInt8(index / Transport.count % AuthMethod.count)),
            let transport = Transport(rawValue: UInt8(index % Transport.count))
        else { return nil }
        self.init(step: step, auth: auth, transport: transport)
    }

    @usableFromInline
    var index: Int {
        (Int(step.rawValue) &* AuthMethod.count &+ Int(auth.rawValue)) &* Transport.count &+ Int(transport.rawValue)
    }

    /// The tag in steps.hlog: `step.auth.transport`.
    public var tag: String { "\(step.rawName).\(auth.rawName).\(transport.rawName)" }
}

/// A row of the session table (8 x 3), as a flat index: the first method planned, and the transport.
public struct SessionLabel: Hashable, Sendable {
    public let auth: AuthMethod
    public let transport: Transport

    public static let count = AuthMethod.count * Transport.count

    public init(auth: AuthMethod, transport: Transport) {
        self.auth = auth
        self.transport = transport
    }

    /// The label of a flat index; nil when out of range.
    public init?(index: Int) {
        guard index >= 0, index < Self.count,
            let auth = AuthMethod(rawValue: UInt8(index / Transport.count)),
            let transport = Transport(rawValue: UInt8(index % Transport.count))
        else { return nil }
        self.init(auth: auth, transport: transport)
    }

    @usableFromInline
    var index: Int { Int(auth.rawValue) &* Transport.count &+ Int(transport.rawValue) }
}
