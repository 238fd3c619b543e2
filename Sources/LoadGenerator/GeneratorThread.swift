// One generator thread: its event queue, its sessions, its share of the schedule, and nothing shared but orders and
// hand-overs. A turn of the loop: wait until the next event, timer or planned start; events; timers; starts. Deadlines
// are absolute and nothing spins, so an idle generator costs nothing, and a late one shows as start lag.
// Invariant: each session that fell due is recorded exactly once.

import CJemalloc
import Glibc
import PoplarCore
import Reactor
import Synchronization
import TLS
import Telemetry
import Workload

/// What a thread is made from. It is built on the control thread and read by its own.
struct ThreadPlan: Sendable {
    let configuration: LoadConfiguration
    let schedule: Schedule
    let credentials: CredentialTable
    let clientContexts: ClientContexts?
    let control: ThreadControl
    let exchange: RecorderExchange
    let number: Int
    let runStartNs: UInt64
    let fileTimeBase: UInt64
}

/// The client's TLS contexts, by the versions that they offer.
struct ClientContexts: Sendable {
    let tls12: TLSContext
    let tls13: TLSContext
    let either: TLSContext

    subscript(version: Workload.TLSVersion) -> TLSContext {
        switch version {
        case .tls12: tls12
        case .tls13: tls13
        case .either: either
        }
    }
}

struct GeneratorThread: ~Copyable {
    static let wakeUpPayload: UInt64 = 0
    /// Starts in a row, and those of one turn: under a load beyond its means a thread must still come round to its events, its
    /// timers and the second's hand-over.
    private static let startsInARow = 64
    private static let startsPerTurn = 256
    /// How long sessions may go on after a first stop.
    static let stopDrainNs: UInt64 = 2_000_000_000
    /// How long the server's close is awaited after QUIT.
    static let lingerNs: UInt64 = 1_000_000_000
    /// Pause of a closed user whose session failed: a dead server is not called in a tight loop.
    static let failurePauseNs: UInt64 = 10_000_000

    let plan: ThreadPlan
    let control: ThreadControl
    let runStartNs: UInt64
    let runEndNs: UInt64
    let limits: Profile.RunLimits
    let isOpenModel: Bool
    let allowsOverlap: Bool
    let keepsTickets: Bool
    /// Where the draws inside a session come from; with the session's number it is the same in every run of the seed.
    let drawRoot: UInt64
    let inFlightCap: Int
    let lateRules: LateRules
    let poller: Poller
    let pump = TLSPump()
    let scratch = IOScratch()
    let openUsers: UserFlags
    let overlaps: OverlapTable
    var sources: SourceRing
    /// Dialogues of some sessions, where the run is to show them.
    let book: TraceBook?
    var pool: BufferPool
    var slab: Slab<Seat>
    var wheel: TimerWheel
    var thinkWheel: TimerWheel
    var waitingPlaces: PlaceQueue
    var recorder: Recorder
    var schedule: Schedule
    var context: SessionContext
    var tickets12: ResumptionRing
    var tickets13: ResumptionRing
    var ticketsOfEither: ResumptionRing
    var nextPlan: SessionPlan?
    /// Sessions whose outcome is not recorded yet.
    var open = 0
    /// For Little's law.
    var sessionTime = SessionTime()
    var startNotes: StartNotes
    var cipherOutCount = 0
    var nowNs: UInt64
    var stopNs: UInt64?
    var drainDeadlineNs: UInt64
    private var isHeldByCap = false
    private var startsLeft = 0
    /// Where the search for a seat that waits for its server's close goes on.
    var lingerHand = 0
    private var meter: ThreadMeter

