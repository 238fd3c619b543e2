// What a start takes of memory by its settings, part by part, against what there is. Values that are each in range have
// products that are not; a start that cannot end well is refused with the names of the keys, before anything is made.

import Accounts
import Administration
import Doctor
import Foundation
import LoadGenerator
import Maildrop
import Server
import Workload

struct StartMemory {
    /// One product of settings.
    struct Part {
        /// The keys as their form writes them.
        let keys: String
        /// Where the settings file gives the first of them.
        let place: String
        /// Octets that are written sooner or later.
        let written: Double
        /// Addresses that are reserved beside them.
        var reserved = 0.0
    }

    /// What is missing, in a sentence.
    struct Shortage: Error, CustomStringConvertible {
        let description: String
        let place: String
        let remedy: String
    }

    /// How keys are written where they were given.
    enum Form {
        case options
        case file

        func key(_ section: String, _ name: String) -> String {
            switch self {
            case .options: "--\(section == "limits" ? "limit" : section) \(name)"
            case .file: "\(section).\(name)"
            }
        }
    }

    private(set) var parts: [Part] = []
    /// Code, libraries and what every start takes.
    private static let process = 48.0 * 1024 * 1024

    mutating func add(_ part: Part) { parts.append(part) }

    /// The parts of a server.
    mutating func addServer(_ plan: ServePlan, workers: Int, form: Form) {
        let population = plan.settings.population
        let needs = plan.populationNeeds
        func key(_ name: String) -> String { form.key("population", name) }
        add(Part(keys: "\(key("messages")) x \(key("bytes"))", place: "population.bytes", written: needs.messages))
        add(
            Part(
                keys: key("users"), place: "population.users",
                written: Double(AccountTable.populationBytes(users: population.users)) + needs.mailboxes))
        add(
            Part(
                keys: "\(key("users")) x \(key("messages")) with deleted=gone", place: "population.users",
                written: needs.removals))
        add(
            Part(
                keys: form.key("limits", "connections"), place: "limits.connections",
                written: ServerInstance.seatBytes(plan.limits)))
        add(
            Part(
                keys: form == .file ? "workers" : "--workers", place: "workers",
                written: Double(workers) * ServerInstance.workerBytes,
                reserved: Double(workers) * ServerInstance.stackBytes))
    }

    /// The parts of a load generator: what it takes before the first session, and the users.
    mutating func addGenerator(_ profile: Profile, users: Int, threads: Int) {
        let load = LoadMemory(profile, users: users, threads: threads)
        let stacks = Double(threads) * ServerInstance.stackBytes
        add(Part(keys: "limits.in_flight", place: "limits.in_flight", written: load.sessions, reserved: load.seats))
        add(Part(keys: "the users", place: "population.users", written: load.users))
        add(Part(keys: "--threads x users", place: "population.users", written: load.threads, reserved: stacks))
    }

    /// The parts of the server that `run` starts for a profile.
    mutating func addServer(of profile: Profile, workers: Int) {
        var settings = ServiceSettings()
        let population = profile.population
        settings.population.users = population.users
        settings.population.messages = population.messages
        settings.population.messageBytes = population.messageBytes
        settings.population.messageMix = population.messageMix.map { .init(value: $0.value, weight: $0.share) }
        settings.population.byteMix = population.byteMix.map { .init(value: $0.value, weight: $0.share) }
        settings.population.deleted = population.deleted == .gone ? .gone : .restore
        addServer(
            ServePlan(settings: settings, file: nil, limits: .quickForm), workers: profile.server.workers ?? workers,
            form: .file)
    }

    /// What is missing; nil when all fits, or when the machine does not say what it has.
    func shortage(_ room: MemoryRoom?, of what: String = "the server") -> Shortage? {
        guard let room, let largest = parts.max(by: { $0.written + $0.reserved < $1.written + $1.reserved }) else {
            return nil
        }
        let written = parts.reduce(Self.process) { $0 + $1.written }
        let reserved = parts.reduce(written) { $0 + $1.reserved }
        func sentence(_ bytes: Double, _ bound: MemoryRoom.Bound) -> Shortage {
            let part = largest.written + (bytes > written ? largest.reserved : 0)
            return Shortage(
                description:
                    "\(what) takes \(Self.text(bytes)) of memory, and \(Self.text(Double(bound.bytes))) can be had "
                    + "(\(bound.source)): \(largest.keys) makes \(Self.text(part)) of it",
                place: largest.place, remedy: "lower \(largest.keys.contains(" x ") ? "one of them" : "it")")
        }
        if written > Double(room.memory.bytes) { return sentence(written, room.memory) }
        if let addresses = room.addresses, reserved > Double(addresses.bytes) { return sentence(reserved, addresses) }
        return nil
    }

    /// Octets in binary units.
    static func text(_ bytes: Double) -> String {
        var rest = bytes
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if rest < 1023.5 { return unit == "B" ? "\(Int(rest)) B" : String(format: "%.1f %@", rest, unit) }
            rest /= 1024
        }
        return String(format: "%.1f TiB", rest)
    }
}
