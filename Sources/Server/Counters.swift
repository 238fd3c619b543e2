// What a worker counts. Plain numbers: only their worker writes them, and it prints them itself when asked, so that
// nothing on the path of a command is shared.

struct Counters {
    var accepted: UInt64 = 0
    /// No seat was left, and nobody could make room.
    var refusedFull: UInt64 = 0
    /// The source had its share.
    var refusedSource: UInt64 = 0
    /// Connections without a logon that made room for newer ones.
    var displaced: UInt64 = 0
    var acceptExhausted: UInt64 = 0
    var sessions: UInt64 = 0
    var commands: UInt64 = 0
    var badCommands: UInt64 = 0
    var retrieved: UInt64 = 0
    var octetsSent: UInt64 = 0
    var octetsReceived: UInt64 = 0
    var handshakesFull: UInt64 = 0
    var handshakesResumed: UInt64 = 0
    var handshakesFailed: UInt64 = 0
    var timeouts = PhaseCounters()
    /// Octets behind STLS, and the connection closed for them.
    var tlsPipelined: UInt64 = 0
    var staleEvents: UInt64 = 0
    var queueFull: UInt64 = 0
    /// Connections that ended for a state that cannot be: a fault of ours.
    var impossible: UInt64 = 0
    var inUse: UInt64 = 0
    var tooSoon: UInt64 = 0
    var logons = LogonCounters()
}

/// Deadlines that ran out.
struct PhaseCounters {
    var handshake: UInt64 = 0
    var logon: UInt64 = 0
    var idle: UInt64 = 0
    var stall: UInt64 = 0

    mutating func count(_ phase: Phase) {
        switch phase {
        case .handshake: handshake &+= 1
        case .logon: logon &+= 1
        case .idle: idle &+= 1
        case .stall: stall &+= 1
        case .held: break
        }
    }
}

extension Counters {
    /// One line of `name=value` pairs.
    var text: String {
        var pairs: [(String, UInt64)] = [
            ("accepted", accepted), ("sessions", sessions), ("commands", commands), ("bad_commands", badCommands),
            ("retrieved", retrieved), ("octets_sent", octetsSent), ("octets_received", octetsReceived),
            ("tls_full", handshakesFull), ("tls_resumed", handshakesResumed), ("tls_failed", handshakesFailed),
            ("in_use", inUse), ("too_soon", tooSoon),
            ("timeouts_handshake", timeouts.handshake), ("timeouts_logon", timeouts.logon), ("timeouts_idle", timeouts.idle),
            ("timeouts_stall", timeouts.stall), ("tls_pipelined", tlsPipelined), ("stale_events", staleEvents),
            ("queue_full", queueFull), ("impossible", impossible),
            ("refused_full", refusedFull), ("refused_source", refusedSource), ("displaced", displaced),
            ("accept_exhausted", acceptExhausted),
        ]
        for method in LogonMethod.allCases {
            pairs.append(("logon_\(method.name)", logons[method, .granted]))
            pairs.append(("logon_\(method.name)_refused", logons.refused(method)))
        }
        return pairs.map { "\($0.0)=\($0.1)" }.joined(separator: " ")
    }
}
