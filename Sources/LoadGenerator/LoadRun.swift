// A run as its control thread sees it: start the generator threads, look at the collector and at their health while
// they work, stop them, wait for the end. Everything that can be wrong is wrong in `init`, before a thread starts.

internal import Dialogue
import Glibc
import PoplarCore
public import Reactor
import Synchronization
public import TLS
public import Telemetry
public import Workload

public final class LoadRun {
    public let configuration: LoadConfiguration
    /// Merges what the threads hand over. Poll it from the control thread alone.
    public let collector: Collector
    /// Second 0 of the run and its planned end (without drain), CLOCK_MONOTONIC nanoseconds.
    public let startNs: UInt64
    public let endNs: UInt64
    private let plans: [ThreadPlan]
    private var threads: [ThreadHandle] = []
    /// When the first stop was asked for; nil when the run was left to its end.
    public private(set) var stoppedNs: UInt64?

    /// Why a run cannot start: exit code 64 for the users, 1 for the machine.
    public enum Failure: Error, CustomStringConvertible {
        case schedule(ScheduleError)
        case system(SystemError)
        case tls(TLSError)

        public var description: String {
            switch self {
            case .schedule(let error): error.description
            case .system(let error): error.description
            case .tls(let error): error.description
            }
        }
    }

    /// Nanoseconds from `init` to second 0: all threads stand ready by then.
    private static let leadNs: UInt64 = 50_000_000

    public init(_ configuration: LoadConfiguration) throws(Failure) {
        precondition(configuration.threads > 0, "a run needs a thread")
        let profile = configuration.profile
        var needed: IdentitySet = []
        for row in profile.scripts.rows { needed.insert(row.needs) }
        let credentials = CredentialTable(
            configuration.users, needed: needed, usesSCRAM: profile.scripts.rows.contains { $0.chain.contains(.scramSHA256) })
        var schedules: [Schedule] = []
        do throws(ScheduleError) {
            for thread in 0..<configuration.threads {
                schedules.append(
                    try Schedule(profile: profile, users: configuration.users, thread: thread, threads: configuration.threads))
            }
        } catch { throw .schedule(error) }
        var contexts: ClientContexts?
        if profile.usesTLS {
            do throws(TLSError) { contexts = try Self.contexts(configuration.verification) } catch { throw .tls(error) }
        }
        _ = System.raiseDescriptorLimit()
        let start = MonotonicClock.now() &+ Self.leadNs
        collector = Collector(threads: configuration.threads, runStartNs: start, model: profile.model.isOpen ? .open : .closed)
        var plans: [ThreadPlan] = []
        do throws(SystemError) {
            for (number, schedule) in schedules.enumerated() {
                plans.append(
                    ThreadPlan(
                        configuration: configuration, schedule: schedule, credentials: credentials, clientContexts: contexts,
                        control: try ThreadControl(book: Self.book(configuration, number)), exchange: collector.exchanges[number],
                        number: number, runStartNs: start,
                        fileTimeBase: Self.fileTimeBase()))
            }
        } catch { throw .system(error) }
        self.configuration = configuration
        self.plans = plans
        startNs = start
        endNs = start &+ profile.durationNs
    }

    /// The thread's share of the sessions that are to be shown.
    private static func book(_ configuration: LoadConfiguration, _ thread: Int) -> TraceBook? {
        let (each, rest) = configuration.tracedSessions.quotientAndRemainder(dividingBy: configuration.threads)
        let quota = each + (thread < rest ? 1 : 0)
        return quota > 0 ? TraceBook(quota: quota, scripts: configuration.profile.scripts.rows.count) : nil
    }

    private static func contexts(_ verification: LoadConfiguration.Verification) throws(TLSError) -> ClientContexts {
        func make(_ minimum: TLS.TLSVersion, _ maximum: TLS.TLSVersion) throws(TLSError) -> TLSContext {
            switch verification {
            case .none: try TLSContext.client(minimum: minimum, maximum: maximum)
            case .authority(let pem): try TLSContext.client(authorityPEM: pem, minimum: minimum, maximum: maximum)
            case .system: try TLSContext.client(systemAuthorities: true, minimum: minimum, maximum: maximum)
            }
        }
        return ClientContexts(
            tls12: try make(.tls12, .tls12), tls13: try make(.tls13, .tls13), either: try make(.tls12, .tls13))
    }

