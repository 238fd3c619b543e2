// What `serve` is to be, from either form, and the steps from there to a Snapshot. Both forms take the same path, at start and
// at a reload. Invariant: nothing here opens a listener, so that a plan can be checked, or fail, without a trace.

import Accounts
import Administration
import ArgumentParser
import Certificates
import Configuration
import Doctor
import Foundation
import Maildrop
import NTLM
import POP3
import Reactor
import Server
import TLS

struct ServePlan {
    var settings: ServiceSettings
    /// Nil in the quick form.
    let file: LoadedSettings?
    let limits: Server.Limits

    init(settings: ServiceSettings, file: LoadedSettings?, limits: Server.Limits) {
        self.settings = settings
        self.file = file
        self.limits = limits
    }

    /// The full form: reads `path`. Listeners and workers of the command line replace those of the file.
    init(path: String, overrides: Overrides) throws {
        let octets: [UInt8]
        do throws(InputFile.Failure) {
            octets = try InputFile.read(path, limit: InputFile.textLimit, noun: "the settings file", waits: overrides.mayWait)
        } catch { throw SettingsFailure(description: error.description) }
        let text = try SourceText.decode(octets, file: path, kind: "settings file")
        let loaded = try SettingsLoader.load(
            text: text, file: path, limits: Server.Limits.descriptions, needsListeners: !overrides.hasListeners)
        var settings = loaded.settings
        if overrides.hasListeners { (settings.pop3, settings.pop3s) = (overrides.pop3, overrides.pop3s) }
        settings.workers = overrides.workers ?? settings.workers
        var limits = Server.Limits()
        for field in Server.Limits.fields {
            if let value = settings.limits[field.name] { limits[field] = value }
        }
        self.settings = settings
        file = loaded
        self.limits = limits
    }

    /// What the command line may still say beside a settings file.
    struct Overrides {
        var pop3: [String]
        var pop3s: [String]
        var workers: Int?
        /// Whether the file may be a pipe that is still being written: at the start, never while the server runs.
        var mayWait = true

        var hasListeners: Bool { !pop3.isEmpty || !pop3s.isEmpty }
    }

    var methods: MethodSwitches { settings.methods ?? MethodSwitches.defaults(compat: settings.compatibility) }

    // MARK: Parts of a snapshot

    /// The one place where settings become what the workers read. `accounts` and `population` live as long as the server.
    func snapshot(accounts: AccountTable, population: Population, tls: TLSContext?) throws -> Snapshot {
        Snapshot(
            methods: methods, limits: limits, accounts: accounts, population: population, ntlm: try ntlm(hasTLS: tls != nil),
            tls: tls,
            behaviour: ServerBehaviour(
                personality: settings.compatibility == .exchange55 ? .exchange55 : .modern,
                ntlmReply: settings.ntlmReply == .ok ? .ok : .plus))
    }

    func ntlm(hasTLS: Bool) throws -> NTLM.ServerSettings {
        let names = ServerNames(
            netBIOSComputer: settings.names.netBIOSComputer, netBIOSDomain: settings.names.netBIOSDomain,
            dnsComputer: settings.names.dnsComputer, dnsDomain: settings.names.dnsDomain)
        return try NTLM.ServerSettings(
            names: names, level: CompatibilityLevel(rawValue: UInt8(clamping: settings.ntlmLevel)) ?? .level5,
            channelBindingPolicy: hasTLS ? .allow : .none)
    }

    /// Everything as a settings file that asks for just this.
    var text: String {
        settings.text(
            limits: Server.Limits.fields.map { ($0.name, limits[$0]) }, standardMethods: methods)
    }

    /// Nil: `shouldStop` said yes.
    func accounts(shouldStop: () -> Bool) throws -> AccountTable? {
        var isStopped = false
        let accounts = AccountTable.population(users: settings.population.users) {
            isStopped = isStopped || shouldStop()
            return isStopped
        }
        if isStopped { return nil }
        guard let accounts else {
            throw SettingsFailure(description: "the population's password cannot be hashed")
        }
        return accounts
    }

    /// Nil: `shouldStop` said yes, or memory is out.
    func population(shouldStop: () -> Bool) -> Population? {
        Population.make(
            mailboxes: mailboxes, messages: messageMix, octets: byteMix, policy: policy, shouldStop: shouldStop)
    }

