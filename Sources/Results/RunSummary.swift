// summary.json, schema_version 1: the figures of one run (contracts, section 5; JSON Schema in docs/summary.schema.json).
// Invariant: sessions, errors, latency_us, steps, methods and fallbacks cover the measured phases; every throughput is a
// count divided by `duration_s`; latencies are microseconds, exact to the nanosecond but for percentiles, which are
// exact to the histogram's digits (three; two in `steps`).

public struct RunSummary: Codable, Sendable, Equatable {
    public static let currentSchema = 1

    public var schemaVersion = RunSummary.currentSchema
    public var verdict: Verdict
    public var reasons: [String]
    public var profile: ProfileName
    /// Below 2^53, so that every JSON reader keeps it exactly.
    public var seed: UInt64
    public var model: Model
    /// Measured seconds, the divisor of every throughput.
    public var durationS: Double
    public var sessions: Sessions
    public var allPhases: Sessions
    /// Refusals that the profile asked for; they are among `sessions.succeeded`.
    public var expectedRefusals: UInt64
    /// Failed sessions by class; classes without one are left out. The sum is `sessions.failed`.
    public var errors: [String: UInt64]
    public var throughput: Throughput
    public var latencyUs: Latencies
    public var steps: [StepRow]
    /// Sessions by the first method planned and the transport (in addition to the contract's fields).
    public var methods: [MethodRow]
    public var fallbacks: [FallbackRow]
    public var slo: [SLORow]
    public var validity: [ValidityRow]
    /// What does not spoil the run but should be known; left out without any (in addition to the contract's fields).
    public var warnings: [String]?

    public enum Model: String, Codable, Sendable { case open, closed }

    public struct ProfileName: Codable, Sendable, Equatable {
        public var name: String
        /// Of the profile's text, hexadecimal.
        public var sha256: String

        public init(name: String, sha256: String) {
            self.name = name
            self.sha256 = sha256
        }
    }

    /// planned = succeeded + failed + cancelled + in_flight, exactly.
    public struct Sessions: Codable, Sendable, Equatable {
        public var planned: UInt64
        public var succeeded: UInt64
        public var failed: UInt64
        public var cancelled: UInt64
        public var inFlight: UInt64

        enum CodingKeys: String, CodingKey {
            case planned, succeeded, failed, cancelled
            case inFlight = "in_flight"
        }
    }

    public struct Throughput: Codable, Sendable, Equatable {
        public var sessionsPerS: Double
        public var messagesPerS: Double
        public var bytesPerS: Double
        @Nullable public var offeredSessionsPerS: Double?

        enum CodingKeys: String, CodingKey {
            case sessionsPerS = "sessions_per_s"
            case messagesPerS = "messages_per_s"
            case bytesPerS = "bytes_per_s"
            case offeredSessionsPerS = "offered_sessions_per_s"
        }
    }

    public struct Latencies: Codable, Sendable, Equatable {
        @Nullable public var sessionCorrected: Figures?
        public var sessionService: Figures
        public var sessionFailed: Figures
        @Nullable public var startLag: Figures?

        enum CodingKeys: String, CodingKey {
            case sessionCorrected = "session_corrected"
            case sessionService = "session_service"
            case sessionFailed = "session_failed"
            case startLag = "start_lag"
        }
    }

    /// Microseconds. A percentile with fewer than ten samples above it is null; all but the count are null when empty.
    public struct Figures: Codable, Sendable, Equatable {
        public var count: UInt64
        @Nullable public var min: Double?
        @Nullable public var mean: Double?
        @Nullable public var p50: Double?
        @Nullable public var p90: Double?
        @Nullable public var p99: Double?
        @Nullable public var p999: Double?
        @Nullable public var max: Double?
        /// 95 % intervals by order statistics, lower and upper; left out where they reach beyond the sample (additional).
        public var p50Interval: [Double]?
        public var p99Interval: [Double]?
        public var p999Interval: [Double]?

