// The plan of one generator thread: who logs on when, with which script. Everything random is drawn from the root seed,
// split by (thread, purpose), so that the plan depends on (profile, users, seed, thread k of n) and on nothing else.
// Invariants: threads' users are disjoint; planned times never decrease; `next` allocates nothing.

import PoplarCore
import Telemetry

/// One planned session.
@frozen
public struct SessionPlan: Sendable, Equatable {
    /// Planned start, nanoseconds from the run's start. In a closed load: the time the driver gave.
    public let plannedNs: UInt64
    /// Number of the session, unique over all threads.
    public let index: UInt64
    /// Row of the user table.
    public let user: UInt32
    /// Row of `Profile.scripts`.
    public let script: UInt16
    /// Index into `Profile.phases`.
    public let phase: UInt8
    public let isMeasured: Bool

    @inlinable
    public init(plannedNs: UInt64, index: UInt64, user: UInt32, script: UInt16, phase: UInt8, isMeasured: Bool) {
        self.plannedNs = plannedNs
        self.index = index
        self.user = user
        self.script = script
        self.phase = phase
        self.isMeasured = isMeasured
    }
}

/// The users cannot carry the profile: exit code 64.
public struct ScheduleError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
}

/// The sessions of thread k of n.
public struct Schedule: Sendable {
    /// What each random stream is for.
    private enum Purpose {
        static let arrivals: UInt32 = 1
        static let scripts: UInt32 = 2
        static let users: UInt32 = 3
        static let closed: UInt64 = 4
        static let think: UInt64 = 5
        static let replay: UInt64 = 6
    }

    private let model: Profile.Model
    let scripts: ScriptTable
    private let curve: RateCurve
    private let root: UInt64
    private let thread: UInt64
    private let threads: UInt64
    private var arrivals: ArrivalStream
    private var scriptRandom: Xoshiro256
    private var ring: UserRing
    private let needs: [IdentitySet]
    private let retryPool: Profile.RetryPool?
    private var retryRing: UserRing?
    /// Which scripts are those of the retry pool.
    private let isRetry: [Bool]
    /// Sessions of the retry pool so far that found nobody ready, and took one of the other users.
    private(set) var poolMisses = 0
    private var ordinal: UInt64 = 0
    private(set) var closed: ClosedUsers
    /// The starts of all threads, and the one looked at next; empty unless a trace is replayed.
    private let trace: Trace
    private var traceAt = 0

    /// The plan of `thread` (from 0) out of `threads`. In a distributed run both count over all ranks. `seed` defaults to the
    /// profile's.
    public init(profile: Profile, users: UserTable, thread: Int, threads: Int, seed: UInt64? = nil) throws(ScheduleError) {
        precondition(threads > 0 && threads < 1 << 20 && thread >= 0 && thread < threads, "thread out of range")
        let root = seed ?? profile.seed
        func stream(_ purpose: UInt32) -> Xoshiro256 { Xoshiro256(root: root, rank: 0, thread: UInt32(thread), purpose: purpose) }
        self.root = root
        self.thread = UInt64(thread)
        self.threads = UInt64(threads)
        model = profile.model
        scripts = profile.scripts
        needs = profile.scripts.rows.map(\.needs)
        curve = RateCurve(profile.phases)
        scriptRandom = stream(Purpose.scripts)
        var shuffle = stream(Purpose.users)
        ring = UserRing(users: users, thread: thread, threads: threads, random: &shuffle)
        trace = profile.trace ?? Trace()
        retryPool = profile.retryPool
        isRetry = profile.scripts.rows.map { profile.clients[Int($0.client)].usesRetryPool }
        if let pool = profile.retryPool { retryRing = ring.splitOff(share: pool.share) }
        switch model {
        case .open(.trace):
            guard profile.trace != nil else { throw ScheduleError(description: "the profile's trace has not been read") }
            arrivals = ArrivalStream(curve: RateCurve([]), process: .uniform, thread: 0, threads: 1, random: stream(0))
            closed = ClosedUsers()
        case .open(let process):
            arrivals = ArrivalStream(
                curve: curve, process: process, thread: thread, threads: threads, random: stream(Purpose.arrivals))
            closed = ClosedUsers()
            try ring.check(scripts.rows, thread: thread, threads: threads, rows: users)
            let pooled = zip(scripts.rows, isRetry).filter(\.1).map(\.0)
            try retryRing?.check(pooled, thread: thread, threads: threads, rows: users, of: " of the retry pool")
        case .closed(let count, _):
            arrivals = ArrivalStream(curve: RateCurve([]), process: .uniform, thread: 0, threads: 1, random: stream(0))
            let shares = try ClosedUsers.shareOut(count, scripts: scripts, users: users, threads: threads)
            closed = ClosedUsers(count: shares[thread], ring: ring, scripts: scripts, users: users)
        }
    }

