// What a worker tells of: the kinds of events, and the record of one. A record is plain memory of a fixed size, so that
// telling costs the worker one copy; words and numbers become text on the thread that writes the log.
// Invariant: a record holds nothing that a client sent but the name of an account. No password, challenge, response or
// base64 line ever enters one.

import NTLM
import Reactor

/// How much is told: a level includes those before it.
public enum LogLevel: UInt8, Sendable, CaseIterable {
    case error
    case warn
    case info
    case debug
}

enum EventKind: UInt8, CaseIterable {
    /// A connection was taken in.
    case connectionOpen
    /// It is over: the reason, commands, octets sent.
    case connectionClosed
    case logonGranted
    case logonRefused
    /// The credentials were right and the maildrop belongs to another session.
    case maildropInUse
    /// The last bad command that a connection is allowed.
    case protocolError
    /// A line past its limit: the limit.
    case lineTooLong
    /// Octets stood behind STLS before the handshake (RFC 2595, section 4).
    case stlsBuffered
    case tlsFailed
    /// A deadline passed: its phase.
    case timeout
    case refusedFull
    case refusedSource
    /// The oldest connection without a logon made room for a new one.
    case droppedOldest
    /// Descriptors or memory were short at accept: the errno.
    case acceptExhausted

    @inline(__always)
    var level: LogLevel {
        switch self {
        case .connectionOpen, .connectionClosed: .debug
        case .logonGranted, .logonRefused, .maildropInUse, .lineTooLong, .tlsFailed, .timeout: .info
        case .protocolError, .stlsBuffered, .refusedFull, .refusedSource, .droppedOldest, .acceptExhausted: .warn
        }
    }

    /// Whether a flood of them says no more than a few and a count. Logons are told one by one: they are the audit trail,
    /// and so are the connections of level debug.
    var isCoalesced: Bool {
        switch self {
        case .connectionOpen, .connectionClosed, .logonGranted, .logonRefused, .maildropInUse: false
        case .protocolError, .lineTooLong, .stlsBuffered, .tlsFailed, .timeout, .refusedFull, .refusedSource, .droppedOldest,
            .acceptExhausted:
            true
        }
    }
}

/// Why: how a logon came out, how a connection ended, or which of its deadlines passed.
enum EventReason {
    case none
    case outcome(LogonOutcome)
    /// An NTLM answer that was not accepted.
    case verdict(Verdict)
    case ending(Ending)
    case phase(Phase)
}

/// Which connection an event is about: its token, and where its client comes from. Kept with the connection.
struct EventOrigin {
    /// 0: none.
    var connection: UInt64 = 0
    var peer: SocketAddress?
}

struct EventRecord {
    static let nameOctets = 64

    /// CLOCK_MONOTONIC of the worker's turn; the log's thread knows what time of day that was.
    var timeNs: UInt64 = 0
    var origin = EventOrigin()
    /// Two numbers, by kind: commands and octets, a limit, an errno.
    var first: UInt64 = 0
    var second: UInt64 = 0
    var kind: EventKind
    var method: LogonMethod?
    var reason = EventReason.none
    /// The account's name as it was sent: octets in `name`, UTF-16LE where `isUTF16`.
    var isUTF16 = false
    private(set) var nameCount: UInt8 = 0
    private(set) var name = InlineArray<64, UInt8>(repeating: 0)

    init(_ kind: EventKind) { self.kind = kind }

    /// Keeps the first 64 octets of a name.
    mutating func keep(_ octets: Span<UInt8>) {
        let count = min(octets.count, Self.nameOctets)
        for index in 0..<count { name[index] = octets[index] }
        nameCount = UInt8(truncatingIfNeeded: count)
    }
}
