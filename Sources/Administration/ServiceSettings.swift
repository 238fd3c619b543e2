// What the server is told to be, by either form of `serve`: plain values, each with the default that the quick form has too.
// Limits stand here by name alone: what they are and may be is the server's business, which hands its table in.

/// One limit of the server, as its settings file needs to know it.
public struct LimitDescription: Sendable {
    public let name: String
    /// `ms` may be written as a duration, `octets` as a size.
    public let unit: String
    public let range: ClosedRange<Int>
    public let standard: Int
    public let explanation: String

    public init(name: String, unit: String, range: ClosedRange<Int>, standard: Int, explanation: String) {
        self.name = name
        self.unit = unit
        self.range = range
        self.standard = standard
        self.explanation = explanation
    }
}

public struct ServiceSettings: Sendable, Equatable {
    /// The answer to a bare `AUTH NTLM` (MS-OXPOP3 2.2.1: `+ `; MS-POP3 2.2.1: `+OK`).
    public enum NTLMReply: String, CaseIterable, Sendable {
        case plus
        case ok
    }

    /// The least important message that is still written.
    public enum LogLevel: String, CaseIterable, Sendable {
        case error
        case warn
        case info
        case debug
    }

    /// Mailboxes in memory (contracts.md 2).
    public struct Population: Sendable, Equatable {
        public enum DeletedRule: String, CaseIterable, Sendable {
            case restore
            case gone
        }

        public var users = 1000
        public var messages = 10
        /// Octets of a message, as LIST reports it.
        public var messageBytes = 2048
        /// Mailboxes and messages that differ, as values with their weights; empty: all alike. The quick form alone.
        public var messageMix: [Share] = []
        public var byteMix: [Share] = []
        public var deleted = DeletedRule.restore

        public init() {}

        public struct Share: Sendable, Equatable {
            public var value: Int
            public var weight: Double

            public init(value: Int, weight: Double) {
                self.value = value
                self.weight = weight
            }
        }
    }

    /// What the server calls itself in NTLM challenges (MS-NLMP 2.2.2.1). Empty names are left out.
    public struct Names: Sendable, Equatable {
        public var netBIOSDomain = "POPLAR"
        public var netBIOSComputer = "POPLAR"
        public var dnsDomain = ""
        public var dnsComputer = "localhost"

        public init() {}
    }

    public var compatibility = Compatibility.modern
    /// `HOST:PORT` of each listener.
    public var pop3: [String] = []
    public var pop3s: [String] = []
    /// Nil: those that the compatibility has switched on out of the box.
    public var methods: MethodSwitches?
    /// LMCompatibilityLevel, 0 to 5.
    public var ntlmLevel = 5
    public var ntlmReply = NTLMReply.plus
    public var names = Names()
    /// PEM files, both or neither; relative to the folder of the settings file.
    public var certificate: String?
    public var key: String?
    public var population = Population()
    /// Those that differ from the server's defaults were named here.
    public var limits: [String: Int] = [:]
    /// Nil: one for each CPU.
    public var workers: Int?
    /// `HOST:PORT` of the metrics; nil: none.
    public var metrics: String?
    public var logLevel = LogLevel.info
    /// Nil: standard error.
    public var logFile: String?

    public init() {}
}
