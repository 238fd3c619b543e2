// SIGHUP: the files are read again, a whole new state is built beside the one in force, and the workers go over to it.
// Invariants: whatever is wrong with the new files, the server stays as it was and says why; nobody loses a connection.
// A reload runs on a thread of its own, one at a time, so that a slow disk or a large file delays no signal.

import Accounts
import Administration
import Foundation
import Maildrop
import Reactor
import Server
import TLS

final class ServeReload: @unchecked Sendable {
    private enum Progress {
        case idle, running
        /// SIGHUP has come once more: the files may have changed since they were read.
        case runningAgain
    }

    private let progress = Guarded(Progress.idle)
    private let server: ServerInstance
    private let accounts: AccountTable
    private let population: Population
    /// What is in force. This and `tls` belong to the thread of the reload.
    private var plan: ServePlan
    private var tls: TLSContext?
    private let tickets: TicketKeys?
    private let log: EventWriter
    /// Reads the files again.
    private let read: () throws -> ServePlan

    init(
        _ server: ServerInstance, _ plan: ServePlan, accounts: AccountTable, population: Population, tls: TLSContext?,
        tickets: TicketKeys?, log: EventWriter, read: @escaping () throws -> ServePlan
    ) {
        self.server = server
        self.plan = plan
        self.accounts = accounts
        self.population = population
        self.tls = tls
        self.tickets = tickets
        self.log = log
        self.read = read
    }

    /// Reloads, and returns at once. While a reload is under way, another one follows it.
    func request() {
        let mustStart = progress.withLock { now in
            defer { now = now == .idle ? .running : .runningAgain }
            return now == .idle
        }
        guard mustStart else { return }
        do {
            // Nobody waits for it: a reload that is under way when the server ends is left behind.
            try WorkerThread(name: "poplar-reload", cpu: nil) { [self] in run() }.detach()
        } catch {
            progress.withLock { $0 = .idle }
            ServeCommand.note("not reloaded: \(error)")
        }
    }

    private func run() {
        repeat {
            reload()
        } while progress.withLock { now in
            defer { now = now == .runningAgain ? .running : .idle }
            return now == .runningAgain
        }
    }

    private func reload() {
        if plan.file == nil, plan.settings.certificate == nil {
            return ServeCommand.note("nothing to reload: no settings file, no certificate file")
        }
        do {
            let fresh = try read()
            // Without files there is nothing new: the certificate made at start stays.
            let context = try fresh.certifiedTLS(tickets) ?? tls
            let next = fresh.keeping(plan)
            let snapshot = try next.snapshot(accounts: accounts, population: population, tls: context)
            let fixed = Self.differences(plan, fresh).joined(separator: ", ")
            if !fixed.isEmpty {
                ServeCommand.note("\(fixed) cannot change while the server runs: restart it for that; the rest is applied")
            }
            let isDone = server.reload(snapshot)
            tls = context
            plan = next
            log.note(.info, "reload_done", quoted: ["restart_needed_for": fixed])
            ServeCommand.note(isDone ? "reloaded" : "reloaded; a worker is slow to follow")
        } catch {
            log.note(.error, "reload_failed", quoted: ["error": "\(error)"])
            ServeCommand.note("not reloaded, what was in force stays:\n\(errorText(error))")
        }
    }

    /// The keys in which `fresh` asks for what only a restart can bring.
    private static func differences(_ old: ServePlan, _ fresh: ServePlan) -> [String] {
        let (before, after) = (old.settings, fresh.settings)
        var keys: [String] = []
        func compare(_ key: String, _ isSame: Bool) { if !isSame { keys.append(key) } }
        compare("listen.pop3", before.pop3 == after.pop3)
        compare("listen.pop3s", before.pop3s == after.pop3s)
        compare("population.users", before.population.users == after.population.users)
        compare(
            "population.messages",
            before.population.messages == after.population.messages && before.population.messageMix == after.population.messageMix
        )
        compare(
            "population.bytes",
            before.population.messageBytes == after.population.messageBytes
                && before.population.byteMix == after.population.byteMix)
        compare("population.deleted", before.population.deleted == after.population.deleted)
        for field in ServePlan.fixedLimits { compare("limits.\(field.name)", old.limits[field] == fresh.limits[field]) }
        compare("workers", before.workers == after.workers)
        compare("metrics", before.metrics == after.metrics)
        compare("log.file", before.logFile == after.logFile)
        compare("log.level", before.logLevel == after.logLevel)
        return keys
    }
}

extension ServePlan {
    /// The limits by which memory was sized and listeners were opened at start.
    static var fixedLimits: [Server.Limits.Field] {
        Server.Limits.fields.filter { ["connections", "events-per-turn", "unsent-bytes"].contains($0.name) }
    }

    /// This plan with what cannot change as it is in `old`, so that the next reload compares with what is in force.
    fileprivate func keeping(_ old: ServePlan) -> ServePlan {
        var settings = settings
        settings.pop3 = old.settings.pop3
        settings.pop3s = old.settings.pop3s
        settings.population = old.settings.population
        settings.workers = old.settings.workers
        settings.metrics = old.settings.metrics
        settings.logFile = old.settings.logFile
        settings.logLevel = old.settings.logLevel
        var limits = limits
        for field in Self.fixedLimits { limits[field] = old.limits[field] }
        return ServePlan(settings: settings, file: file, limits: limits)
    }
}
