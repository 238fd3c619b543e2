// A decoded, validated profile: what a run does, before a seed makes it a plan. Times are nanoseconds, shares are 0...1,
// rates are sessions a second. Invariant: a Profile only comes from ProfileLoader, so every value is in range and every
// cross-field rule holds; the overrides of the command line keep that so.

public import Telemetry

/// A load profile. See docs/profiles.md for each key.
public struct Profile: Sendable {
    public let name: String
    public let description: String
    /// The text as given, for the run folder; `file` is its name in messages.
    public let sourceText: String
    public let file: String
    public internal(set) var seed: UInt64
    public let model: Model
    public internal(set) var phases: [Phase]
    /// The compiled session scripts.
    public let scripts: ScriptTable
    public let clients: [Client]
    public let tls: TLSMix
    public let population: Population
    public let server: ServerSetup
    public let target: Target
    /// Where connections come from; empty leaves it to the kernel.
    public internal(set) var sources: SourceAddresses
    public let limits: RunLimits
    /// What is checked of the replies behind the logon.
    public let checks: ReplyChecks
    /// Whether a user may be logged on twice at once; otherwise such a session counts as own_users_exhausted.
    public let allowsOverlap: Bool
    /// Limits that decide the verdict. Without `slo:` in the file: errors <= 1 %.
    public let slo: [SLOLimit]
    /// Closed model: the profile means its throughput to be the server's maximum, so a generator at its own limit spoils it.
    public var claimsServerMaximum = false
    /// Names of the mailbox work, by `MailboxWork.index`.
    let workNames: [String]
    /// Users who look again and again; nil without such a pool.
    public let retryPool: RetryPool?
    /// The trace that the arrivals are to be taken from; `replaying` reads it.
    public let traceSource: TraceSource?
    /// The starts of a replayed trace.
    public internal(set) var trace: Trace?

    /// How sessions start.
    public enum Model: Sendable, Equatable {
        /// Sessions arrive at the phases' rates, whatever the server does.
        case open(ArrivalProcess)
        /// `users` sessions at once; a user begins the next one `thinkTime` after the last.
        case closed(users: Int, thinkTime: ThinkTime)

        public var isOpen: Bool {
            if case .open = self { true } else { false }
        }
    }

    public enum ArrivalProcess: UInt8, Sendable, CaseIterable {
        /// Exponential gaps; streams of several threads superpose exactly.
        case poisson
        /// Equal gaps, threads shifted against each other.
        case uniform
        /// Starts recorded elsewhere, with their users: see `Profile.trace`.
        case trace

        public var name: String {
            switch self {
            case .poisson: "poisson"
            case .uniform: "uniform"
            case .trace: "trace"
            }
        }
    }

    public struct ThinkTime: Sendable, Equatable {
        public let meanNs: UInt64
        /// Exponential when true, else always the mean.
        public let isExponential: Bool
    }

    /// A stretch of the run. In a closed profile the rates are 0 and mean nothing.
    public struct Phase: Sendable, Equatable {
        public let name: String
        public internal(set) var durationNs: UInt64
        /// Sessions a second at its start and its end; linear between them.
        public internal(set) var startRate: Double
        public internal(set) var endRate: Double
        public let isMeasured: Bool

        /// Sessions expected to start in it.
        public var expectedSessions: Double { (startRate + endRate) / 2 * Double(durationNs) / 1e9 }
    }

    /// A share of the clients that behave alike.
    public struct Client: Sendable {
        public let name: String
        public let persona: Persona
        /// Part of all sessions, 0...1.
        public let share: Double
        public let transports: [Weighted<Transport>]
        public let ntlmVersions: [Weighted<NTLMVersion>]
        /// Part of its sessions whose NTLM logon carries a wrong password and falls back.
        public let ntlmFailureShare: Double
        /// Part of its sessions whose every logon carries a wrong password: the refusal is expected.
        public let wrongPasswordShare: Double
        public let work: [Weighted<MailboxWork>]
        /// Whether its sessions are those of the retry pool's users.
        public let usesRetryPool: Bool
    }

