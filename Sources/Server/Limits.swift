// Every bound of the server in one place: name, unit, default. `poplar serve --show-limits` prints it and
// `--limit NAME=VALUE` sets any of them; a value out of its range is refused at start.

public struct Limits: Sendable, Equatable {
    /// Connections open at once, over all workers; 0: as many as descriptors allow, less a reserve of 256.
    public var connections = 0
    /// Octets of a command line with its line end. RFC 2449 asks for 255; more is tolerated for long names.
    public var commandLineBytes = 512
    /// Octets of a line inside an AUTH exchange with its line end.
    public var saslLineBytes = 12_288
    /// Bad commands before the logon, then the connection is closed.
    public var badCommandsBeforeLogon = 3
    /// Bad commands after it.
    public var badCommandsAfterLogon = 20
    /// Refused, malformed and cancelled logons on one connection, then it is closed. Fallback clients need two for one user.
    public var logonFailures = 10
    /// Connections of one source that have not logged on, over all workers; 0: no cap. A source is an IPv4 address or an
    /// IPv6 /48. The quick form starts without.
    public var connectionsPerSource = 10
    /// Milliseconds by which the answer to a wrong password is held back, twice as long for each further one of the same
    /// connection; 0: none. The quick form starts without.
    public var failureDelayMs = 2_000
    /// Where that doubling ends.
    public var failureDelayMaximumMs = 15_000
    /// Seconds that must lie between two logons to one maildrop (RFC 2449, LOGIN-DELAY); 0: none.
    public var loginDelayS = 0
    /// Milliseconds from accept to a finished TLS handshake.
    public var handshakeMs = 30_000
    /// Milliseconds from accept to a successful logon.
    public var logonMs = 180_000
    /// Milliseconds without a command after the logon (RFC 1939, section 3: at least ten minutes).
    public var idleMs = 600_000
    /// Milliseconds over which a reader's progress is judged while output waits.
    public var stallMs = 120_000
    /// Octets a second that a reader must take on average over that time.
    public var readerBytesPerS = 512
    /// Octets of output that a socket takes while its client takes none; 0: as many as the kernel likes. Of a message that
    /// is larger, the rest waits in the population, where it lies anyway.
    public var unsentBytes = 1_310_720
    /// Milliseconds that open sessions may take to end after SIGTERM.
    public var drainMs = 5_000
    /// Events taken in one turn of a worker's loop.
    public var eventsPerTurn = 512
    /// Connections accepted in one turn of a worker's loop.
    public var acceptsPerTurn = 64
    /// Milliseconds that accepting rests when descriptors have run out, unless one becomes free before.
    public var acceptPauseMs = 100
    /// Chunks of commands of one connection that are answered in one turn, then it goes to the back of the ready queue: a
    /// chunk may hold two thousand, and the others wait meanwhile (KB230285).
    public var chunksPerTurn = 2
    /// Units of work that one connection gets done in one turn, whatever it asked for: a simple command and a row of a
    /// listing are one each, a logon some tens (`WorkBudget`). Then it goes to the back of the ready queue.
    public var workPerTurn = 4_096
    /// Octets of output that one connection in the clear hands to its socket in one call. The kernel would take them
    /// without an end while the client reads as fast, and the others of the worker would wait.
    public var sendBytes = 524_288
    /// Sends of one connection in a row, and reads of what is thrown away.
    public var transfersPerTurn = 16
    /// Milliseconds for which a client that goes on sending after its session's end is listened to.
    public var lingerMs = 1_000

    public init() {}

    /// The defaults of the quick form, which is made for measuring from one machine (contracts.md 2).
    public static var quickForm: Limits {
        var limits = Limits()
        limits.connectionsPerSource = 0
        limits.failureDelayMs = 0
        return limits
    }

    /// One limit: how it is called, what it counts, what it may be.
    public struct Field: Sendable {
        public let name: String
        public let unit: String
        public let range: ClosedRange<Int>
        public let explanation: String
        let path: @Sendable () -> WritableKeyPath<Limits, Int>
    }