    /// `poller` already watches the thread's wake-up under `wakeUpPayload`.
    init(_ plan: ThreadPlan, poller: consuming Poller) {
        let profile = plan.configuration.profile
        let now = MonotonicClock.now()
        self.plan = plan
        control = plan.control
        runStartNs = plan.runStartNs
        runEndNs = plan.runStartNs &+ profile.durationNs
        limits = profile.limits
        drainDeadlineNs = plan.runStartNs &+ profile.durationNs &+ profile.limits.drainTimeoutNs
        isOpenModel = profile.model.isOpen
        allowsOverlap = profile.allowsOverlap
        keepsTickets = profile.scripts.rows.contains { $0.resumesTLS }
        drawRoot = SplitMix64.mix(profile.seed &+ 0x6472_6177)
        let places = plan.schedule.closedUsers.count
        inFlightCap = isOpenModel ? max(1, profile.limits.inFlight / plan.configuration.threads) : max(1, places)
        lateRules = LateRules(profile.lateRules)
        self.poller = poller
        // Beside each open session one may wait for its server's close.
        let capacity = inFlightCap * 2 + 64
        slab = Slab(capacity: capacity)
        wheel = TimerWheel(capacity: capacity, tickNs: 8_000_000, nowNs: now)
        thinkWheel = TimerWheel(capacity: max(1, places), tickNs: 1_000_000, nowNs: now)
        waitingPlaces = PlaceQueue(capacity: places)
        pool = BufferPool(chunkSize: IOScratch.cipherBytes, limit: capacity * 2)
        openUsers = UserFlags(count: plan.configuration.users.count)
        overlaps = OverlapTable(users: profile.allowsOverlap ? plan.configuration.users.count : 0)
        book = plan.control.book
        sources = SourceRing(profile.sources.addresses.map { SocketAddress($0) }, thread: plan.number)
        recorder = Recorder(plan.exchange)
        schedule = plan.schedule
        context = SessionContext(
            credentials: plan.credentials.view, knownMessageBytes: plan.configuration.knownMessageBytes ?? 0,
            checks: profile.checks,
            fileTimeBase: plan.fileTimeBase,
            seen: profile.scripts.rows.contains { $0.work.retrievesNew } ? SeenTable(users: plan.configuration.users.count) : nil)
        tickets12 = ResumptionRing(capacity: 256)
        tickets13 = ResumptionRing(capacity: 256)
        ticketsOfEither = ResumptionRing(capacity: 256)
        nowNs = now
        startNotes = plan.control.starts.notes
        meter = ThreadMeter(plan.control.health, nowNs: now)
    }

    /// Runs the whole load of this thread.
    consuming func run() {
        Affinity.removeTimerSlack()
        prepare()
        while true {
            let before = MonotonicClock.now()
            meter.endOfTurn(before)
            let count = poller.wait(timeoutNs: timeUntilNext(before))
            nowNs = MonotonicClock.now()
            meter.startOfTurn(nowNs)
            startsLeft = Self.startsPerTurn
            if nowNs >= recorder.nextSwapNs {
                meter.second(nowNs, open: open, pool: pool.exhaustions, account: sessionTime, passed: context.passed)
                control.starts.publish(startNotes.count)
                recorder.swapIfDue(nowNs: nowNs)
            }
            if stopNs == nil || control.stop == .now { obey() }
            for index in 0..<count {
                handle(poller.payload(index), poller.readiness(index))
                // A handshake takes half a millisecond: what falls due meanwhile does not wait for the other events.
                if isOpenModel { startDue() }
            }
            expireTimers()
            startDue()
            if isDone { break }
        }
        endAll()
        nowNs = MonotonicClock.now()
        meter.second(nowNs, open: 0, pool: pool.exhaustions, account: sessionTime, passed: context.passed)
        control.starts.publish(startNotes.count)
        recorder.finish(nowNs: nowNs)
    }

    private mutating func prepare() {
        if isOpenModel {
            nextPlan = schedule.next()
            return
        }
        for place in schedule.closedUsers.indices {
            let pause = schedule.firstPauseNs(place: place)
            thinkWheel.set(slot: place, deadlineNs: max(1, runStartNs &+ pause))
        }
    }

    /// Nanoseconds to wait at the most.
    private func timeUntilNext(_ now: UInt64) -> UInt64 {
        func until(_ time: UInt64) -> UInt64 { time > now ? time &- now : 0 }
        var wait = until(recorder.nextSwapNs)
        if let nextPlan, stopNs == nil, open < inFlightCap { wait = min(wait, until(runStartNs &+ nextPlan.plannedNs)) }
        if let timer = wheel.timeUntilNext(nowNs: now) { wait = min(wait, timer) }
        if let think = thinkWheel.timeUntilNext(nowNs: now) { wait = min(wait, think) }
        if waitingPlaces.count > 0, open < inFlightCap, stopNs == nil, now < runEndNs { wait = 0 }
        if nextPlan == nil, now < runEndNs { wait = min(wait, until(runEndNs)) }
        return min(wait, until(drainDeadlineNs))
    }

