// `poplar serve` (contracts.md 2): the quick form by options, made for measuring, and the full form by a settings file. Both
// become a ServePlan. Everything is checked before the first listener opens; `ready` is printed when the last one has.

import Accounts
import Administration
import ArgumentParser
import Certificates
import Doctor
import Foundation
import Glibc
import Maildrop
import PoplarCore
import Reactor
import Server
import TLS

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve POP3 mailboxes from memory.",
        discussion: """
            Clear text and TLS, the kernel choosing the ports:
              poplar serve --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0

            NTLM only, with the older responses let in too, as fetchmail and mpop need it:
              poplar serve --pop3 127.0.0.1:1110 --methods ntlm --ntlm-level 2

            By a settings file, which docs/server.yaml explains key by key; look at what it comes to first:
              poplar serve --config server.yaml --check
              poplar serve --config server.yaml

            Accounts are user00000, user00001, ... of NT domain POPLAR and member00000, ... of the membership instance
            MEMBERSHIP, all with the password "secret" and a mailbox of their own name. When every listener is open, one line
            says so:  ready pop3=127.0.0.1:1110 pop3s=127.0.0.1:1995
            With --metrics the line ends in  metrics=127.0.0.1:9110.
            SIGTERM drains and ends, a second one ends at once; SIGHUP reopens the log and reads settings, certificate and key
            again; SIGUSR1 prints the workers' counters on standard error.
            """)

    @Option(help: ArgumentHelp("Settings file: the full form.", valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("pop3"), help: ArgumentHelp("Listen for clear-text clients. May be repeated.", valueName: "host:port"))
    var pop3: [String] = []

    @Option(name: .customLong("pop3s"), help: ArgumentHelp("Listen for TLS clients. May be repeated.", valueName: "host:port"))
    var pop3s: [String] = []

    @Option(
        help: ArgumentHelp(
            "Mailboxes in memory: users=1000,messages=10,bytes=2048,deleted=restore|gone. Each key may be left out; "
                + "messages and bytes may "
                + "be a mix, as in bytes=1024:60+8192:40.",
            valueName: "list"), transform: PopulationOption.parse)
    var population: PopulationOption?

    @Option(help: ArgumentHelp("Worker threads; by default one for each CPU that may be used.", valueName: "count"))
    var workers: Int?

    @Option(
        help: ArgumentHelp("Whose manners to have: modern or exchange-5.5.", valueName: "name"),
        transform: { try WordOption.parse("--compat", $0) })
    var compat: Compatibility?

    @Option(help: ArgumentHelp("Methods that clients may log on with.", valueName: "list"), transform: MethodsOption.parse)
    var methods: MethodsOption?

    @Option(
        name: .customLong("ntlm-level"),
        help: ArgumentHelp(
            "LMCompatibilityLevel: 0 to 3 take every response, 4 refuses LM, 5 takes NTLMv2 alone.", valueName: "0-5"))
    var ntlmLevel: Int?

    @Option(
        name: .customLong("ntlm-reply"), help: ArgumentHelp("The answer to AUTH NTLM: '+ ' or '+OK'.", valueName: "plus|ok"),
        transform: { try WordOption.parse("--ntlm-reply", $0) })
    var ntlmReply: ServiceSettings.NTLMReply?

    @Option(help: ArgumentHelp("Certificate chain in PEM form, own certificate first.", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("Private key of the certificate in PEM form.", valueName: "file"))
    var key: String?

    @Option(
        name: .customLong("limit"),
        help: ArgumentHelp("Set a limit; --show-limits lists them. May be repeated.", valueName: "name=value"))
    var limit: [String] = []

    @Flag(name: .customLong("show-limits"), help: "Print every limit with its value and unit, and end.")
    var showLimits = false

    @Flag(help: "Check everything, print what would be in force as a settings file, and end.")
    var check = false

    @Flag(
        name: .customLong("share-port"),
        help: "Listen also where another server of yours listens: start the new one, then stop the old one.")
    var sharePort = false

    @Flag(help: "Print the workers' counters on standard error at the end.")
    var counters = false

    @OptionGroup(title: "Observation")
    var observation: ObservationOptions

    mutating func validate() throws {
        if let ntlmLevel, !(0...5).contains(ntlmLevel) { throw ValidationError("--ntlm-level is 0 to 5, not \(ntlmLevel)") }
        if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers is 1 to 1024, not \(workers)") }
        guard (cert == nil) == (key == nil) else {
            throw ValidationError("--cert and --key belong together: give both or neither")
        }
        if config != nil, !quickOptions.isEmpty {
            throw ValidationError(
                "\(quickOptions.joined(separator: ", ")): set in the settings file, beside which only --pop3, --pop3s and "
                    + "--workers may be given")
        }
        guard config != nil || showLimits || !pop3.isEmpty || !pop3s.isEmpty else {
            throw ValidationError("nothing to listen on: give --pop3 HOST:PORT, --pop3s HOST:PORT, or both, or --config FILE")
        }
    }

    /// The options given whose place is the settings file, where there is one.
    private var quickOptions: [String] {
        [
            ("--population", population != nil), ("--compat", compat != nil), ("--methods", methods != nil),
            ("--ntlm-level", ntlmLevel != nil), ("--ntlm-reply", ntlmReply != nil), ("--cert", cert != nil),
            ("--key", key != nil), ("--limit", !limit.isEmpty), ("--metrics", observation.metrics != nil),
            ("--log-level", observation.logLevel != nil),
            ("--log", observation.log != nil),
        ].filter(\.1).map(\.0)
    }

    mutating func run() throws {
        // While the plan is read, from a pipe perhaps, SIGTERM and SIGINT end the process as they always do.
        let plan = try reportingPlace { try readPlan() }
        if showLimits { return try printLimits(plan.limits) }
        if check { return try reportingPlace { try show(plan) } }
        let signals = try SignalQueue([SIGTERM, SIGINT], always: [SIGHUP, SIGUSR1])
        let listen = try reportingPlace { try plan.listeners() }
        let tickets = try plan.settings.pop3s.isEmpty && plan.settings.certificate == nil ? nil : TicketKeys()
        let tls = try reportingPlace {
            try plan.certifiedTLS(tickets) ?? (plan.settings.pop3s.isEmpty ? nil : selfSignedTLS(tickets))
        }
        let count = plan.settings.workers ?? Affinity.current().count
        let room = MachineProbe().memoryRoom()
        if let shortage = plan.shortage(workers: count, room: room) {
            try reportingPlace { throw plan.failure(shortage) }
        }
        var isInterrupted = false
        guard let accounts = try plan.accounts(shouldStop: { Self.isEnded(signals) }) else { return }
        let made = plan.population {
            isInterrupted = isInterrupted || Self.isEnded(signals)
            return isInterrupted
        }
        if isInterrupted { return }
        guard let population = made else { throw SettingsFailure(description: "there is no memory for the population") }
        let observation = try reportingPlace { try ServerObservation(plan, workers: count) }
        let server = try open(
            ServerConfiguration(
                listen: listen, workers: count,
                snapshot: try plan.snapshot(accounts: accounts, population: population, tls: tls), sharesPorts: sharePort,
                seatBytes: room.map { Double(min($0.memory.bytes, $0.addresses?.bytes ?? .max)) / 4 },
                log: observation.log))
        do { try observation.openMetrics(server) } catch let error as SystemError {
            throw Self.withRemedy(error, port: "name another one by --metrics")
        }
        let standard: Server.Limits = config == nil ? .quickForm : Server.Limits()
        observation.tellStart(server.addresses, limits: plan.limits, defaults: standard, workers: count)
        announce(server.addresses, observation.readyTokens)
        let command = self
        let reload = ServeReload(
            server, plan, accounts: accounts, population: population, tls: tls, tickets: tickets, log: observation.log
        ) {
            try command.readPlan(mayWait: false)
        }
        var loop = ServeLoop(server: server, reload: reload, tickets: tickets, observation: observation)
        loop.run(signals)
        if counters { Outlets.tell(server.report()) }
        observation.stop()
    }

    /// Opens the listeners and starts the workers.
    private func open(_ configuration: ServerConfiguration) throws -> ServerInstance {
        do throws(SystemError) { return try ServerInstance(configuration) } catch {
            throw Self.withRemedy(error, port: "give --share-port to take over from a server of yours without a gap")
        }
    }

    /// What the kernel refused, with what to do about it.
    private static func withRemedy(_ error: SystemError, port remedy: String) -> any Error {
        switch error.code {
        case EADDRINUSE:
            SettingsFailure(
                description: "\(error.subject): address already in use; `ss -ltnp` shows by whom. Stop that server, choose "
                    + "another port, or \(remedy)")
        case EAGAIN where error.call == "pthread_create":
            SettingsFailure(
                description: "\(error); lower --workers, or raise the limits on memory and threads (`ulimit -v`, `ulimit -u`)")
        default: error
        }
    }

    // MARK: The plan

    private func readPlan(mayWait: Bool = true) throws -> ServePlan {
        if let config {
            return try ServePlan(path: config, overrides: .init(pop3: pop3, pop3s: pop3s, workers: workers, mayWait: mayWait))
        }
        var settings = ServiceSettings()
        settings.compatibility = compat ?? settings.compatibility
        (settings.pop3, settings.pop3s) = (pop3, pop3s)
        settings.methods = methods?.switches
        settings.ntlmLevel = ntlmLevel ?? settings.ntlmLevel
        settings.ntlmReply = ntlmReply ?? settings.ntlmReply
        (settings.certificate, settings.key) = (cert, key)
        settings.population = population?.settings ?? settings.population
        settings.workers = workers
        settings.metrics = observation.metrics
        // Made for measuring, so it tells of trouble alone.
        settings.logLevel = observation.logLevel ?? .warn
        settings.logFile = observation.log
        var limits = Server.Limits.quickForm
        for assignment in limit {
            do { try limits.set(assignment) } catch { throw ValidationError("--limit: \(error)") }
        }
        return ServePlan(settings: settings, file: nil, limits: limits)
    }

    /// What is wrong with a settings file is said with its place, and is a configuration error: exit 64. So is what the
    /// options name.
    private func reportingPlace<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as OptionFailure {
            complain(of: error)
            throw ExitStatus.usage
        } catch {
            guard config != nil else { throw error }
            sayError(errorText(error))
            throw ExitStatus.usage
        }
    }

    /// Whether a signal that ends the server has come while it starts; the others have nothing to act on yet.
    private static func isEnded(_ signals: borrowing SignalQueue) -> Bool {
        switch signals.next() {
        case SIGTERM, SIGINT: true
        default: false
        }
    }

    /// Does all that can be done without opening a listener, then prints what would be in force.
    private func show(_ plan: ServePlan) throws {
        _ = try plan.listeners()
        let tls = try plan.certifiedTLS(nil)
        _ = try plan.ntlm(hasTLS: tls != nil)
        let count = plan.settings.workers ?? Affinity.current().count
        if let shortage = plan.shortage(workers: count, room: MachineProbe().memoryRoom()) {
            Self.note("warning: a start on this machine would be refused: \(shortage)")
        }
        try emit(plan.text)
    }

    private func announce(_ addresses: [ListenAddress], _ more: [String]) {
        let tokens = addresses.map { "\($0.isEncrypted ? "pop3s" : "pop3")=\($0.address.text)" } + more
        guard Outlets.announce("ready \(tokens.joined(separator: " "))\n") else {
            return complain("standard output does not take the line: ready \(tokens.joined(separator: " "))")
        }
    }

    private func printLimits(_ limits: Server.Limits) throws {
        for field in Server.Limits.fields {
            let name = field.name.padding(toLength: 28, withPad: " ", startingAt: 0)
            let value = "\(limits[field]) \(field.unit)".padding(toLength: 22, withPad: " ", startingAt: 0)
            try emit("\(name)\(value)\(field.explanation)\n")
        }
    }

    private func selfSignedTLS(_ tickets: TicketKeys?) throws -> TLSContext {
        let made = try SelfSigned.make(
            commonName: "localhost", alternativeNames: ["DNS:localhost", "IP:127.0.0.1", "IP:::1"], days: 30)
        Self.note("no certificate given: made a self-signed ECDSA P-256 one for localhost, SHA-256 \(made.fingerprint)")
        return try TLSContext.server(certificatePEM: made.certificatePEM, keyPEM: made.keyPEM, tickets: tickets)
    }

    /// A message on standard error. The control thread answers signals, so it does not wait for a reader.
    static func note(_ text: String) { Outlets.tell("poplar: \(text)\n") }
}