    /// All of them, in the order in which they are shown.
    public static let fields: [Field] = [
        Field(
            name: "connections", unit: "connections", range: 0...10_000_000,
            explanation: "open at once over all workers; 0 is what descriptors allow"
        ) { \.connections },
        Field(
            name: "command-line-bytes", unit: "octets", range: 255...4096,
            explanation: "longest command line with its line end"
        ) { \.commandLineBytes },
        Field(
            name: "sasl-line-bytes", unit: "octets", range: 1024...12_288,
            explanation: "longest line inside an AUTH exchange with its line end"
        ) { \.saslLineBytes },
        Field(
            name: "bad-commands-before-logon", unit: "commands", range: 1...60_000,
            explanation: "not understood before the logon, then the connection is closed"
        ) { \.badCommandsBeforeLogon },
        Field(
            name: "bad-commands-after-logon", unit: "commands", range: 1...60_000,
            explanation: "the same after the logon"
        ) { \.badCommandsAfterLogon },
        Field(
            name: "logon-failures", unit: "logons", range: 1...60_000,
            explanation: "refused on one connection, then it is closed"
        ) { \.logonFailures },
        Field(
            name: "connections-per-source", unit: "connections", range: 0...1_000_000,
            explanation: "of one source that have not logged on; 0 is no cap"
        ) { \.connectionsPerSource },
        Field(
            name: "failure-delay-ms", unit: "ms", range: 0...60_000,
            explanation: "before a wrong password is answered, doubled for each further one; 0 is none"
        ) { \.failureDelayMs },
        Field(
            name: "failure-delay-maximum-ms", unit: "ms", range: 0...120_000,
            explanation: "where that doubling ends"
        ) { \.failureDelayMaximumMs },
        Field(
            name: "login-delay-s", unit: "s", range: 0...86_400,
            explanation: "between two logons to one maildrop; 0 is none"
        ) { \.loginDelayS },
        Field(
            name: "handshake-ms", unit: "ms", range: 10...3_600_000,
            explanation: "from accept to a finished TLS handshake"
        ) { \.handshakeMs },
        Field(
            name: "logon-ms", unit: "ms", range: 10...3_600_000,
            explanation: "from accept to a successful logon"
        ) { \.logonMs },
        Field(
            name: "idle-ms", unit: "ms", range: 10...86_400_000,
            explanation: "without a command after the logon"
        ) { \.idleMs },
        Field(
            name: "stall-ms", unit: "ms", range: 10...3_600_000,
            explanation: "over which a reader's progress is judged while output waits"
        ) { \.stallMs },
        Field(
            name: "reader-bytes-per-s", unit: "octets/s", range: 0...1_000_000_000,
            explanation: "that a reader must take on average over stall-ms; 0 asks for any progress"
        ) { \.readerBytesPerS },
        Field(
            name: "unsent-bytes", unit: "octets", range: 0...1_073_741_824,
            explanation: "of output that a socket takes ahead of its client; 0 is as many as the kernel likes"
        ) { \.unsentBytes },
        Field(
            name: "drain-ms", unit: "ms", range: 0...3_600_000,
            explanation: "for open sessions to end after SIGTERM"
        ) { \.drainMs },
        Field(
            name: "events-per-turn", unit: "events", range: 1...65_536,
            explanation: "taken in one turn of a worker's loop"
        ) { \.eventsPerTurn },
        Field(
            name: "accepts-per-turn", unit: "connections", range: 1...4096,
            explanation: "accepted in one turn of a worker's loop"
        ) { \.acceptsPerTurn },
        Field(
            name: "accept-pause-ms", unit: "ms", range: 1...60_000,
            explanation: "that accepting rests when descriptors have run out, unless one becomes free before"
        ) { \.acceptPauseMs },
        Field(
            name: "chunks-per-turn", unit: "chunks", range: 1...1024,
            explanation: "of one connection's commands answered in one turn of a worker's loop"
        ) { \.chunksPerTurn },
        Field(
            name: "work-per-turn", unit: "units", range: 64...1_000_000,
            explanation: "of work for one connection in a turn; a command or a row is 1, a logon some tens"
        ) { \.workPerTurn },
        Field(
            name: "send-bytes", unit: "octets", range: 4096...1_073_741_824,
            explanation: "of output handed to a socket in one call; then the others have their turns"
        ) { \.sendBytes },
        Field(
            name: "transfers-per-turn", unit: "calls", range: 1...1024,
            explanation: "sends of one connection in a row, and reads of what is thrown away"
        ) { \.transfersPerTurn },
        Field(
            name: "linger-ms", unit: "ms", range: 1...60_000,
            explanation: "for which a client that sends on after its session's end is listened to"
        ) { \.lingerMs },
    ]

    public subscript(field: Field) -> Int {
        get { self[keyPath: field.path()] }
        set { self[keyPath: field.path()] = newValue }
    }

    /// Sets the limit that `assignment` (`NAME=VALUE`) names; the error says what is wrong and what would be right.
    public mutating func set(_ assignment: String) throws(LimitError) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw LimitError(description: "'\(assignment)' is not NAME=VALUE")
        }
        let name = String(assignment[..<equals])
        let text = String(assignment[assignment.index(after: equals)...])
        guard let field = Self.fields.first(where: { $0.name == name }) else {
            let names = Self.fields.map(\.name).joined(separator: ", ")
            throw LimitError(description: "'\(name)' is no limit; there are: \(names)")
        }
        guard let value = Int(text), field.range.contains(value) else {
            let range = "\(field.range.lowerBound) to \(field.range.upperBound)"
            throw LimitError(description: "\(name) is a whole number of \(field.unit) from \(range), not '\(text)'")
        }
        self[field] = value
    }
}

public struct LimitError: Error, CustomStringConvertible {
    public let description: String
}