    private var isDone: Bool {
        if stopNs != nil { return open == 0 || nowNs >= drainDeadlineNs || control.stop == .now }
        if nowNs >= drainDeadlineNs { return true }
        return nowNs >= runEndNs && open == 0 && nextPlan == nil
    }

    /// A stop: begin nothing more; what had fallen due by now and waits for a place is cancelled.
    private mutating func obey() {
        guard control.stop != .none, stopNs == nil else { return }
        stopNs = nowNs
        drainDeadlineNs = min(drainDeadlineNs, nowNs &+ Self.stopDrainNs)
        cancelBacklog(until: nowNs)
    }

    // MARK: Starts

    private mutating func startDue() {
        guard stopNs == nil else { return }
        if isOpenModel { startPlanned() } else { startWaiting() }
    }

    private mutating func startPlanned() {
        var budget = min(Self.startsInARow, startsLeft)
        while budget > 0, let plan = nextPlan, runStartNs &+ plan.plannedNs <= nowNs {
            guard open < inFlightCap else {
                if !isHeldByCap { meter.capHit() }
                isHeldByCap = true
                return
            }
            isHeldByCap = false
            nextPlan = schedule.next()
            begin(plan, place: 0)
            budget &-= 1
            startsLeft &-= 1
        }
    }

    private mutating func startWaiting() {
        var budget = Self.startsInARow
        while budget > 0, nowNs < runEndNs, let place = waitingPlaces.pop() {
            budget &-= 1
            guard let plan = schedule.next(place: Int(place), ns: nowNs > runStartNs ? nowNs &- runStartNs : 0) else { continue }
            begin(plan, place: place)
        }
    }

    // MARK: Time

    private mutating func expireTimers() {
        while let slot = wheel.popExpired(nowNs: nowNs) {
            // What one session was told is nothing of the next one's.
            context.excerpt.clear()
            guard let token = slab.token(slot: slot), let seat = slab.pointer(token) else { continue }
            if seat.pointee.isLingering {
                remove(token)
                continue
            }
            let deadline = seat.pointee.machine.deadlineNs(startNs: seat.pointee.header.startNs, limits: limits)
            if seat.pointee.machine.isToWake(nowNs) {
                wake(token, seat)
            } else if seat.pointee.isToRead(nowNs) {
                readMore(token, seat)
            } else if deadline <= nowNs {
                // Recorded at the limit, however late the loop came to see it.
                let event = seat.pointee.machine.timedOut()
                conclude(token, seat, event, atNs: deadline)
            } else {
                arm(token, seat)
            }
        }
        while let place = thinkWheel.popExpired(nowNs: nowNs) { waitingPlaces.push(UInt32(truncatingIfNeeded: place)) }
        if waitingPlaces.lost > 0 { control.health.lostUsers.store(waitingPlaces.lost, ordering: .relaxed) }
    }

    /// Closed load: when the user of `place` comes again.
    mutating func userIsFree(_ place: UInt32, failed: Bool) {
        let think = schedule.thinkTimeNs(place: Int(place))
        let pause = failed ? max(think, Self.failurePauseNs) : think
        if pause == 0 { waitingPlaces.push(place) } else { thinkWheel.set(slot: Int(place), deadlineNs: nowNs &+ pause) }
    }

    mutating func countStaleEvent() { meter.staleEvent() }

    mutating func countHandshake(_ version: TLS.TLSVersion, isVerified: Bool) { meter.handshake(version, isVerified: isVerified) }
}

/// The thread's own health, gathered without atomics and published once a second.
struct ThreadMeter {
    private let health: ThreadHealth
    private let startNs: UInt64
    private let startCPU: UInt64
    private var lastNs: UInt64
    private var lastCPU: UInt64
    private var turnStartNs: UInt64
    private var turnMaxNs: UInt64 = 0
    private var turns: UInt64 = 0
    private var slowTurns: UInt64 = 0
    private var seconds: UInt64 = 0
    private var busySeconds: UInt64 = 0
    /// The allocator's count for this thread, and where it stood once the pools had grown and both banks had met their labels.
    private var allocated: UnsafePointer<UInt64>?
    private var allocatedAtFirst: UInt64?
    private var capHits: UInt64 = 0
    private var staleEvents: UInt64 = 0
    private var worst: UInt64 = 0
    private var handshakes = HandshakeCounts()

    init(_ health: ThreadHealth, nowNs: UInt64) {
        self.health = health
        startNs = nowNs
        startCPU = MonotonicClock.threadCPU()
        lastNs = nowNs
        lastCPU = startCPU
        turnStartNs = nowNs
    }

