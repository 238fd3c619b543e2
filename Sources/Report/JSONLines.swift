// `poplar run --json-lines`: one JSON object a line, told apart by `type`: a `start`, a `second` for each complete second, an
// `end`. A second is told as it is known when it is complete; series.csv, written later, has the final word on each.

public import Results
public import Telemetry

public enum JSONLines {
    /// The first line.
    public struct Start: Encodable, Sendable {
        public var type = "start"
        public var schemaVersion = 1
        public var profile: RunSummary.ProfileName
        public var model: RunSummary.Model
        public var seed: UInt64
        public var durationS: Double
        public var targets: [String]
        public var startedAt: String

        public init(
            profile: RunSummary.ProfileName, model: RunSummary.Model, seed: UInt64, durationS: Double, targets: [String],
            startedAt: String
        ) {
            self.profile = profile
            self.model = model
            self.seed = seed
            self.durationS = durationS
            self.targets = targets
            self.startedAt = startedAt
        }

        enum CodingKeys: String, CodingKey {
            case type, profile, model, seed, targets
            case schemaVersion = "schema_version"
            case durationS = "duration_s"
            case startedAt = "started_at"
        }
    }

    /// The names are those of the columns of series.csv.
    public struct Second: Encodable, Sendable {
        public var type = "second"
        public var second: Int
        public var phase: String
        public var measured: Bool
        public var planned: UInt64
        public var started: UInt64
        public var succeeded: UInt64
        public var failed: UInt64
        public var cancelled: UInt64
        public var inFlight: UInt64
        @Nullable public var offeredPerS: Double?
        public var achievedPerS: Double
        public var samples: UInt64
        @Nullable public var p50Us: Double?
        @Nullable public var p99Us: Double?
        @Nullable public var maxUs: Double?
        @Nullable public var lagP99Us: Double?
        public var messages: UInt64
        public var bytes: UInt64
        /// Of this second; classes without one are left out.
        public var errors: [String: UInt64]
        public var generator: Generator

        public struct Generator: Encodable, Sendable {
            public var lamp: String
            public var text: String
        }

        public init(_ row: SeriesRow, model: LoadModel, phase: String, isMeasured: Bool, lamp: Lamp) {
            func micros(_ ns: UInt64?) -> Double? { ns.map { Double($0) / 1_000 } }
            let counts = row.row.counts
            second = row.second
            self.phase = phase
            measured = isMeasured
            planned = counts.planned
            started = counts.started
            succeeded = counts.succeeded
            failed = counts.failed
            cancelled = counts.cancelled
            inFlight = row.inFlight
            achievedPerS = row.achievedPerS
            samples = row.row.samples
            messages = counts.messages
            bytes = counts.payloadBytes
            var found: [String: UInt64] = [:]
            for kind in ErrorClass.allCases where counts.errors[kind] > 0 { found[kind.name] = counts.errors[kind] }
            errors = found
            generator = Generator(lamp: lamp.colour.rawValue, text: lamp.text)
            _offeredPerS = Nullable(wrappedValue: model == .open ? row.offeredPerS : nil)
            _p50Us = Nullable(wrappedValue: micros(row.row.p50Ns))
            _p99Us = Nullable(wrappedValue: micros(row.row.p99Ns))
            _maxUs = Nullable(wrappedValue: micros(row.row.maxNs))
            _lagP99Us = Nullable(wrappedValue: micros(row.row.lagP99Ns))
        }

        enum CodingKeys: String, CodingKey {
            case type, second, phase, measured, planned, started, succeeded, failed, cancelled, samples, messages, bytes, errors
            case generator
            case inFlight = "in_flight"
            case offeredPerS = "offered_per_s"
            case achievedPerS = "achieved_per_s"
            case p50Us = "p50_us"
            case p99Us = "p99_us"
            case maxUs = "max_us"
            case lagP99Us = "lag_p99_us"
        }
    }

    /// The last object. `run` is the folder; null when it could not be written.
    public struct End: Encodable, Sendable {
        public var type = "end"
        public var exitCode: Int32
        @Nullable public var run: String?
        public var summary: RunSummary

        public init(exitCode: Int32, run: String?, summary: RunSummary) {
            self.exitCode = exitCode
            _run = Nullable(wrappedValue: run)
            self.summary = summary
        }

        enum CodingKeys: String, CodingKey {
            case type, run, summary
            case exitCode = "exit_code"
        }
    }

    public static func line(_ value: some Encodable) throws(JSONText.Unfit) -> String { try JSONText.line(value) + "\n" }
}