    /// Users set apart for the clients that look again and again (SPECmail2001's retry pool).
    public struct RetryPool: Sendable, Equatable {
        /// Part of the users, 0...1.
        public let share: Double
        /// Shortest time between two planned starts of one of them.
        public let afterNs: UInt64
    }

    /// TLS of the transports that have it.
    public struct TLSMix: Sendable {
        /// Part of the TLS sessions that try to resume an earlier one of the same user.
        public let resumptionShare: Double
        public let versions: [Weighted<TLSVersion>]
    }

    /// What the embedded server holds (contracts: `--population`).
    public struct Population: Sendable, Equatable {
        public let users: Int
        public let messages: Int
        /// Size of a message as LIST reports it.
        public let messageBytes: Int
        public let deleted: DeletedRule
        /// Mailboxes and messages that differ: values with their parts; `messages` and `messageBytes` are then the largest.
        /// Empty: all alike.
        public var messageMix: [Weighted<Int>] = []
        public var byteMix: [Weighted<Int>] = []

        /// Octets of a message in the mean: a mix is met exactly, so a mailbox holds its messages times this.
        var meanBytes: Double {
            byteMix.isEmpty ? Double(messageBytes) : byteMix.reduce(0) { $0 + Double($1.value) * $1.share }
        }

        /// Octets of every message, where all are alike.
        public var uniformBytes: Int? { byteMix.count > 1 ? nil : messageBytes }

        public static func == (one: Population, other: Population) -> Bool { one.argument == other.argument }

        public enum DeletedRule: String, Sendable, CaseIterable {
            /// The next session finds the full mailbox again.
            case restore
            /// Deleted messages stay deleted.
            case gone
        }

        /// The option's text: `users=1000,messages=10,bytes=2048,deleted=restore`.
        public var argument: String {
            func text(_ mix: [Weighted<Int>], _ alone: Int) -> String {
                mix.count > 1 ? mix.map { "\($0.value):\($0.share)" }.joined(separator: "+") : String(alone)
            }
            return "users=\(users),messages=\(text(messageMix, messages)),bytes=\(text(byteMix, messageBytes)),"
                + "deleted=\(deleted.rawValue)"
        }
    }

    /// How the embedded server is started.
    public struct ServerSetup: Sendable, Equatable {
        /// LMCompatibilityLevel, 0...5.
        public let ntlmLevel: Int
        /// The page's switches that are on, in the order of the page.
        public let methods: [ServerMethod]
        /// Worker threads; nil lets the server choose.
        public let workers: Int?
    }

    /// The five switches of the Authentication page, and those of the methods that it does not know.
    public enum ServerMethod: String, Sendable, CaseIterable {
        case basic
        case basicSSL = "basic-ssl"
        case ntlm
        case ntlmSSL = "ntlm-ssl"
        case membership
        case apop
        case cramMD5 = "cram-md5"
        case scramSHA256 = "scram-sha-256"
    }

    /// Addresses of a server that already runs, `host:port`; nil starts the embedded one.
    public struct Target: Sendable, Equatable {
        public let pop3: String?
        public let pop3s: String?
        public var isEmpty: Bool { pop3 == nil && pop3s == nil }
    }

    /// Bounds of the generator.
    public struct RunLimits: Sendable, Equatable {
        /// Sessions open at once over all threads.
        public let inFlight: Int
        public let connectTimeoutNs: UInt64
        /// From a command to the end of its reply.
        public let stepTimeoutNs: UInt64
        /// From the real start of a session to its end.
        public let sessionTimeoutNs: UInt64
        /// How long open sessions may go on after the last phase.
        public internal(set) var drainTimeoutNs: UInt64
    }

    /// A value with its part of a whole; parts add up to 1.
    public struct Weighted<Value: Sendable>: Sendable {
        public let value: Value
        public let share: Double
    }
}

extension Profile {
    /// The phase that `ns` from the start lies in.
    public func phase(atNs ns: UInt64) -> Phase? {
        var edge: UInt64 = 0
        for phase in phases {
            edge &+= phase.durationNs
            if ns < edge { return phase }
        }
        return nil
    }