    mutating func startOfTurn(_ nowNs: UInt64) {
        turnStartNs = nowNs
        turns &+= 1
    }

    mutating func endOfTurn(_ nowNs: UInt64) {
        let turn = nowNs &- turnStartNs
        turnMaxNs = max(turnMaxNs, turn)
        if turn > 1_000_000 { slowTurns &+= 1 }
    }
    mutating func capHit() { capHits &+= 1 }
    mutating func staleEvent() { staleEvents &+= 1 }

    mutating func handshake(_ version: TLS.TLSVersion, isVerified: Bool) {
        switch version {
        case .tls12: handshakes.tls12 &+= 1
        case .tls13: handshakes.tls13 &+= 1
        }
        if isVerified { handshakes.verified &+= 1 }
    }

    mutating func second(_ nowNs: UInt64, open: Int, pool: UInt64, account: SessionTime, passed: PassedReplies) {
        let cpu = MonotonicClock.threadCPU()
        let gone = nowNs &- lastNs
        // A second cut short by the end of the run says nothing about a worst one.
        if gone >= 500_000_000 {
            let share = UInt64(Double(cpu &- lastCPU) / Double(gone) * 1e6)
            worst = max(worst, share)
            seconds &+= 1
            if share > 900_000 { busySeconds &+= 1 }
            health.lastShare.store(share, ordering: .relaxed)
            health.worstShare.store(worst, ordering: .relaxed)
            lastNs = nowNs
            lastCPU = cpu
        }
        health.cpuNs.store(cpu &- startCPU, ordering: .relaxed)
        health.elapsedNs.store(nowNs &- startNs, ordering: .relaxed)
        health.turnMaxNs.store(turnMaxNs, ordering: .relaxed)
        health.turns.store(turns, ordering: .relaxed)
        health.slowTurns.store(slowTurns, ordering: .relaxed)
        health.seconds.store(seconds, ordering: .relaxed)
        health.busySeconds.store(busySeconds, ordering: .relaxed)
        if allocated == nil { allocated = cjemalloc_thread_allocated() }
        if let bytes = allocated?.pointee, seconds >= 5 {
            if allocatedAtFirst == nil { allocatedAtFirst = bytes }
            health.allocatedBytes.store(bytes &- (allocatedAtFirst ?? bytes), ordering: .relaxed)
        }
        health.tls12Handshakes.store(handshakes.tls12, ordering: .relaxed)
        health.tls13Handshakes.store(handshakes.tls13, ordering: .relaxed)
        health.verifiedHandshakes.store(handshakes.verified, ordering: .relaxed)
        health.openNs.store(account.openNs, ordering: .relaxed)
        health.unfinishedNs.store(account.unfinishedNs, ordering: .relaxed)
        health.capHits.store(capHits, ordering: .relaxed)
        health.store(passed)
        health.staleEvents.store(staleEvents, ordering: .relaxed)
        health.poolRefusals.store(pool, ordering: .relaxed)
        health.open.store(UInt64(clamping: open), ordering: .relaxed)
    }
}

/// The time that measured sessions were open, counted from outside: the number open, integrated over the clock. By Little's law
/// it is the sum of their durations; where it is not, sessions are lost or counted twice.
struct SessionTime {
    private(set) var openNs: UInt64 = 0
    private(set) var unfinishedNs: UInt64 = 0
    private var open: UInt64 = 0
    private var lastNs: UInt64 = 0

    mutating func begin(_ nowNs: UInt64) {
        advance(nowNs)
        open &+= 1
    }

    /// `nowNs` may lie before the time of an earlier call, not before the session's begin: a time-out is seen after its limit,
    /// and what was counted of the session since then is taken back. `startNs`: of a session whose duration nobody records,
    /// since it never finished.
    mutating func end(_ nowNs: UInt64, unfinishedSince startNs: UInt64? = nil) {
        advance(nowNs)
        open &-= 1
        if nowNs < lastNs { openNs &-= min(openNs, lastNs &- nowNs) }
        if let startNs { unfinishedNs &+= nowNs > startNs ? nowNs &- startNs : 0 }
    }

    private mutating func advance(_ nowNs: UInt64) {
        if nowNs > lastNs {
            openNs &+= open &* (nowNs &- lastNs)
            lastNs = nowNs
        }
    }
}
