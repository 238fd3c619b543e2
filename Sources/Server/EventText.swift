// The words of the log: a record as one line. Time, level and event come first, then what the kind carries. Where the
// Exchange server wrote an event of its own, its number stands in `exchange_id`.

import Exposition
import NTLM
import Reactor

enum EventText {
    static func line(_ record: EventRecord, worker: Int, wallNs: UInt64) -> String {
        var line = head(record.kind.level, record.kind.name, wallNs)
        if let id = record.exchangeID { line.field("exchange_id", UInt64(id)) }
        line.field("worker", UInt64(worker))
        if record.origin.connection != 0 { line.field("connection", record.origin.connection) }
        if let peer = record.origin.peer { line.field("peer", peer.text) }
        if let method = record.method { line.field("method", method.name.description) }
        if record.nameCount > 0 { line.quoted("user", record.nameText) }
        switch record.reason {
        case .none: break
        case .outcome(.granted): break
        case .outcome(.refused): line.field("reason", "credentials")
        case .verdict(let verdict): line.field("reason", verdict.reason)
        case .outcome(let outcome): line.field("reason", outcome.name.description)
        case .ending(let ending): line.field("reason", ending.name)
        case .phase(let phase): line.field("phase", phase.name)
        }
        switch record.kind {
        case .connectionClosed:
            line.field("commands", record.first)
            line.field("octets_sent", record.second)
        case .lineTooLong: line.field("limit", record.first)
        case .acceptExhausted: line.field("errno", record.first)
        case .connectionOpen, .logonGranted, .logonRefused, .maildropInUse, .protocolError, .stlsBuffered, .tlsFailed, .timeout,
            .refusedFull, .refusedSource, .droppedOldest:
            break
        }
        return line.text
    }

    /// What every line begins with.
    static func head(_ level: LogLevel, _ event: String, _ wallNs: UInt64) -> Logfmt {
        var line = Logfmt()
        line.field("time", Logfmt.time(wallNs))
        line.field("level", level.name)
        line.field("event", event)
        return line
    }
}

extension LogLevel {
    public var name: String {
        switch self {
        case .error: "error"
        case .warn: "warn"
        case .info: "info"
        case .debug: "debug"
        }
    }
}

extension EventKind {
    var name: String {
        switch self {
        case .connectionOpen: "connection_open"
        case .connectionClosed: "connection_closed"
        case .logonGranted: "logon_granted"
        case .logonRefused: "logon_refused"
        case .maildropInUse: "maildrop_in_use"
        case .protocolError: "protocol_error"
        case .lineTooLong: "line_too_long"
        case .stlsBuffered: "stls_buffered"
        case .tlsFailed: "tls_failed"
        case .timeout: "timeout"
        case .refusedFull: "refused_full"
        case .refusedSource: "refused_source"
        case .droppedOldest: "dropped_oldest"
        case .acceptExhausted: "accept_exhausted"
        }
    }
}

extension Ending {
    var name: String {
        switch self {
        case .quit: "quit"
        case .client: "client"
        case .badCommands: "bad_commands"
        case .logonFailures: "logon_failures"
        case .protocolError: "forbidden_input"
        case .stlsBuffered: "stls_buffered"
        case .tls: "tls"
        case .timeout: "timeout"
        case .shortage: "shortage"
        case .displaced: "displaced"
        case .drained: "drained"
        case .impossible: "impossible"
        }
    }
}

extension Verdict {
    /// Why an answer was not accepted, for the administrator alone: the client hears the same of all of them.
    fileprivate var reason: String {
        switch self {
        case .accepted, .wrongResponse: "credentials"
        case .refusedByLevel: "ntlm_level"
        case .micMismatch: "mic"
        case .bindingMismatch: "channel_binding"
        case .clockSkew: "clock"
        }
    }
}

extension Phase {
    var name: String {
        switch self {
        case .handshake: "handshake"
        case .logon: "logon"
        case .idle: "idle"
        case .stall: "stall"
        case .held: "held"
        }
    }
}

extension EventRecord {
    /// The Exchange 5.5 event that says the same (MSExchangePOP3), where there is one.
    fileprivate var exchangeID: Int? {
        switch kind {
        case .connectionClosed: if case .ending(.client) = reason { 11_103 } else { nil }
        case .logonRefused:
            switch reason {
            case .outcome(.noMailbox): 13_005
            case .outcome(.refused): method?.isClearText == true ? 11_202 : 13_003
            case .verdict: 13_003
            case .outcome, .ending, .phase, .none: nil
            }
        case .acceptExhausted: 11_506
        case .connectionOpen, .logonGranted, .maildropInUse, .protocolError, .lineTooLong, .stlsBuffered, .tlsFailed, .timeout,
            .refusedFull, .refusedSource, .droppedOldest:
            nil
        }
    }

    fileprivate var nameText: String {
        let octets = (0..<Int(nameCount)).map { name[$0] }
        guard isUTF16 else { return String(decoding: octets, as: UTF8.self) }
        let units = stride(from: 0, to: octets.count - 1, by: 2).map { UInt16(octets[$0]) | UInt16(octets[$0 + 1]) << 8 }
        return String(decoding: units, as: UTF16.self)
    }
}