    /// Open load: the next session in the order of planned times; nil at the end of the phases (and always in a closed load).
    public mutating func next() -> SessionPlan? {
        guard model.isOpen else { return nil }
        if model == .open(.trace) { return nextReplayed() }
        guard let arrival = arrivals.next() else { return nil }
        let script = scripts.draw(&scriptRandom)
        guard let user = takeUser(script, arrival.ns) else { return nil }
        defer { ordinal &+= 1 }
        return SessionPlan(
            plannedNs: arrival.ns, index: ordinal &* threads &+ thread, user: user, script: script,
            phase: UInt8(truncatingIfNeeded: arrival.phase), isMeasured: curve.pieces[arrival.phase].isMeasured)
    }

    /// The user of a session: the retry pool's where the script is one of it and somebody is ready, else one of the others.
    private mutating func takeUser(_ script: UInt16, _ ns: UInt64) -> UInt32? {
        let needed = needs[Int(script)]
        if let retryPool, isRetry[Int(script)] {
            if let user = retryRing?.take(needed, at: ns, afterNs: retryPool.afterNs) { return user }
            poolMisses &+= 1
        }
        return ring.take(needed)
    }

    /// Users of this thread in the retry pool.
    var poolUsers: Int { retryRing?.count ?? 0 }

    /// The next start of the trace whose user is this thread's: row mod threads. Which script it draws among those that its line
    /// leaves open depends on the seed and the line alone.
    private mutating func nextReplayed() -> SessionPlan? {
        while traceAt < trace.starts.count {
            let place = traceAt
            traceAt &+= 1
            let start = trace.starts[place]
            guard UInt64(start.user) % threads == thread, let phase = curve.piece(at: start.ns) else { continue }
            var random = personal(0, UInt64(place), Purpose.replay)
            let script = trace.choices[Int(start.choice)].draw(&random)
            defer { ordinal &+= 1 }
            return SessionPlan(
                plannedNs: start.ns, index: ordinal &* threads &+ thread, user: start.user,
                script: UInt16(truncatingIfNeeded: script), phase: UInt8(truncatingIfNeeded: phase),
                isMeasured: curve.pieces[phase].isMeasured)
        }
        return nil
    }

    /// Closed load: the rows of this thread's users, each of whom runs one session after the other. Empty in an open load.
    public var closedUsers: [UInt32] { closed.users }

    /// Closed load: the next session of `closedUsers[place]`, begun `ns` after the run's start; nil after the last phase.
    /// A user's sequence of scripts depends on the seed and the user alone.
    public mutating func next(place: Int, ns: UInt64) -> SessionPlan? {
        guard closed.users.indices.contains(place), let phase = curve.piece(at: ns) else { return nil }
        let user = closed.users[place]
        var random = personal(user, closed.begun[place], Purpose.closed)
        closed.begun[place] &+= 1
        let script = closed.draw(place, &random)
        defer { ordinal &+= 1 }
        return SessionPlan(
            plannedNs: ns, index: ordinal &* threads &+ thread, user: user, script: script,
            phase: UInt8(truncatingIfNeeded: phase), isMeasured: curve.pieces[phase].isMeasured)
    }

    /// Closed load: the pause of `closedUsers[place]` after its latest session, nanoseconds; 0 in an open load.
    public func thinkTimeNs(place: Int) -> UInt64 {
        guard case .closed(_, let think) = model, closed.users.indices.contains(place) else { return 0 }
        guard think.isExponential else { return think.meanNs }
        var random = personal(closed.users[place], closed.begun[place], Purpose.think)
        return UInt64(min(ExactMath.exponential(&random) * Double(think.meanNs), 1e18))
    }

