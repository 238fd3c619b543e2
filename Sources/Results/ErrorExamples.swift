// errors.jsonl: the first failures of each class, as examples for a person to read. Bounded, and free of secrets: the
// caller gives replies of the server and local causes, never credentials or what the client sent.

public import Telemetry

public struct ErrorExample: Codable, Sendable, Equatable {
    /// Class, as in summary.json.
    public var error: String
    public var step: String
    public var auth: String
    public var transport: String
    /// Since the start of the run, seconds.
    public var atS: Double
    /// What was seen, e.g. the server's reply; printable, at most 200 characters.
    public var detail: String

    public init(_ kind: ErrorClass, step: Step, auth: AuthMethod, transport: Transport, atNs: UInt64, detail: String) {
        error = kind.name
        self.step = step.name
        self.auth = auth.name
        self.transport = transport.name
        atS = Double(atNs / 1_000_000) / 1_000
        let safe = detail.unicodeScalars.prefix(200).map { $0.isASCII && $0.value >= 32 && $0.value < 127 ? Character($0) : "?" }
        self.detail = String(safe)
    }

    enum CodingKeys: String, CodingKey {
        case error, step, auth, transport, detail
        case atS = "at_s"
    }
}

public struct ErrorExamples: Sendable {
    /// Kept per class.
    public let limit: Int
    public private(set) var examples: [ErrorExample] = []

    public init(limit: Int = 5) { self.limit = limit }

    /// Keeps `example` unless its class has enough of them.
    public mutating func add(_ example: ErrorExample) {
        if examples.reduce(0, { $0 + ($1.error == example.error ? 1 : 0) }) < limit { examples.append(example) }
    }

    /// One JSON object a line.
    public var text: String {
        get throws(JSONText.Unfit) {
            var text = ""
            for example in examples { text += try JSONText.line(example) + "\n" }
            return text
        }
    }
}