        enum CodingKeys: String, CodingKey {
            case count, min, mean, p50, p90, p99, max
            case p999 = "p99_9"
            case p50Interval = "p50_interval"
            case p99Interval = "p99_interval"
            case p999Interval = "p99_9_interval"
        }
    }

    public struct StepRow: Codable, Sendable, Equatable {
        public var step: String
        public var auth: String
        public var transport: String
        /// Steps that ended well: those that the figures are about.
        public var count: UInt64
        /// Steps that failed, in attempts saved by a fallback too.
        public var errors: UInt64
        @Nullable public var min: Double?
        @Nullable public var mean: Double?
        @Nullable public var p50: Double?
        @Nullable public var p90: Double?
        @Nullable public var p99: Double?
        @Nullable public var p999: Double?
        @Nullable public var max: Double?
        /// As in `Figures` (additional).
        public var p50Interval: [Double]?
        public var p99Interval: [Double]?
        public var p999Interval: [Double]?
        /// Of the steps that failed after they had begun; left out without any (additional).
        public var failed: Figures?

        enum CodingKeys: String, CodingKey {
            case step, auth, transport, count, errors, min, mean, p50, p90, p99, max, failed
            case p999 = "p99_9"
            case p50Interval = "p50_interval"
            case p99Interval = "p99_interval"
            case p999Interval = "p99_9_interval"
        }
    }

    /// The latency is the corrected one in the open model, the service one in the closed model.
    public struct MethodRow: Codable, Sendable, Equatable {
        public var auth: String
        public var transport: String
        public var sessions: UInt64
        public var succeeded: UInt64
        public var failed: UInt64
        public var fallbacks: UInt64
        @Nullable public var min: Double?
        @Nullable public var mean: Double?
        @Nullable public var p50: Double?
        @Nullable public var p90: Double?
        @Nullable public var p99: Double?
        @Nullable public var p999: Double?
        @Nullable public var max: Double?
        /// As in `Figures` (additional).
        public var p50Interval: [Double]?
        public var p99Interval: [Double]?
        public var p999Interval: [Double]?

        enum CodingKeys: String, CodingKey {
            case auth, transport, sessions, succeeded, failed, fallbacks, min, mean, p50, p90, p99, max
            case p999 = "p99_9"
            case p50Interval = "p50_interval"
            case p99Interval = "p99_interval"
            case p999Interval = "p99_9_interval"
        }
    }

    public struct FallbackRow: Codable, Sendable, Equatable {
        public var from: String
        public var to: String
        public var count: UInt64
        public var lostUsMean: Double

        enum CodingKeys: String, CodingKey {
            case from, to, count
            case lostUsMean = "lost_us_mean"
        }
    }

    /// One limit held against the run. `limit` and `observed` are in `unit`: share (0...1), per_s or us.
    public struct SLORow: Codable, Sendable, Equatable {
        public var metric: String
        public var comparison: String
        public var limit: Double
        public var unit: String
        @Nullable public var observed: Double?
        public var verdict: SLOVerdict

        public init(
            metric: String, comparison: String, limit: Double, unit: String, observed: Double?, verdict: SLOVerdict
        ) {
            self.metric = metric
            self.comparison = comparison
            self.limit = limit
            self.unit = unit
            self.observed = observed
            self.verdict = verdict
        }
    }

    public enum SLOVerdict: String, Codable, Sendable { case pass, fail, inconclusive }

    /// Whether the run can be trusted in one respect. A check without a value (too few samples) holds.
    public struct ValidityRow: Codable, Sendable, Equatable {
        public var check: String
        @Nullable public var value: Double?
        public var limit: Double
        public var ok: Bool

        public init(check: String, value: Double?, limit: Double, ok: Bool) {
            self.check = check
            self.value = value
            self.limit = limit
            self.ok = ok
        }
    }

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case verdict, reasons, profile, seed, model
        case durationS = "duration_s"
        case sessions
        case allPhases = "all_phases"
        case expectedRefusals = "expected_refusals"
        case errors, throughput
        case latencyUs = "latency_us"
        case steps, methods, fallbacks, slo, validity, warnings
    }
}
