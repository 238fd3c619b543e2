// Why a connection ended, and which of its deadlines can run out: what the counters and the log tell apart.
// A connection ends once and for one reason, the first that closed it.

/// Why a connection ended.
enum Ending: UInt8, CaseIterable, Sendable {
    /// QUIT was answered.
    case quit
    /// The client closed, or its socket broke.
    case client
    /// Too many bad commands.
    case badCommands
    /// Too many refused logons.
    case logonFailures
    /// What no honest client sends: a NUL, HTTP.
    case protocolError
    /// Octets behind STLS.
    case stlsBuffered
    /// The TLS layer failed.
    case tls
    /// A deadline passed.
    case timeout
    /// Memory or a pool was at its end.
    case shortage
    /// It made room for a newer connection.
    case displaced
    /// The server is ending.
    case drained
    /// A fault of the server's own: a state that cannot be.
    case impossible
}

/// The deadlines of a connection.
enum Phase: UInt8, CaseIterable, Sendable {
    case handshake
    case logon
    case idle
    /// Output waits for a reader.
    case stall
    /// A refusal is held back; this one ends nothing.
    case held
}