    /// Length of all phases.
    public var durationNs: UInt64 { phases.reduce(0) { $0 &+ $1.durationNs } }
    /// Length of the measured phases: the divisor of every throughput.
    public var measuredNs: UInt64 { phases.reduce(0) { $0 &+ ($1.isMeasured ? $1.durationNs : 0) } }
    /// Highest rate of any moment, sessions a second; 0 when closed.
    public var peakRate: Double { phases.reduce(0) { max($0, $1.startRate, $1.endRate) } }
    /// Mean rate of the measured phases; 0 when closed.
    public var measuredRate: Double {
        phases.reduce(0) { $0 + ($1.isMeasured ? $1.expectedSessions : 0) } / max(1e-9, Double(measuredNs) / 1e9)
    }
    /// Rows of the embedded server's user table: see `UserTable.embedded`.
    public var embeddedRows: Int { UserTable.embeddedRows(users: population.users) }

    public var usesTLS: Bool { scripts.rows.contains { $0.transport != .pop3 } }
    /// Whether a session starts in the clear: STLS goes to the same port.
    public var usesClearPort: Bool { scripts.rows.contains { $0.transport != .pop3s } }
    /// Whether a session is inside TLS from the first octet.
    public var usesTLSPort: Bool { scripts.rows.contains { $0.transport == .pop3s } }
}

/// A value of the command line that the profile cannot take: exit code 64.
public struct OverrideError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
}

extension Profile {
    /// The profile with `--rate`, `--duration` and `--seed` in force. Rate (sessions/s) and duration (seconds) replace those
    /// of the measured phases: stages keep their proportions, warm-up stays as it is.
    public func overriding(rate: Double? = nil, durationSeconds: Double? = nil, seed: UInt64? = nil) throws(OverrideError)
        -> Profile
    {
        var changed = self
        if let seed {
            guard seed < 1 << 53 else { throw OverrideError(description: "--seed must be an integer below 2^53") }
            changed.seed = seed
        }
        if traceSource != nil, rate != nil || durationSeconds != nil {
            throw OverrideError(
                description: "--rate and --duration do not fit the profile '\(name)': its starts are those of a trace")
        }
        if let rate {
            guard model.isOpen else {
                throw OverrideError(
                    description: "--rate does not fit the closed profile '\(name)': its load is set by users and think_time")
            }
            guard rate > 0, rate <= ProfileSchema.rateLimit else {
                throw OverrideError(description: "--rate must be above 0 and at most \(Int(ProfileSchema.rateLimit)) sessions/s")
            }
            let factor = rate / measuredRate
            for index in phases.indices where phases[index].isMeasured {
                for end in [\Phase.startRate, \.endRate] {
                    let scaled = phases[index][keyPath: end] * factor
                    // The factor is rounded: what it adds to the limit itself is not asked for.
                    guard scaled <= ProfileSchema.rateLimit * (1 + 1e-9) else {
                        throw OverrideError(
                            description: "--rate drives the stage '\(phases[index].name)' above "
                                + "\(Int(ProfileSchema.rateLimit)) sessions/s")
                    }
                    changed.phases[index][keyPath: end] = min(scaled, ProfileSchema.rateLimit)
                }
            }
        }
        if let durationSeconds { try changed.stretch(to: durationSeconds) }
        return changed
    }

    /// Scales the measured phases to `seconds` in all; rounding never loses a nanosecond of the sum.
    private mutating func stretch(to seconds: Double) throws(OverrideError) {
        guard seconds >= 0.001, seconds <= ProfileSchema.durationLimitSeconds else {
            throw OverrideError(description: "--duration must be between 1 ms and 30 days")
        }
        let total = Double(measuredNs)
        let wanted = (seconds * 1e9).rounded()
        var before = 0.0
        var edge = 0.0
        for index in phases.indices where phases[index].isMeasured {
            before += Double(phases[index].durationNs)
            let next = (before / total * wanted).rounded()
            phases[index].durationNs = UInt64(max(1, next - edge))
            edge = next
        }
    }
}
