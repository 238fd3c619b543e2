// What a run would do, before it does anything: for `--dry-run`, and for the checks before a run.
// Pure: computed from the profile and the number of users, without a socket or a clock.

public import Telemetry

/// The plan of a profile in figures.
public struct DryRun: Sendable {
    /// Sessions of one planned method on one transport.
    public struct MethodRow: Sendable, Equatable {
        public let method: AuthMethod
        public let transport: Transport
        /// Part of all sessions, 0...1.
        public let share: Double
        /// Expected over the measured phases; nil when closed.
        public let measuredSessions: Double?
    }

    /// Sessions of one client, by planned method and transport.
    public struct ClientRow: Sendable, Equatable {
        public let client: String
        public let persona: String
        public let method: AuthMethod
        public let transport: Transport
        public let share: Double
        public let measuredSessions: Double?

        /// The client's name, with its persona where that is another.
        var title: String { client == persona ? client : "\(client) (\(persona))" }
    }

    /// A variant of a protocol with its part of all sessions.
    public struct MixRow: Sendable, Equatable {
        public let name: String
        public let share: Double
    }

    public let profile: String
    public let isOpen: Bool
    public let phases: [Profile.Phase]
    public let durationNs: UInt64
    public let measuredNs: UInt64
    /// Sessions expected over all phases and over the measured ones; nil when closed.
    public let expectedSessions: Double?
    public let expectedMeasured: Double?
    public let peakRate: Double
    public let methods: [MethodRow]
    public let clients: [ClientRow]
    /// Part of each row of `Profile.scripts` in what the run starts: by the weights, by what a trace names, or by what closed
    /// users can run.
    public let scriptShares: [Double]
    /// NTLM responses, and TLS versions with full or resumed handshakes, of the sessions that are planned with them.
    public let ntlm: [MixRow]
    public let tls: [MixRow]
    /// Part of all sessions that is planned to fall back, and to be refused.
    public let fallbackShare: Double
    public let refusalShare: Double
    /// Users in the table, and those that some planned session uses.
    public let users: Int
    public let usersTouched: Int
    public let usersNeeded: Int
    /// Whether the users suffice, by what sessions need of them; empty when closed, with overlap, and where a trace names them.
    public let demands: [UserDemand]
    public let sessionTimeoutNs: UInt64
    /// Starts of a trace that come within the session time-out of their user's earlier one; nil unless one is replayed.
    public let closeStarts: Int?
    public let allowsOverlap: Bool
    /// The retry pool: its users, the time between two starts of one, and the sessions that find nobody ready; nil without one.
    public let retryPool: (users: Int, afterNs: UInt64, misses: Int)?
    /// The addresses that sessions come from; empty leaves them to the kernel.
    public let sources: SourceAddresses
    public let threads: Int
    public let seed: UInt64
    public let planHash: UInt64
    /// What the plan asks of the machine, and what that has; the command sets both where it knows them.
    public var needs: PlanNeeds?
    public var room: PlanRoom?

    /// Draws the whole plan of `threads` generator threads (see PlanHash.planLimit).
    public init(profile: Profile, users: UserTable, threads: Int, seed: UInt64? = nil) throws(ScheduleError) {
        self.profile = profile.name
        isOpen = profile.model.isOpen
        phases = profile.phases
        durationNs = profile.durationNs
        measuredNs = profile.measuredNs
        peakRate = profile.peakRate
        let measured = profile.phases.reduce(0) { $0 + ($1.isMeasured ? $1.expectedSessions : 0) }
        expectedSessions = isOpen ? profile.phases.reduce(0) { $0 + $1.expectedSessions } : nil
        expectedMeasured = isOpen ? measured : nil
        let drawn = try Self.draw(profile, users, threads, seed)
        let shares = PlanShares(profile, closed: drawn.closedShares)
        let table = profile.scripts.rows
        scriptShares = shares.all
        methods = Self.rows(table, shares)
        clients = Self.clients(profile, shares)
        let rows = zip(table, shares.all)
        ntlm = Self.mix(rows) { $0.plannedMethod.isNTLM ? $0.ntlmVersion.name : nil }
        tls = Self.mix(rows) { row in
            row.transport == .pop3 ? nil : "\(row.tlsVersion.name) \(row.resumesTLS ? "resumed" : "full")"
        }
        fallbackShare = rows.reduce(0) { $0 + ($1.0.isPlannedFallback ? $1.1 : 0) }
        refusalShare = rows.reduce(0) { $0 + ($1.0.expected == .refused ? $1.1 : 0) }
        self.users = users.count
        usersTouched = drawn.touched
        retryPool = profile.retryPool.map { (drawn.poolUsers, $0.afterNs, drawn.misses) }
        usersNeeded = profile.usersNeeded
        demands = UserDemand.groups(profile, users: users, threads: threads, misses: drawn.peakMisses)
        sessionTimeoutNs = profile.limits.sessionTimeoutNs
        closeStarts = profile.trace?.closeStarts(withinNs: profile.limits.sessionTimeoutNs, users: users.count)
        allowsOverlap = profile.allowsOverlap
        sources = profile.sources
        self.threads = threads
        self.seed = seed ?? profile.seed
        planHash = try PlanHash.compute(profile: profile, users: users, threads: threads, seed: seed)
    }

