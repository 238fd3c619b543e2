// What a plan asks of the machine that runs it: connections, ports, descriptors, memory, and whether the machine has them.
// Pure: the machine's side comes in as figures. Upper bounds, not forecasts: what a server that answers at its worst makes of it.

import Telemetry

/// What the machine has, as far as a plan needs it.
public struct PlanRoom: Sendable, Equatable {
    /// Ephemeral ports of one source address (ip_local_port_range).
    public var ports: ClosedRange<Int>
    public var sourceAddresses: Int
    /// How long a port rests after this side closed first: 60 s, or 1 s where the kernel takes it back (tcp_tw_reuse, loopback).
    public var restS: Double
    /// Open files of a process (RLIMIT_NOFILE, hard: it is raised at the start).
    public var descriptors: Int
    public var memoryBytes: UInt64

    public init(ports: ClosedRange<Int>, sourceAddresses: Int = 1, restS: Double, descriptors: Int, memoryBytes: UInt64) {
        self.ports = ports
        self.sourceAddresses = sourceAddresses
        self.restS = restS
        self.descriptors = descriptors
        self.memoryBytes = memoryBytes
    }
}

public struct PlanNeeds: Sendable, Equatable {
    /// Connections open at once, at the most.
    public let openSessions: Int
    /// Of the sessions, the part that goes to the busier of the two ports.
    public let busierShare: Double
    /// Sessions a second, at the peak, that this side closes first: their ports rest.
    public let closedHerePerS: Double
    public let descriptors: Int
    public let generatorBytes: Double
    /// Of the embedded server; nil when the target is another one.
    public let serverBytes: Double?
    /// The key that bounds the sessions open at once.
    private let bound: String

    /// Measured on 64-bit Linux and rounded up; docs/commands.md says how.
    private enum Octets {
        static let process = 32.0 * 1024 * 1024
        static let thread = 8.0 * 1024 * 1024
        static let plainSession = 3.0 * 1024
        static let tlsSession = 40.0 * 1024
        static let user = 512.0
    }

    /// `shares`: how often each script runs (`DryRun.scriptShares`); by default as the profile's weights say.
    public init(profile: Profile, users: UserTable, threads: Int, startsServer: Bool, shares: [Double]? = nil) {
        switch profile.model {
        case .open(.trace): openSessions = min(profile.limits.inFlight, users.count)
        case .open: openSessions = min(profile.limits.inFlight, profile.usersNeeded)
        case .closed(let users, _): openSessions = users
        }
        bound = profile.model.isOpen ? "limits.in_flight" : "users"
        let rows = zip(profile.scripts.rows, shares ?? profile.scripts.shares)
        let onTLSPort = rows.reduce(0) { $0 + ($1.0.transport == .pop3s ? $1.1 : 0) }
        busierShare = max(onTLSPort, 1 - onTLSPort)
        let closesHere = rows.reduce(0) { $0 + ($1.0.work.closesFirst ? $1.1 : 0) }
        closedHerePerS = profile.peakRate * closesHere
        descriptors = openSessions + 8 * threads + 64
        let encrypted = rows.reduce(0) { $0 + ($1.0.transport != .pop3 ? $1.1 : 0) }
        let session = encrypted * Octets.tlsSession + (1 - encrypted) * Octets.plainSession
        let open = Double(openSessions) * session
        generatorBytes = Octets.process + Double(threads) * Octets.thread + Double(users.count) * Octets.user + open
        serverBytes = startsServer ? Octets.process + profile.population.residentBytes(user: Octets.user) + open : nil
    }

    /// Ports of one source address and destination that are taken at once, open and resting.
    public func ports(restS: Double) -> Int {
        Int((Double(openSessions) * busierShare).rounded(.up)) + Int((closedHerePerS * busierShare * restS).rounded(.up))
    }

    /// What is missing, each with what mends it; empty when all is there.
    public func shortages(_ room: PlanRoom) -> [String] {
        var found: [String] = []
        let ports = ports(restS: room.restS)
        if ports > room.ports.count * room.sourceAddresses {
            let addresses = (ports + room.ports.count - 1) / max(1, room.ports.count)
            found.append(
                "ports: \(ports) of \(room.ports.count * room.sourceAddresses); widen net.ipv4.ip_local_port_range, or use "
                    + "\(addresses) source addresses (--source)")
        }
        if descriptors > room.descriptors {
            found.append(
                "descriptors: \(descriptors) of \(room.descriptors); raise the limit (ulimit -n), or lower \(bound)")
        }
        let bytes = generatorBytes + (serverBytes ?? 0)
        if bytes > Double(room.memoryBytes) {
            found.append(
                "memory: \(PlanText.memory(bytes)) of \(PlanText.memory(Double(room.memoryBytes))); lower \(bound)")
        }
        return found
    }
}

extension MailboxWork {
    /// Whether the client closes the connection before the server does, and in order: its port then rests in TIME_WAIT.
    var closesFirst: Bool { (!quits || abandon != .never) && !resets }
}

extension Profile.Population {
    /// Memory of the embedded server: messages lie there once for all mailboxes, those of mixed sizes 1,024 different ones.
    func residentBytes(user: Double) -> Double {
        let kinds = byteMix.isEmpty ? messages : max(messages, 1024)
        return Double(kinds) * meanBytes + Double(users) * 2 * user
    }
}

extension Profile {
    /// Peak rate x session time-out: with fewer users an own session may still be open when its user comes round. 0 when closed,
    /// and where a trace names the users.
    public var usersNeeded: Int { trace != nil ? 0 : Int((peakRate * Double(limits.sessionTimeoutNs) / 1e9).rounded(.up)) }
}