    /// What the population takes of memory.
    var populationNeeds: PopulationNeeds {
        PopulationNeeds(mailboxes: Double(mailboxes), messages: messageMix, octets: byteMix, policy: policy)
    }

    private var mailboxes: Int { settings.population.users * 2 }
    private var policy: DeletionPolicy { settings.population.deleted == .gone ? .gone : .restore }
    private var messageMix: PopulationMix { Self.mix(settings.population.messageMix, settings.population.messages) }
    private var byteMix: PopulationMix { Self.mix(settings.population.byteMix, settings.population.messageBytes) }

    private static func mix(_ shares: [ServiceSettings.Population.Share], _ alone: Int) -> PopulationMix {
        shares.count > 1
            ? PopulationMix(shares.map { .init(value: $0.value, weight: $0.weight) }) : PopulationMix(always: alone)
    }

    /// Why the server cannot have the memory that it would take with so many workers; nil when it can.
    func shortage(workers: Int, room: MemoryRoom?) -> StartMemory.Shortage? {
        var memory = StartMemory()
        memory.addServer(self, workers: workers, form: file == nil ? .options : .file)
        return memory.shortage(room)
    }

    /// The addresses, resolved.
    func listeners() throws -> [ListenAddress] {
        func resolve(_ list: [String], _ key: String, isEncrypted: Bool) throws -> [ListenAddress] {
            try list.enumerated().map { index, text in
                do throws(SystemError) {
                    return ListenAddress(try SocketAddress(parsing: text), isEncrypted: isEncrypted)
                } catch {
                    if file == nil, error.isMalformed { throw ValidationError("--\(key): \(error)") }
                    throw failure(error, at: "listen.\(key)[\(index)]")
                }
            }
        }
        return try resolve(settings.pop3, "pop3", isEncrypted: false) + resolve(settings.pop3s, "pop3s", isEncrypted: true)
    }

    /// The context of the certificate and key that are named. Nil: none are, and a certificate has to be made.
    /// `tickets`: the keys of resumption, the same ones over every reload.
    func certifiedTLS(_ tickets: TicketKeys?) throws -> TLSContext? {
        guard let certificate = settings.certificate, let key = settings.key else { return nil }
        let files: CertifiedKey
        do {
            files = try CertificateFiles.load(certificate: absolute(certificate), key: absolute(key))
        } catch {
            let isKey = error.description.hasPrefix(absolute(key)) && key != certificate
            throw failure(error, at: isKey ? "tls.key" : "tls.certificate")
        }
        do {
            let context = try TLSContext.server(certificatePEM: files.certificatePEM, keyPEM: files.keyPEM, tickets: tickets)
            try context.rehearse(certificatePEM: files.certificatePEM)
            return context
        } catch { throw failure("\(certificate): \(error.description)", at: "tls.certificate") }
    }

    // MARK: Files and errors

    /// A name in a settings file starts at the file's folder, one of the command line at ours.
    func absolute(_ name: String) -> String {
        guard let file else { return name }
        return InputFile.relative(name, to: file.source.file)
    }

    /// `error` at its place of the settings file; in the quick form, an error of its options. Either way the exit code
    /// is 64.
    func failure(_ error: some Any, at place: String) -> any Error {
        if let file { return file.error("\(error)", at: place) }
        return OptionFailure(description: "\(error)")
    }

    /// A start that the machine has no memory for, in either form: exit code 64.
    func failure(_ shortage: StartMemory.Shortage) -> any Error {
        if let file { return file.error(shortage.description, at: shortage.place, remedy: shortage.remedy) }
        return ValidationError("\(shortage); \(shortage.remedy)")
    }
}

/// A file or an address that an option names cannot be used. The exit code is 64. The usage is not printed, since the
/// option itself is right.
struct OptionFailure: Error, CustomStringConvertible {
    let description: String
}

/// Why settings cannot be used, where there is no better type for it.
struct SettingsFailure: Error, CustomStringConvertible {
    let description: String
}

extension Server.Limits {
    /// The table as the settings file needs it.
    static var descriptions: [LimitDescription] {
        let standard = Server.Limits()
        return fields.map {
            LimitDescription(
                name: $0.name, unit: $0.unit, range: $0.range, standard: standard[$0], explanation: $0.explanation)
        }
    }
}
