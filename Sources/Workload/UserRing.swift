// The users of one thread in a seeded permutation, taken round robin. Users who lack an identity stand in rings of their own, by
// the set they have; a draw takes, among the rings that can serve it, the user idle longest. With complete users there
// is one ring, and a draw is one step. Invariant: no user belongs to two threads.

import PoplarCore

struct UserRing: Sendable {
    private struct Ring: Sendable {
        let identities: IdentitySet
        var users: [UInt32]
        /// Number of the draw that took the user last; the first round counts as the permutation's order.
        var stamps: [UInt64]
        var head = 0
        /// In a retry pool: when each may come again, nanoseconds from the run's start.
        var readyNs: [UInt64] = []
    }

    private var rings: [Ring] = []
    private var draws: UInt64

    /// The share of `thread`: of the users with equal identities a contiguous range, floor(U k / n) ..< floor(U (k + 1) / n).
    init(users: UserTable, thread: Int, threads: Int, random: inout Xoshiro256) {
        let view = users.view
        var bySet = [[UInt32]](repeating: [], count: 8)
        for user in 0..<UInt32(users.count) { bySet[Int(view.identities(user).rawValue & 7)].append(user) }
        var mine: [UInt32] = []
        for all in bySet { mine += all[Self.range(all.count, thread, threads)] }
        var last = mine.count
        while last > 1 {
            mine.swapAt(last - 1, Int(random.next(below: UInt64(last))))
            last -= 1
        }
        draws = UInt64(mine.count)
        for set in 0..<8 {
            let identities = IdentitySet(rawValue: UInt8(set))
            var ring = Ring(identities: identities, users: [], stamps: [])
            for (place, user) in mine.enumerated() where view.identities(user) == identities {
                ring.users.append(user)
                ring.stamps.append(UInt64(place))
            }
            if !ring.users.isEmpty { rings.append(ring) }
        }
    }

    private static func range(_ count: Int, _ thread: Int, _ threads: Int) -> Range<Int> {
        (count * thread / threads)..<(count * (thread + 1) / threads)
    }

    /// Of `count` users with equal identities, those of one thread who go into its retry pool.
    private static func pooled(_ count: Int, share: Double) -> Int { min(count, Int((Double(count) * share).rounded())) }

    /// The users of `thread` by identity set; `bySet` are those of the table.
    static func counts(_ bySet: [Int], thread: Int, threads: Int) -> [Int] { bySet.map { range($0, thread, threads).count } }

    /// The users of all threads by identity set, in the retry pool and outside it.
    static func counts(_ bySet: [Int], threads: Int, poolShare: Double?) -> (others: [Int], pool: [Int]) {
        let none = [Int](repeating: 0, count: 8)
        guard let poolShare else { return (bySet, none) }
        let pool = (0..<threads).reduce(into: none) { sum, thread in
            for (set, count) in counts(bySet, thread: thread, threads: threads).enumerated() {
                sum[set] += pooled(count, share: poolShare)
            }
        }
        return (zip(bySet, pool).map { $0 - $1 }, pool)
    }

    /// Takes a share of the users, the first of the permutation, out into a ring of their own: a retry pool.
    mutating func splitOff(share: Double) -> UserRing {
        var pool = self
        for index in rings.indices {
            let count = Self.pooled(rings[index].users.count, share: share)
            pool.rings[index].users.removeSubrange(count...)
            pool.rings[index].stamps.removeSubrange(count...)
            pool.rings[index].readyNs = [UInt64](repeating: 0, count: count)
            rings[index].users.removeSubrange(..<count)
            rings[index].stamps.removeSubrange(..<count)
        }
        pool.rings.removeAll { $0.users.isEmpty }
        rings.removeAll { $0.users.isEmpty }
        return pool
    }

    var count: Int { rings.reduce(0) { $0 + $1.users.count } }

    /// All users of the thread, in the order of the permutation.
    var permutation: [UInt32] {
        rings.flatMap { zip($0.stamps, $0.users) }.sorted { $0.0 < $1.0 }.map { $0.1 }
    }