    /// Windows' file time at monotonic time 0.
    static func fileTimeBase() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let unix = UInt64(max(0, time.tv_sec)) &* 10_000_000 &+ UInt64(max(0, time.tv_nsec)) / 100
        return unix &+ 116_444_736_000_000_000 &- MonotonicClock.now() / 100
    }

    /// Starts the threads. Once.
    public func start() throws(Failure) {
        precondition(threads.isEmpty, "a run starts once")
        for plan in plans {
            let cpus = configuration.cpus
            let cpu = cpus.isEmpty ? nil : cpus[plan.number % cpus.count]
            do throws(SystemError) {
                threads.append(ThreadHandle(try WorkerThread(name: "poplar-load-\(plan.number)", cpu: cpu) { Self.work(plan) }))
            } catch {
                requestStop(.now)
                wait()
                throw .system(error)
            }
        }
    }

    private static func work(_ plan: ThreadPlan) {
        do throws(SystemError) {
            let poller = try Poller(capacity: 1024)
            let status = poller.add(plan.control.descriptor, .readable, payload: GeneratorThread.wakeUpPayload)
            guard status == 0 else {
                throw SystemError(call: "epoll_ctl", code: status, subject: "wake-up of a generator thread")
            }
            GeneratorThread(plan, poller: poller).run()
        } catch {
            // No event queue: the thread's share of the load is missing, which its health tells.
            plan.control.health.hasFailed.store(true, ordering: .relaxed)
            let recorder = Recorder(plan.exchange)
            recorder.finish(nowNs: MonotonicClock.now())
        }
    }

    /// How a run is to stop.
    public enum Stop: Sendable {
        /// Nothing more begins; open sessions have up to two seconds to end.
        case drain
        /// Open sessions are ended.
        case now
    }

    /// `.now` may follow `.drain`; the other way round changes nothing.
    public func requestStop(_ stop: Stop) {
        if stoppedNs == nil { stoppedNs = MonotonicClock.now() }
        for plan in plans where stop == .now || plan.control.stop == .none {
            plan.control.order(stop == .now ? .now : .drain)
        }
    }

    /// Takes what the threads have handed over. True when something new was merged; some ten times a second is right.
    @discardableResult
    public func poll() -> Bool { collector.poll(nowNs: MonotonicClock.now()) }

    /// Whether every thread has ended and its last samples are merged.
    public var isFinished: Bool { collector.isFinished }

    /// Joins the threads after their end. Call when `isFinished`, or to wait for it.
    public func wait() {
        for thread in threads { thread.join() }
        threads.removeAll()
        // The exchanges are full at most once more each.
        for _ in 0..<4 where !collector.isFinished { poll() }
    }

    /// The health of each thread.
    public var health: [HealthReading] { plans.map { $0.control.health.read() } }
    /// TLS handshakes that were done.
    public var handshakes: HandshakeCounts { plans.reduce(into: HandshakeCounts()) { $0.add($1.control.health) } }
    /// Examples of what failed, the first ones of each thread and class, in the order of time.
    public var failures: [FailureNote] {
        plans.flatMap { $0.control.notes.read($0.credentials.view) }.sorted { $0.atNs < $1.atNs }
    }
    /// Gaps between the first real starts of each thread's measured sessions, each divided by its expectation by the profile.
    public var normalisedGaps: [Double] {
        plans.flatMap { configuration.profile.normalisedGaps($0.control.starts.read(), threads: plans.count) }
    }
    /// What the books of the threads hold. Call after `wait`.
    var books: [(session: TraceBook.Session, transcript: Transcript)] { plans.flatMap { $0.control.book?.read() ?? [] } }
    /// Threads that could not start their loop.
    public var failedThreads: Int { plans.count { $0.control.health.hasFailed.load(ordering: .relaxed) } }
}

/// Holds a noncopyable thread in an array.
private final class ThreadHandle {
    private var thread: WorkerThread?
    init(_ thread: consuming WorkerThread) { self.thread = consume thread }
    func join() { thread.take()?.join() }
}
