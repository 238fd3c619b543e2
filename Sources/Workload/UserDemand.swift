// Whether the users suffice: peak rate x session time-out, for each group of sessions that only some of the users can serve.
// Some serve several groups, and a draw takes the one idle longest, so they spread as well as they can: the users are too
// few exactly where some groups together start more sessions within a time-out than there are users for any of them (Hall,
// On Representatives of Subsets, 1935).

/// Sessions that start within a time-out at the peak, and the users who can serve them.
public struct UserDemand: Sendable, Equatable {
    /// Whose users a group takes.
    public enum Side: UInt8, Sendable {
        /// Everybody's: there is no retry pool.
        case all
        /// Those outside the retry pool.
        case others
        case pool
    }

    public let side: Side
    /// What its sessions need, one set for each kind of them.
    public let needs: [IdentitySet]
    /// Whether every row of the user table has one of `needs`.
    public let isServedByAll: Bool
    /// Part of all sessions, 0...1.
    public let share: Double
    /// Sessions of the retry pool that find nobody ready there, and come on top within one time-out.
    public let misses: Int
    /// How long a session holds its user at the most, nanoseconds.
    public let holdNs: UInt64
    public let needed: Int
    /// Users who have what one of `needs` asks for.
    public let users: Int

    public var isMet: Bool { users >= needed }
}

extension UserDemand {
    /// The groups of an open load, the smallest choice of users first; none where a user may be logged on twice, or a trace names
    /// them. `misses`: by the value of the identity set, the most sessions in one time-out that the retry pool turns away.
    static func groups(
        _ profile: Profile, users: UserTable, threads: Int, misses: [Int] = [Int](repeating: 0, count: 8)
    ) -> [UserDemand] {
        guard profile.model.isOpen, profile.trace == nil, profile.traceSource == nil, !profile.allowsOverlap else { return [] }
        let counts = UserRing.counts(users.countsBySet, threads: threads, poolShare: profile.retryPool?.share)
        let scripts = zip(profile.scripts.rows, profile.scripts.shares)
        func isPooled(_ row: SessionScript) -> Bool {
            profile.retryPool != nil && profile.clients[Int(row.client)].usesRetryPool
        }
        func shares(_ rows: some Sequence<(SessionScript, Double)>) -> [Double] {
            rows.reduce(into: [Double](repeating: 0, count: 8)) { $0[Int($1.0.needs.rawValue & 7)] += $1.1 }
        }
        let hold = profile.limits.sessionTimeoutNs
        let rest = shares(scripts.filter { !isPooled($0.0) })
        let side = profile.retryPool == nil ? Side.all : .others
        var found = groups(side, rest, counts.others, users, peakRate: profile.peakRate, misses: misses, holdNs: hold)
        if let pool = profile.retryPool {
            // The pool's users come again `after` their last start by the profile's own word: too few are they where their
            // sessions last longer than that even on a server that takes no time.
            let pooled = scripts.filter { isPooled($0.0) }
            let own = pooled.reduce(0) { max($0, $1.0.work.ownTimeNs(profile.target.isEmpty ? profile.population : nil)) }
            if pool.afterNs < min(hold, own) {
                let none = [Int](repeating: 0, count: 8)
                found += groups(
                    .pool, shares(pooled), counts.pool, users, peakRate: profile.peakRate, misses: none, holdNs: min(hold, own))
            }
        }
        return found
    }

