// `poplar serve`, quick form (contracts.md 2): a population in memory, made for measuring. Everything is checked before
// the first listener opens; `ready` is printed when the last one has.

import Accounts
import Administration
import ArgumentParser
import Certificates
import Foundation
import Maildrop
import NTLM
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

            Accounts are user00000, user00001, ... of NT domain POPLAR and member00000, ... of the membership instance
            MEMBERSHIP, all with the password "secret" and a mailbox of their own name. When every listener is open, one line
            says so:  ready pop3=127.0.0.1:1110 pop3s=127.0.0.1:1995
            With --metrics the line ends in  metrics=127.0.0.1:9110.
            SIGTERM drains and ends; SIGHUP reopens the log; SIGUSR1 prints the workers' counters on standard error.
            """)

    @Option(
        name: .customLong("pop3"), help: ArgumentHelp("Listen for clear-text clients. May be repeated.", valueName: "host:port"))
    var pop3: [String] = []

    @Option(name: .customLong("pop3s"), help: ArgumentHelp("Listen for TLS clients. May be repeated.", valueName: "host:port"))
    var pop3s: [String] = []

    @Option(
        help: ArgumentHelp(
            "Mailboxes in memory: users=1000,messages=10,bytes=2048,deleted=restore|gone. Each key may be left out.",
            valueName: "list"), transform: PopulationOption.parse)
    var population = PopulationOption()

    @Option(help: ArgumentHelp("Worker threads; by default one for each CPU that may be used.", valueName: "count"))
    var workers: Int?

    @Option(help: ArgumentHelp("Methods that clients may log on with.", valueName: "list"), transform: MethodsOption.parse)
    var methods = MethodsOption(switches: .all)

    @Option(
        name: .customLong("ntlm-level"),
        help: ArgumentHelp(
            "LMCompatibilityLevel: 0 to 3 take every response, 4 refuses LM, 5 takes NTLMv2 alone.", valueName: "0-5"))
    var ntlmLevel = 5

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

    @Flag(help: "Print the workers' counters on standard error at the end.")
    var counters = false

    @OptionGroup(title: "Observation")
    var observation: ObservationOptions

    mutating func validate() throws {
        if showLimits { return }
        guard !pop3.isEmpty || !pop3s.isEmpty else {
            throw ValidationError("nothing to listen on: give --pop3 HOST:PORT, --pop3s HOST:PORT, or both")
        }
        guard (0...5).contains(ntlmLevel) else { throw ValidationError("--ntlm-level is 0 to 5, not \(ntlmLevel)") }
        if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers is 1 to 1024, not \(workers)") }
        guard (cert == nil) == (key == nil) else {
            throw ValidationError("--cert and --key belong together: give both or neither")
        }
    }

    mutating func run() throws {
        let limits = try readLimits()
        if showLimits { return printLimits(limits) }
        let signals = try SignalQueue([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        let tickets = try pop3s.isEmpty && cert == nil ? nil : TicketKeys()
        let tls = try tickets.map { try makeTLS($0) }
        guard let accounts = AccountTable.population(users: population.users) else {
            throw ValidationError("the population's password cannot be hashed")
        }
        let names = ServerNames(netBIOSComputer: "POPLAR", netBIOSDomain: "POPLAR", dnsComputer: "localhost")
        let ntlm = try NTLM.ServerSettings(
            names: names, level: CompatibilityLevel(rawValue: UInt8(ntlmLevel)) ?? .level5,
            channelBindingPolicy: tls == nil ? .none : .allow)
        let store = Population(
            mailboxes: population.users * 2, messages: population.messages, octets: population.bytes, policy: population.deleted)
        let snapshot = Snapshot(
            methods: methods.switches, limits: limits, accounts: accounts, population: store, ntlm: ntlm, tls: tls)
        let listen =
            try pop3.map { ListenAddress(try SocketAddress(parsing: $0), isEncrypted: false) }
            + pop3s.map { ListenAddress(try SocketAddress(parsing: $0), isEncrypted: true) }
        let count = workers ?? Affinity.current().count
        // The quick form is for measuring: it tells of trouble alone.
        let observation = try ServerObservation(self.observation, workers: count, defaultLevel: .warn)
        let server = try ServerInstance(
            ServerConfiguration(
                listen: listen, workers: count, snapshot: snapshot, printsCounters: counters, log: observation.log))
        try observation.openMetrics(server)
        observation.tellStart(server.addresses, limits: limits, defaults: .quickForm, workers: count)
        announce(server.addresses, observation.readyTokens)
        serve(server, signals, tickets, observation)
    }

    private func serve(
        _ server: ServerInstance, _ signals: borrowing SignalQueue, _ tickets: TicketKeys?, _ observation: ServerObservation
    ) {
        var rotationNs = MonotonicClock.now() + UInt64(TicketKeys.lifetimeMs) * 1_000_000
        while true {
            let now = MonotonicClock.now()
            if let tickets, now >= rotationNs {
                rotationNs = now + UInt64(TicketKeys.lifetimeMs) * 1_000_000
                do { try tickets.rotate() } catch { note("the session ticket key stays: \(error)") }
            }
            let timeoutMs = tickets == nil ? -1 : Int32(clamping: (rotationNs - now) / 1_000_000 + 1)
            switch signals.wait(timeoutMs: timeoutMs) {
            case SIGUSR1: server.report()
            case SIGHUP:
                observation.log.reopen()
                note("nothing to reload: the quick form reads no file but the certificate, at start")
            case SIGTERM, SIGINT:
                observation.log.note(.info, "drain")
                server.drain()
                server.join()
                observation.stop()
                return
            default: continue
            }
        }
    }

    private func announce(_ addresses: [ListenAddress], _ more: [String]) {
        let tokens = addresses.map { "\($0.isEncrypted ? "pop3s" : "pop3")=\($0.address.text)" } + more
        print("ready \(tokens.joined(separator: " "))")
        fflush(nil)
    }

    private func readLimits() throws -> Server.Limits {
        var limits = Server.Limits.quickForm
        for assignment in limit {
            do { try limits.set(assignment) } catch { throw ValidationError("--limit: \(error)") }
        }
        return limits
    }

    private func printLimits(_ limits: Server.Limits) {
        for field in Server.Limits.fields {
            let name = field.name.padding(toLength: 28, withPad: " ", startingAt: 0)
            let value = "\(limits[field]) \(field.unit)".padding(toLength: 22, withPad: " ", startingAt: 0)
            print("\(name)\(value)\(field.explanation)")
        }
    }

    private func makeTLS(_ tickets: TicketKeys) throws -> TLSContext {
        let pair: CertifiedKey
        if let cert, let key {
            pair = try CertificateFiles.load(certificate: cert, key: key)
        } else {
            pair = try SelfSigned.make(
                commonName: "localhost", alternativeNames: ["DNS:localhost", "IP:127.0.0.1", "IP:::1"], days: 30)
            note("no --cert: made a self-signed ECDSA P-256 certificate for localhost, SHA-256 \(pair.fingerprint)")
        }
        return try TLSContext.server(certificatePEM: pair.certificatePEM, keyPEM: pair.keyPEM, tickets: tickets)
    }

    private func note(_ text: String) { FileHandle.standardError.write(Data("poplar: \(text)\n".utf8)) }
}
