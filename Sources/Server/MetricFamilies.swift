// The page of /metrics: every worker's counters added up, and the process around them, in Prometheus' text form. Labels
// are words of our own; no account and no address is ever one. docs/server.md lists the families.

import CJemalloc
import Exposition

/// What the build is called on the page.
public struct BuildLabels: Sendable {
    public var version: String
    public var commit: String
    public var allocator: String

    public init(version: String, commit: String, allocator: String) {
        self.version = version
        self.commit = commit
        self.allocator = allocator
    }
}

struct MetricFamilies {
    private var format = TextFormat()
    private let workers: [WorkerFigures]

    init(_ workers: [WorkerFigures]) { self.workers = workers }

    static func text(
        _ workers: [WorkerFigures], stale: UInt64, log: EventWriter?, process: ProcessFigures, build: BuildLabels
    ) -> String {
        var page = MetricFamilies(workers)
        page.connections()
        page.sessions()
        page.trouble()
        page.format.single("poplar_workers", .gauge, "Worker threads.", UInt64(workers.count))
        page.format.single(
            "poplar_stale_answers_total", .counter, "Workers that did not give their figures in time and show older ones.", stale)
        if let log {
            page.format.single(
                "poplar_log_lost_total", .counter, "Log records that found no room and lines that could not be written.",
                log.lost)
        }
        page.allocator()
        page.process(process)
        page.format.family("poplar_build_info", .gauge, "Always 1; the labels say what runs.")
        page.format.sample(1, ["version": build.version, "commit": build.commit, "allocator": build.allocator])
        return page.format.text
    }

    private func sum(_ figure: (WorkerFigures) -> UInt64) -> UInt64 { workers.reduce(0) { $0 &+ figure($1) } }
    private func counted(_ figure: (Counters) -> UInt64) -> UInt64 { sum { figure($0.counters) } }

    private mutating func counter(_ name: String, _ help: String, _ figure: (Counters) -> UInt64) {
        format.single(name, .counter, help, counted(figure))
    }

    private mutating func connections() {
        counter("poplar_connections_accepted_total", "Connections accepted, those refused afterwards included.") { $0.accepted }
        format.family("poplar_connections_open", .gauge, "Connections open, by the kind of their listener.")
        format.sample(sum(\.openClear), ["listener": "pop3"])
        format.sample(sum(\.openEncrypted), ["listener": "pop3s"])
        format.family("poplar_refused_total", .counter, "Connections refused at accept, by reason.")
        format.sample(counted(\.refusedFull), ["reason": "full"])
        format.sample(counted(\.refusedSource), ["reason": "source"])
        counter("poplar_displaced_total", "Connections without a logon that made room for newer ones.") { $0.displaced }
        counter("poplar_accept_exhausted_total", "Times that descriptors or memory were short at accept.") { $0.acceptExhausted }
        format.family("poplar_tls_handshakes_total", .counter, "TLS handshakes that ended, by result.")
        format.sample(counted(\.handshakesFull), ["result": "full"])
        format.sample(counted(\.handshakesResumed), ["result": "resumed"])
        format.sample(counted(\.handshakesFailed), ["result": "failed"])
    }

    private mutating func sessions() {
        counter("poplar_sessions_total", "Sessions that ended with QUIT after a logon.") { $0.sessions }
        format.family("poplar_auth_total", .counter, "Logon attempts by method and outcome.")
        for method in LogonMethod.allCases {
            for outcome in LogonOutcome.allCases {
                format.sample(
                    counted { $0.logons[method, outcome] },
                    ["method": method.name.description, "outcome": outcome.name.description])
            }
        }
        counter("poplar_commands_total", "Lines taken as commands or answers of an exchange.") { $0.commands }
        counter("poplar_bad_commands_total", "Lines that were no command, or out of place.") { $0.badCommands }
        counter("poplar_retrieved_messages_total", "Messages sent by RETR.") { $0.retrieved }
        counter("poplar_sent_bytes_total", "Octets handed to sockets.") { $0.octetsSent }
        counter("poplar_received_bytes_total", "Octets of plaintext received.") { $0.octetsReceived }
    }

    private mutating func trouble() {
        format.family("poplar_timeouts_total", .counter, "Connections ended by a deadline, by its phase.")
        format.sample(counted(\.timeouts.handshake), ["phase": "handshake"])
        format.sample(counted(\.timeouts.logon), ["phase": "logon"])
        format.sample(counted(\.timeouts.idle), ["phase": "idle"])
        format.sample(counted(\.timeouts.stall), ["phase": "stall"])
        counter("poplar_stls_buffered_total", "Connections ended because octets stood behind STLS.") { $0.tlsPipelined }
        counter("poplar_stale_events_total", "Events for connections that had ended in the same turn.") { $0.staleEvents }
        counter("poplar_queue_full_total", "Connections ended because a pool had nothing left.") { $0.queueFull }
        counter("poplar_impossible_total", "Connections ended for a fault of the server's own.") { $0.impossible }
    }

    private mutating func allocator() {
        var figures = cjemalloc_figures()
        guard cjemalloc_read(&figures) else { return }
        format.family("poplar_allocator_bytes", .gauge, "The allocator's view of the heap.")
        format.sample(figures.allocated, ["state": "allocated"])
        if cjemalloc_is_live() {
            format.sample(figures.active, ["state": "active"])
            format.sample(figures.resident, ["state": "resident"])
        }
        format.sample(figures.mapped, ["state": "mapped"])
    }

    private mutating func process(_ process: ProcessFigures) {
        format.single("process_resident_memory_bytes", .gauge, "Resident memory.", process.residentBytes)
        format.single("process_open_fds", .gauge, "Open descriptors.", process.openDescriptors)
        format.single("process_max_fds", .gauge, "Descriptors that may be open.", process.descriptorLimit)
        format.family("process_cpu_seconds_total", .counter, "CPU time of all threads.")
        format.sample(seconds: process.cpuNs)
    }
}

/// What the endpoint's thread, and no other, calls for each page.
final class MetricsPage: Sendable {
    private static let patienceMs = 1000
    private let collector: FigureCollector
    private let log: EventWriter?
    private let build: BuildLabels

    init(_ collector: FigureCollector, log: EventWriter?, build: BuildLabels) {
        self.collector = collector
        self.log = log
        self.build = build
    }

    func text() -> String {
        let (workers, stale) = collector.collect(timeoutMs: Self.patienceMs)
        return MetricFamilies.text(workers, stale: stale, log: log, process: ProcessFigures.read(), build: build)
    }
}