    /// users >= rate x time-out for every group of sessions, or overlap asked for: no own session can find its user still
    /// logged on.
    public var usersSuffice: Bool { demands.allSatisfy(\.isMet) }

    /// Share and measured sessions of the scripts that `fits` picks; nil where they are none.
    private static func sums(
        _ scripts: [SessionScript], _ shares: PlanShares, _ fits: (SessionScript) -> Bool
    ) -> (share: Double, measured: Double?)? {
        let picked = scripts.indices.filter { fits(scripts[$0]) }
        let share = picked.reduce(0) { $0 + shares.all[$1] }
        return share > 0 ? (share, shares.measured.map { measured in picked.reduce(0) { $0 + measured[$1] } }) : nil
    }

    private static func rows(_ scripts: [SessionScript], _ shares: PlanShares) -> [MethodRow] {
        AuthMethod.allCases.flatMap { method in
            Transport.allCases.compactMap { transport in
                sums(scripts, shares) { $0.plannedMethod == method && $0.transport == transport }.map {
                    MethodRow(method: method, transport: transport, share: $0.share, measuredSessions: $0.measured)
                }
            }
        }
    }

    private static func clients(_ profile: Profile, _ shares: PlanShares) -> [ClientRow] {
        profile.clients.enumerated().flatMap { index, client in
            AuthMethod.allCases.flatMap { method in
                Transport.allCases.compactMap { transport -> ClientRow? in
                    let found = sums(profile.scripts.rows, shares) { row in
                        Int(row.client) == index && row.plannedMethod == method && row.transport == transport
                    }
                    return found.map {
                        ClientRow(
                            client: client.name, persona: client.persona.name, method: method, transport: transport,
                            share: $0.share, measuredSessions: $0.measured)
                    }
                }
            }
        }
    }

    /// Shares of the rows by the name that `name` gives them, in the order of the names; rows without one are left out.
    private static func mix(_ rows: some Sequence<(SessionScript, Double)>, _ name: (SessionScript) -> String?) -> [MixRow] {
        var shares: [String: Double] = [:]
        for (row, share) in rows {
            if let name = name(row), share > 0 { shares[name, default: 0] += share }
        }
        return shares.sorted { $0.key < $1.key }.map { MixRow(name: $0.key, share: $0.value) }
    }

    /// What only drawing tells. `peakMisses`: the most sessions in one session time-out, by what they need, that the retry pool
    /// had nobody ready for.
    private struct Drawn {
        var touched = 0
        var poolUsers = 0
        var misses = 0
        var peakMisses = [Int](repeating: 0, count: 8)
        /// Closed load: how often each script is drawn, summed up over the users.
        var closedShares: [Double] = []
    }

    private static func draw(
        _ profile: Profile, _ users: UserTable, _ threads: Int, _ seed: UInt64?
    ) throws(ScheduleError) -> Drawn {
        var drawn = Drawn()
        drawn.closedShares = [Double](repeating: 0, count: profile.scripts.rows.count)
        var seen = [Bool](repeating: false, count: users.count)
        var missed: [UInt64: [Int]] = [:]
        for thread in 0..<threads {
            var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: threads, seed: seed)
            var (plans, misses) = (0, 0)
            while plans < PlanHash.planLimit, let plan = schedule.next() {
                plans += 1
                if !seen[Int(plan.user)] {
                    seen[Int(plan.user)] = true
                    drawn.touched += 1
                }
                guard schedule.poolMisses > misses else { continue }
                misses = schedule.poolMisses
                let needs = Int(profile.scripts.rows[Int(plan.script)].needs.rawValue & 7)
                let window = plan.plannedNs / profile.limits.sessionTimeoutNs
                missed[window, default: [Int](repeating: 0, count: 8)][needs] += 1
            }
            drawn.touched += schedule.closedUsers.count
            drawn.closedShares = zip(drawn.closedShares, schedule.closedShares).map(+)
            drawn.poolUsers += schedule.poolUsers
            drawn.misses += misses
        }
        for counts in missed.values { drawn.peakMisses = zip(drawn.peakMisses, counts).map(max) }
        return drawn
    }
}