    /// The user idle longest among those who have `needs`; nil when nobody has. In a retry pool also nil when he came less than
    /// `afterNs` before `ns`.
    mutating func take(_ needs: IdentitySet, at ns: UInt64 = 0, afterNs: UInt64 = 0) -> UInt32? {
        var best = -1
        var oldest = UInt64.max
        for index in rings.indices where needs.isSubset(of: rings[index].identities) {
            let stamp = rings[index].stamps[rings[index].head]
            if stamp < oldest {
                oldest = stamp
                best = index
            }
        }
        guard best >= 0 else { return nil }
        let head = rings[best].head
        if afterNs > 0 {
            guard rings[best].readyNs[head] <= ns else { return nil }
            rings[best].readyNs[head] = ns &+ afterNs
        }
        rings[best].stamps[head] = draws
        rings[best].head = head &+ 1 == rings[best].users.count ? 0 : head &+ 1
        draws &+= 1
        return rings[best].users[head]
    }

    /// Whether every script finds a user here.
    func check(
        _ scripts: [SessionScript], thread: Int, threads: Int, rows: UserTable, of pool: String = ""
    ) throws(ScheduleError) {
        for needs in Set(scripts.map(\.needs)).sorted(by: { $0.rawValue < $1.rawValue })
        where !rings.contains(where: { needs.isSubset(of: $0.identities) }) {
            throw ScheduleError(
                description:
                    "generator thread \(thread + 1) of \(threads) has no user\(pool) with \(needs.text): "
                    + "\(rows.count(having: needs)) of the "
                    + "\(rows.count) rows have it; the profile needs at least one for each thread")
        }
    }
}

extension IdentitySet {
    /// The columns behind the set, for messages.
    var text: String {
        var names: [String] = []
        if contains(.account) { names.append("a POP3 account") }
        if contains(.ntUser) { names.append("an NT user") }
        if contains(.member) { names.append("a membership user") }
        return names.isEmpty ? "nothing" : names.joined(separator: " and ")
    }
}

/// The users of one thread in a closed load, with the scripts that each can run.
struct ClosedUsers: Sendable {
    private(set) var users: [UInt32] = []
    /// Sessions begun by each.
    var begun: [UInt64] = []
    private(set) var tables: [AliasTable] = []
    private(set) var tableOf: [UInt8] = []

    init() {}

    /// How many of `count` users each thread has: an even share, floor(count k / n) ..< floor(count (k + 1) / n), but no more
    /// than it has rows that can run a script (see UserRing: those are shared out by what they have); what is left over goes
    /// round the threads with rows to spare.
    static func shareOut(_ count: Int, scripts: ScriptTable, users: UserTable, threads: Int) throws(ScheduleError) -> [Int] {
        let bySet = users.countsBySet
        let able = (0..<8).map { set in
            scripts.restricted(to: IdentitySet(rawValue: UInt8(set))) == nil ? 0 : bySet[set]
        }
        let rows = able.reduce(0, +)
        guard rows >= count else {
            let needs = Set(scripts.rows.map(\.needs)).sorted { $0.rawValue < $1.rawValue }.map(\.text)
            throw ScheduleError(
                description: "the closed load asks for \(count) users at once, and "
                    + (rows == users.count
                        ? "the user table has \(rows) rows"
                        : "\(rows) of the user table's \(users.count) rows have what a session needs: "
                            + needs.joined(separator: ", or ")))
        }
        let most = (0..<threads).map { UserRing.counts(able, thread: $0, threads: threads).reduce(0, +) }
        var shares = most.indices.map { min(count * ($0 + 1) / threads - count * $0 / threads, most[$0]) }
        var rest = count - shares.reduce(0, +)
        while rest > 0 {
            for thread in most.indices where rest > 0 && shares[thread] < most[thread] {
                shares[thread] += 1
                rest -= 1
            }
        }
        return shares
    }

    /// `count` of the users of `ring`: see `shareOut`.
    init(count: Int, ring: UserRing, scripts: ScriptTable, users table: UserTable) {
        var known = [Int?](repeating: nil, count: 8)
        for user in ring.permutation where users.count < count {
            let set = table.identities(Int(user))
            let place = Int(set.rawValue & 7)
            if known[place] == nil, let restricted = scripts.restricted(to: set) {
                known[place] = tables.count
                tables.append(restricted)
            }
            guard let index = known[place] else { continue }
            users.append(user)
            tableOf.append(UInt8(index))
        }
        precondition(users.count == count, "a thread was given more users than it has rows")
        begun = [UInt64](repeating: 0, count: count)
    }

    func draw(_ place: Int, _ random: inout Xoshiro256) -> UInt16 {
        UInt16(truncatingIfNeeded: tables[Int(tableOf[place])].draw(&random))
    }
}
