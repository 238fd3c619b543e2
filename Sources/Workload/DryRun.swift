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
        /// Expected over the measured phases; 0 when closed.
        public let measuredSessions: Double
    }

    public let profile: String
    public let isOpen: Bool
    public let durationNs: UInt64
    public let measuredNs: UInt64
    /// Sessions expected over all phases and over the measured ones; nil when closed.
    public let expectedSessions: Double?
    public let expectedMeasured: Double?
    public let peakRate: Double
    public let methods: [MethodRow]
    /// Part of all sessions that is planned to fall back, and to be refused.
    public let fallbackShare: Double
    public let refusalShare: Double
    /// Users in the table, and those that some planned session uses.
    public let users: Int
    public let usersTouched: Int
    /// peak rate x session time-out: with fewer users an own session may still be open when its user comes round. 0 when closed.
    public let usersNeeded: Int
    public let sessionTimeoutNs: UInt64
    /// Starts of a trace that come within the session time-out of their user's earlier one; nil unless one is replayed.
    public let closeStarts: Int?
    public let allowsOverlap: Bool
    public let threads: Int
    public let seed: UInt64
    public let planHash: UInt64

    /// Draws the whole plan of `threads` generator threads (see PlanHash.planLimit).
    public init(profile: Profile, users: UserTable, threads: Int, seed: UInt64? = nil) throws(ScheduleError) {
        self.profile = profile.name
        isOpen = profile.model.isOpen
        durationNs = profile.durationNs
        measuredNs = profile.measuredNs
        peakRate = profile.peakRate
        let measured = profile.phases.reduce(0) { $0 + ($1.isMeasured ? $1.expectedSessions : 0) }
        expectedSessions = isOpen ? profile.phases.reduce(0) { $0 + $1.expectedSessions } : nil
        expectedMeasured = isOpen ? measured : nil
        methods = Self.rows(profile.scripts, measured: isOpen ? measured : 0)
        let rows = zip(profile.scripts.rows, profile.scripts.shares)
        fallbackShare = rows.reduce(0) { $0 + ($1.0.isPlannedFallback ? $1.1 : 0) }
        refusalShare = rows.reduce(0) { $0 + ($1.0.expected == .refused ? $1.1 : 0) }
        self.users = users.count
        usersTouched = try Self.touched(profile, users, threads, seed)
        usersNeeded = profile.trace != nil ? 0 : Int((peakRate * Double(profile.limits.sessionTimeoutNs) / 1e9).rounded(.up))
        sessionTimeoutNs = profile.limits.sessionTimeoutNs
        closeStarts = profile.trace?.closeStarts(withinNs: profile.limits.sessionTimeoutNs, users: users.count)
        allowsOverlap = profile.allowsOverlap
        self.threads = threads
        self.seed = seed ?? profile.seed
        planHash = try PlanHash.compute(profile: profile, users: users, threads: threads, seed: seed)
    }

    /// users >= rate x time-out, or overlap asked for: no own session can find its user still logged on.
    public var usersSuffice: Bool { allowsOverlap || users >= usersNeeded }

    private static func rows(_ scripts: ScriptTable, measured: Double) -> [MethodRow] {
        var shares = [Double](repeating: 0, count: AuthMethod.count * Transport.count)
        for (row, share) in zip(scripts.rows, scripts.shares) {
            shares[Int(row.plannedMethod.rawValue) * Transport.count + Int(row.transport.rawValue)] += share
        }
        return AuthMethod.allCases.flatMap { method in
            Transport.allCases.compactMap { transport in
                let share = shares[Int(method.rawValue) * Transport.count + Int(transport.rawValue)]
                return share > 0
                    ? MethodRow(method: method, transport: transport, share: share, measuredSessions: share * measured) : nil
            }
        }
    }

    private static func touched(_ profile: Profile, _ users: UserTable, _ threads: Int, _ seed: UInt64?) throws(ScheduleError)
        -> Int
    {
        var seen = [Bool](repeating: false, count: users.count)
        var count = 0
        for thread in 0..<threads {
            var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: threads, seed: seed)
            var plans = 0
            while plans < PlanHash.planLimit, let plan = schedule.next() {
                plans += 1
                if !seen[Int(plan.user)] {
                    seen[Int(plan.user)] = true
                    count += 1
                }
            }
            count += schedule.closedUsers.count
        }
        return count
    }
}

extension DryRun: CustomStringConvertible {
    public var description: String {
        var lines = ["profile    \(profile), \(isOpen ? "open" : "closed") model, seed \(seed), \(threads) generator threads"]
        lines.append("duration   \(Self.seconds(durationNs)), measured \(Self.seconds(measuredNs))")
        if let expectedSessions, let expectedMeasured {
            lines.append(
                "sessions   about \(Int(expectedSessions.rounded())), measured about \(Int(expectedMeasured.rounded())), "
                    + "peak rate \(Self.decimal(peakRate))/s"
            )
        }
        for row in methods {
            let name = Self.padded(row.method.name, 11) + Self.padded(row.transport.name, 6)
            let count = isOpen ? ", about \(Int(row.measuredSessions.rounded())) measured" : ""
            lines.append("  \(name) \(Self.decimal(row.share * 100)) %\(count)")
        }
        lines.append(
            "planned    \(Self.decimal(fallbackShare * 100)) % of the sessions fall back, "
                + "\(Self.decimal(refusalShare * 100)) % are to be refused"
        )
        lines.append("users      \(usersTouched) of \(users) are used")
        if let closeStarts {
            lines.append(
                "trace      \(closeStarts) starts come within the session time-out \(Self.seconds(sessionTimeoutNs)) of their "
                    + "user's earlier one"
            )
        } else if isOpen, !allowsOverlap {
            let bound = "peak rate x session time-out \(Self.seconds(sessionTimeoutNs)) = \(usersNeeded)"
            lines.append(
                users >= usersNeeded
                    ? "           enough: \(bound)" : "           too few: \(bound); add users, or shorten limits.session_timeout"
            )
        }
        lines.append("plan hash  \(PlanHash.text(planHash))")
        return lines.joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.utf8.count))
    }

    private static func seconds(_ ns: UInt64) -> String { "\(decimal(Double(ns) / 1e9)) s" }

    /// At most two decimals.
    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        if rest == 0 { return String(whole) }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
