// The ways to log on that a probe tries, each as one session of the generator's own machine: what works here works in a run.
// Each carries the identity whose columns it needs; a row without them is not tried.

public import Telemetry
public import Workload

/// One method, in one variant, as one of a user's identities.
public struct ProbeTrial: Sendable {
    public let name: String
    public let method: AuthMethod
    public let identity: Identity
    public let ntlmVersion: NTLMVersion

    /// In the order tried.
    public static let all: [ProbeTrial] =
        [
            ProbeTrial(name: "basic", method: .basic, identity: .account, ntlmVersion: .v2),
            ProbeTrial(name: "plain", method: .plain, identity: .account, ntlmVersion: .v2),
            ProbeTrial(name: "login", method: .login, identity: .account, ntlmVersion: .v2),
            ProbeTrial(name: "apop", method: .apop, identity: .account, ntlmVersion: .v2),
            ProbeTrial(name: "cram-md5", method: .cramMD5, identity: .account, ntlmVersion: .v2),
            ProbeTrial(name: "scram-sha-256", method: .scramSHA256, identity: .account, ntlmVersion: .v2),
        ]
        + NTLMVersion.allCases.map { version in
            ProbeTrial(name: name(of: .ntlm, version), method: .ntlm, identity: .ntUser, ntlmVersion: version)
        } + [ProbeTrial(name: "membership", method: .membership, identity: .member, ntlmVersion: .v2)]

    /// A method as people call it, in its variant.
    static func name(of method: AuthMethod, _ version: NTLMVersion) -> String {
        switch method {
        case .ntlm: version == .ntlm2Session ? "ntlm2-session" : "ntlm-\(version.name)"
        case .cramMD5: "cram-md5"
        case .scramSHA256: "scram-sha-256"
        case .basic, .plain, .login, .apop, .membership: method.name
        }
    }

    /// `ntlm` stands for all its variants; nil when there is no such method.
    public static func named(_ name: String) -> [ProbeTrial]? {
        let found = all.filter { $0.name == name || (name == "ntlm" && $0.method == .ntlm) }
        return found.isEmpty ? nil : found
    }

    /// Channel bindings need a channel with a certificate.
    public func fits(_ transport: Transport) -> Bool { ntlmVersion != .v2ChannelBinding || transport != .pop3 }
}
