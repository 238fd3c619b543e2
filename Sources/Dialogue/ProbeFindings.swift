// What a probe found out, for people and for programs: what each channel offers, and what came of one logon by each method.
// Invariant: every text in here has been through the redactor.

public import TLS
public import Telemetry

/// Everything that one `poplar probe` found.
public struct ProbeFindings: Sendable, Encodable {
    public var target: String
    public var user: String?
    public var channels: [ProbeChannel] = []
    public var attempts: [ProbeAttempt] = []
    public var notes: [String] = []

    public init(target: String, user: String?) {
        self.target = target
        self.user = user
    }

    /// How the probe ends, in the spirit of the exit codes that all commands share.
    public enum Ending: Sendable, Equatable { case pass, unreachable, failed }

    public var ending: Ending {
        if channels.isEmpty || channels.contains(where: { $0.problem != nil && !$0.isOptional }) { return .unreachable }
        if user == nil { return .pass }
        let works = attempts.contains { $0.result == .ok }
        return works && !attempts.contains(where: isUnexpected) ? .pass : .failed
    }

    /// An error, or a refusal of what the channel offers where no variant of that method is let in.
    public func isUnexpected(_ attempt: ProbeAttempt) -> Bool {
        switch attempt.result {
        case .ok, .notOffered: false
        case .error: true
        case .refused:
            attempt.offered == .yes
                && !attempts.contains { $0.family == attempt.family && $0.channel == attempt.channel && $0.result == .ok }
        }
    }
}

/// One way to the server, and what it offers there.
public struct ProbeChannel: Sendable, Encodable {
    public var channel: String
    public var address: String
    /// STLS that the server does not offer is no problem of the target.
    public var isOptional = false
    public var greeting: String?
    /// A timestamp stands in the greeting, for APOP.
    public var hasTimestamp = false
    /// What bare AUTH lists; nil where it was refused.
    public var mechanisms: [String]?
    /// The server ends the connection at bare AUTH, so that the channel was asked once more without it.
    public var endsAtBareAuth = false
    /// What CAPA lists; nil where it was refused.
    public var capabilities: [String]?
    /// The TLS version, where the channel has TLS.
    public var tls: String?
    /// Why the certificate was not accepted, or that it was not looked at.
    public var certificate: String?
    /// Why the channel cannot be used, and what to try.
    public var problem: String?
    public var dialogue: [DialogueLine] = []

    enum CodingKeys: String, CodingKey {
        case channel, address, greeting, mechanisms, capabilities, tls, certificate, problem, dialogue
        case isOptional = "is_optional"
        case hasTimestamp = "has_timestamp"
        case endsAtBareAuth = "ends_at_bare_auth"
    }

    public init(_ transport: Transport, address: String) {
        channel = transport.name
        self.address = address
    }

    /// Names of mechanisms, in upper case, from either list.
    private var listed: [Substring] {
        let sasl = (capabilities ?? []).filter { $0.uppercased().hasPrefix("SASL ") }
        return ((mechanisms ?? []) + sasl).flatMap { $0.uppercased().split(separator: " ") }
    }

    /// Whether the channel offers `method`. Without any list nobody knows.
    public func offers(_ method: AuthMethod) -> ProbeAttempt.Offer {
        func isListed(_ name: String) -> ProbeAttempt.Offer {
            if listed.contains(where: { $0 == name }) { return .yes }
            return mechanisms == nil && capabilities == nil ? .unknown : .no
        }
        switch method {
        case .basic:
            guard let capabilities else { return .unknown }
            return capabilities.contains { $0.uppercased() == "USER" } ? .yes : .no
        case .plain: return isListed("PLAIN")
        case .login: return isListed("LOGIN")
        case .apop: return hasTimestamp && !wantsSTLSFirst ? .yes : .no
        case .cramMD5: return isListed("CRAM-MD5")
        case .scramSHA256: return isListed("SCRAM-SHA-256")
        case .ntlm: return isListed("NTLM")
        // The list says NTLM; for whom, it does not say.
        case .membership: return isListed("NTLM") == .no ? .no : .unknown
        }
    }

    /// The greeting of the server behind a proxy that lets nobody log on before STLS: it ends the connection at AUTH,
    /// and lists STLS and no way to log on.
    private var wantsSTLSFirst: Bool {
        guard endsAtBareAuth, offersSTLS else { return false }
        return !(capabilities ?? []).contains { $0.uppercased() == "USER" || $0.uppercased().hasPrefix("SASL") }
    }

    public var offersSTLS: Bool { (capabilities ?? []).contains { $0.uppercased() == "STLS" } }
}

/// One logon.
public struct ProbeAttempt: Sendable, Encodable {
    public enum Offer: String, Sendable, Encodable { case yes, no, unknown }

    public enum Result: String, Sendable, Encodable {
        case ok, refused, error
        case notOffered = "not_offered"
    }

    public struct StepTime: Sendable, Encodable {
        public var step: String
        public var us: Double

        public init(step: String, us: Double) {
            self.step = step
            self.us = us
        }
    }

    /// `basic`, `ntlm-v2`, ...
    public var method: String
    /// Variants of one method are a family.
    public var family: String
    public var channel: String
    /// Who logs on, as the server sees it.
    public var identity: String
    public var offered: Offer
    public var result: Result
    /// The class of the failure (summary.json's names), and the step in which it came.
    public var errorClass: String?
    public var failedStep: String?
    /// The server's words: its last refusal.
    public var words: String?
    /// What the connection said: an errno's text, or why TLS failed.
    public var detail: String?
    /// What is at the bottom of it, where TLS failed.
    public var tlsCause: TLSFailure.Cause?
    /// Why it failed, in one sentence with what to try.
    public var why: String?
    public var steps: [StepTime] = []
    public var messages: UInt64?
    public var octets: UInt64?
    public var dialogue: [DialogueLine] = []

    enum CodingKeys: String, CodingKey {
        case method, family, channel, identity, offered, result, words, detail, why, steps, messages, octets, dialogue
        case errorClass = "error_class"
        case failedStep = "failed_step"
        case tlsCause = "tls_cause"
    }

    public init(method: String, family: String, channel: String, identity: String, offered: Offer, result: Result) {
        self.method = method
        self.family = family
        self.channel = channel
        self.identity = identity
        self.offered = offered
        self.result = result
    }
}