    /// Kinds of sessions whose users are the same are one group; of each choice of users the largest group counts.
    private static func groups(
        _ side: Side, _ shares: [Double], _ counts: [Int], _ users: UserTable, peakRate: Double, misses: [Int], holdNs: UInt64
    ) -> [UserDemand] {
        let kinds = (0..<8).filter { shares[$0] > 0 || misses[$0] > 0 }
        // The sets of identities, as bits, that serve a kind.
        let serving = kinds.map { kind in (0..<8).reduce(0) { $0 | ($1 & kind == kind && counts[$1] > 0 ? 1 << $1 : 0) } }
        var choices: Set<Int> = []
        for pick in 1..<max(1, 1 << kinds.count) {
            choices.insert(kinds.indices.reduce(0) { $0 | (pick >> $1 & 1 == 1 ? serving[$1] : 0) })
        }
        let all = users.countsBySet
        func total(_ choice: Int) -> Int { (0..<8).reduce(0) { $0 + (choice >> $1 & 1 == 1 ? counts[$1] : 0) } }
        let sorted = choices.sorted { (total($0), $0) < (total($1), $1) }
        return sorted.compactMap { (choice) -> UserDemand? in
            let members = kinds.indices.filter { serving[$0] & ~choice == 0 }
            // Groups that share no user say all that both of them together could say.
            guard isConnected(choice, members.map { serving[$0] }) else { return nil }
            let share = members.reduce(0) { $0 + shares[kinds[$1]] }
            let missed = members.reduce(0) { $0 + misses[kinds[$1]] }
            let needed = peakRate * share * Double(holdNs) / 1e9
            return UserDemand(
                side: side, needs: members.map { IdentitySet(rawValue: UInt8(kinds[$0])) },
                isServedByAll: (0..<8).allSatisfy { set in all[set] == 0 || members.contains { set & kinds[$0] == kinds[$0] } },
                share: share, misses: missed,
                // Shares add up to 1 but for their rounding.
                holdNs: holdNs, needed: Int((needed * (1 - 1e-9)).rounded(.up)) + missed,
                users: total(choice))
        }
    }

    /// Whether `parts`, sets of bits that make up `whole`, hang together.
    private static func isConnected(_ whole: Int, _ parts: [Int]) -> Bool {
        var reached = parts.first ?? whole
        for _ in parts { reached = parts.reduce(reached) { $0 & $1 == 0 ? $0 : $0 | $1 } }
        return reached == whole
    }
}

extension Profile {
    /// What the users fall short of on `threads` generator threads; empty when they suffice.
    public func userShortages(_ users: UserTable, threads: Int) -> [UserDemand] {
        UserDemand.groups(self, users: users, threads: threads).filter { !$0.isMet }
    }
}

// MARK: Text

extension UserDemand {
    /// Who is meant: " outside the retry pool with an NT user", empty for everybody.
    private var who: String {
        let place =
            switch side {
            case .all: ""
            case .others: " outside the retry pool"
            case .pool: " in the retry pool"
            }
        return isServedByAll ? place : place + " with " + needs.map(\.text).joined(separator: ", or with ")
    }

    private var reckoning: String {
        let part = share > 0.999_999_999 ? "" : "\(PlanText.percent(share)) of the "
        let span = PlanText.span(holdNs)
        let hold = side == .pool ? "the \(span) that a session takes" : "session time-out \(span)"
        let extra = misses > 0 ? " + \(misses) whom the retry pool turns away" : ""
        return "\(part)peak rate x \(hold)\(extra) = \(needed)"
    }

    private var remedy: String {
        switch side {
        case .pool: "raise retry_pool.share, or retry_pool.after to \(PlanText.span(holdNs))"
        case .others: "lower retry_pool.share, add users\(isServedByAll ? "" : " with them"), or shorten limits.session_timeout"
        case .all: "add users\(isServedByAll ? "" : " with it"), or shorten limits.session_timeout"
        }
    }

    /// A line of a plan.
    var planText: String {
        isMet
            ? "enough\(who): \(reckoning)" + (side == .all && isServedByAll ? "" : " of \(users)")
            : "too few\(who): \(reckoning), and there are \(users); \(remedy)"
    }

    /// For a note in a report.
    public var note: String { "\(users) users\(who) are fewer than \(reckoning): a slow server exhausts them" }

    /// The one line of an error.
    public var shortage: String { "too few users\(who): \(users), and \(reckoning)" }
}