    /// Closed load: when the user of `closedUsers[place]` begins, nanoseconds from the run's start: as if he had been at it for
    /// long, so anywhere in a constant pause, and after a whole exponential one, which has no memory. Not all in one moment.
    public func firstPauseNs(place: Int) -> UInt64 {
        guard case .closed(_, let think) = model, closed.users.indices.contains(place) else { return 0 }
        guard !think.isExponential else { return thinkTimeNs(place: place) }
        var random = personal(closed.users[place], closed.begun[place], Purpose.think)
        return UInt64(min(random.nextUnit() * Double(think.meanNs), 1e18))
    }

    private func personal(_ user: UInt32, _ session: UInt64, _ purpose: UInt64) -> Xoshiro256 {
        Xoshiro256(seed: SplitMix64.mix(SplitMix64.mix(root ^ (UInt64(user) << 8 | purpose)) ^ session))
    }
}

/// Hash of a whole plan, for --dry-run: two runs with the same hash offer the same load, session by session.
public enum PlanHash {
    /// Plans of a thread, or sessions of a closed user, that enter the hash.
    public static let planLimit = 1_000_000
    public static let closedSessions = 64

    /// Where sessions come from (`Profile.sources`) and go to is not what is planned, and stays out of it.
    /// Starting from the number of threads, each 64-bit word w updates h to mix((h xor w) + 0x9E3779B97F4A7C15), mix being
    /// SplitMix64's output function. Words: the script rows with their shares, then, thread by thread, each plan's time,
    /// index, user, and (script, phase, measured). A closed load's times are unknown: its users' first scripts enter.
    public static func compute(profile: Profile, users: UserTable, threads: Int, seed: UInt64? = nil) throws(ScheduleError)
        -> UInt64
    {
        var hash = Accumulator(value: UInt64(threads))
        for (row, share) in zip(profile.scripts.rows, profile.scripts.shares) { hash.add(row, share) }
        for thread in 0..<threads {
            var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: threads, seed: seed)
            var count = 0
            while count < planLimit, let plan = schedule.next() {
                hash.add(plan)
                count += 1
            }
            for place in schedule.closedUsers.indices {
                for _ in 0..<closedSessions {
                    if let plan = schedule.next(place: place, ns: 0) { hash.add(plan) }
                    hash.add(schedule.thinkTimeNs(place: place))
                }
            }
        }
        return hash.value
    }

    /// Sixteen hexadecimal digits.
    public static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private struct Accumulator {
        var value: UInt64

        mutating func add(_ word: UInt64) { value = SplitMix64.mix((value ^ word) &+ 0x9E37_79B9_7F4A_7C15) }

        mutating func add(_ plan: SessionPlan) {
            add(plan.plannedNs)
            add(plan.index)
            add(UInt64(plan.user))
            add(UInt64(plan.script) << 16 | UInt64(plan.phase) << 8 | (plan.isMeasured ? 1 : 0))
        }

        mutating func add(_ row: SessionScript, _ share: Double) {
            add(share.bitPattern)
            add(word(row.persona.rawValue, row.transport.rawValue, row.probe.rawValue, row.ntlmVersion.rawValue))
            add(word(row.tlsVersion.planWord, row.resumesTLS ? 1 : 0, row.expected.rawValue, row.client))
            for index in 0..<row.chain.count { add(row.chain[index]) }
            add(
                word(
                    row.plannedLink, row.afterRefusal.rawValue, UInt8(row.habits.rawValue >> 8), UInt8(row.habits.rawValue & 255))
            )
            let work = row.work
            add(UInt64(work.retrieveMessages) << 32 | UInt64(work.topMessages))
            add(UInt64(work.topLines) << 32 | UInt64(work.index))
            let steps: [Bool] = [
                work.stat, work.list, work.uidl, work.deletesRetrieved, work.quits, work.retrievesNew, work.resets,
                work.chosenShare != nil,
            ]
            add(steps.reduce(UInt64(work.depth)) { $0 << 1 | ($1 ? 1 : 0) })
            add(UInt64(work.chosenShare ?? 0) << 32 | UInt64(work.readRate))
            add(work.idleNs)
            add(work.noopEveryNs &+ UInt64(work.abandon.rawValue))
        }

        private mutating func add(_ link: LogonLink) {
            add(word(link.method.rawValue, link.identity.rawValue, link.usesWrongPassword ? 1 : 0, link.rule.rawValue))
        }

        private func word(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> UInt64 {
            UInt64(a) << 24 | UInt64(b) << 16 | UInt64(c) << 8 | UInt64(d)
        }
    }
}
