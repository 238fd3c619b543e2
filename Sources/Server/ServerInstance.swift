// A running server: opens the listeners, starts a worker thread per core, reports, drains. This is the control plane's
// side; after `start` the workers need nothing from it.

import Glibc
import PoplarCore
public import Reactor
import Synchronization

public struct ListenAddress: Sendable {
    public let address: SocketAddress
    /// TLS from the first octet (port 995).
    public let isEncrypted: Bool

    public init(_ address: SocketAddress, isEncrypted: Bool) {
        self.address = address
        self.isEncrypted = isEncrypted
    }
}

public struct ServerConfiguration: Sendable {
    public var listen: [ListenAddress]
    public var workers: Int
    public var snapshot: Snapshot
    /// Listen also where another server of this user listens already: for a restart without a gap. Without it such a
    /// port is refused.
    public var sharesPorts: Bool
    /// Octets that the seats of connections may take where `limits.connections` is 0; nil: as many as descriptors
    /// allow.
    public var seatBytes: Double?
    /// Where events are told; it must have a ring for each worker, and be stopped after the server.
    public var log: EventWriter?

    public init(
        listen: [ListenAddress], workers: Int, snapshot: Snapshot, sharesPorts: Bool = false, seatBytes: Double? = nil,
        log: EventWriter? = nil
    ) {
        self.listen = listen
        self.workers = workers
        self.snapshot = snapshot
        self.sharesPorts = sharesPorts
        self.seatBytes = seatBytes
        self.log = log
    }
}

public final class ServerInstance {
    /// The addresses in force, in the order of the configuration.
    public let addresses: [ListenAddress]
    private let controls: [WorkerControl]
    private let collector: FigureCollector
    private static let reloadWaitMs = 5_000
    private static let reportWaitMs = 1_000
    private let log: EventWriter?
    private let end: WorkersEnd
    private var threads: ThreadList

    /// Opens every listener and starts the workers, each pinned to a core where there are as many as workers. Throws a
    /// SystemError for the first listener that cannot be opened; none is left open then.
    public init(_ configuration: ServerConfiguration) throws(SystemError) {
        let workers = max(1, configuration.workers)
        let capacity = Self.connectionsPerWorker(
            configuration.snapshot.limits, workers: workers, seatBytes: configuration.seatBytes)
        var addresses: [ListenAddress] = []
        var controls: [WorkerControl] = []
        var boxes: [WorkerBox] = []
        let sources = SourceTable(key0: System.randomWord(), key1: System.randomWord())
        for number in 0..<workers {
            let set = try Self.listeners(configuration, number, &addresses)
            let control = try WorkerControl()
            let worker = try Worker(
                configuration.snapshot, number: number, listeners: set, connections: capacity, control: control,
                sources: sources, events: configuration.log?.log(number) ?? EventLog())
            controls.append(control)
            boxes.append(WorkerBox(worker))
        }
        self.addresses = addresses
        self.controls = controls
        collector = FigureCollector(controls)
        log = configuration.log
        end = try WorkersEnd(workers)
        threads = ThreadList()
        let cpus = Affinity.current()
        for (number, box) in boxes.enumerated() {
            let cpu = workers <= cpus.count ? cpus[number] : nil
            let end = end
            do throws(SystemError) {
                try threads.start(name: "poplar-worker-\(number)", cpu: cpu) {
                    box.run(keeping: end.descriptor)
                    end.count()
                }
            } catch {
                cut()
                threads.joinAll()
                throw error
            }
        }
        // From here on a listener is open in its worker's table alone, so that it is closed when the worker closes it.
        for box in boxes { box.letGo() }
    }

    /// Opens the listeners of one worker. The first worker learns the ports that the kernel chose, and `addresses` with
    /// it.
    private static func listeners(
        _ configuration: ServerConfiguration, _ number: Int, _ addresses: inout [ListenAddress]
    ) throws(SystemError) -> ListenerSet {
        var set = ListenerSet(capacity: configuration.listen.count)
        for (index, wanted) in configuration.listen.enumerated() {
            let target = number == 0 ? wanted.address : addresses[index].address
            // Where ports are shared the kernel does not see to it.
            if number == 0, addresses.contains(where: { $0.address.overlaps(target) }) {
                throw SystemError(call: "bind", code: EADDRINUSE, subject: "cannot listen on \(target.text)")
            }
            // A TLS client's first message may take two segments, of which some systems hold the second back until the
            // first is acknowledged: there nothing is spared.
            let listener = try Listener(
                on: target, sharing: number > 0 || configuration.sharesPorts ? .join : .found,
                unsentBytes: configuration.snapshot.limits.unsentBytes, acknowledgesInReplies: !wanted.isEncrypted)
            if number == 0 { addresses.append(ListenAddress(listener.address, isEncrypted: wanted.isEncrypted)) }
            set.add(listener, isEncrypted: wanted.isEncrypted)
        }
        return set
    }

    /// Closes the listeners and lets open sessions end, up to the drain limit.
    public func drain() { for control in controls { control.send(.drain) } }

    /// Ends every session at once.
    public func cut() { for control in controls { control.send(.end) } }

    /// A descriptor that becomes readable when the last worker has ended.
    public var endDescriptor: Int32 { end.descriptor }

    /// Whether every worker has ended.
    public var hasEnded: Bool { end.isReached }

    /// Gives every worker a new state and waits until each has gone over to it, which takes it a turn of its loop. Accounts and
    /// population must be those that are served; listeners, workers and the limits that size memory (`connections`,
    /// `events-per-turn`) stay as they are. False: a worker has not answered in time, and will follow.
    public func reload(_ snapshot: Snapshot) -> Bool {
        for control in controls { control.offer(snapshot) }
        for _ in 0..<Self.reloadWaitMs {
            if controls.allSatisfy(\.isSettled) { return true }
            usleep(1_000)
        }
        return false
    }

    /// The counters of every worker, a line each. It waits a second at the most; a worker that does not answer is shown
    /// as it was when it answered last.
    public func report() -> String {
        collector.collect(timeoutMs: Self.reportWaitMs).figures.enumerated().map { $1.text(worker: $0) }.joined()
    }

    /// Opens the metrics listener (`--metrics`). The page asks each worker for its figures and waits a second at the most.
    public func openMetrics(on address: SocketAddress, build: BuildLabels) throws(SystemError) -> MetricsEndpoint {
        let page = MetricsPage(collector, log: log, build: build)
        return try MetricsEndpoint(on: address) { page.text() }
    }

    /// Waits until all workers have ended.
    public func join() { threads.joinAll() }

    private static func connectionsPerWorker(_ limits: Limits, workers: Int, seatBytes: Double?) -> Int {
        var wanted = connections(limits)
        if limits.connections == 0, let seatBytes { wanted = min(wanted, Int(seatBytes / connectionBytes)) }
        return max(1, (wanted + workers - 1) / workers)
    }

    private static func connections(_ limits: Limits) -> Int {
        let descriptors = max(512, System.raiseDescriptorLimit()) - 256
        return limits.connections > 0 ? min(limits.connections, descriptors) : min(descriptors, 1_000_000)
    }

    /// Octets of a connection's seat with its places in the worker's lists, whether it is taken or not.
    private static var connectionBytes: Double { Double(MemoryLayout<Seat>.stride + 256) }

    /// Octets that `limits.connections` seats take; 0 where they are as many as fit.
    public static func seatBytes(_ limits: Limits) -> Double {
        limits.connections > 0 ? Double(connections(limits)) * connectionBytes : 0
    }

    /// Octets of a worker apart from its connections: what it writes, and the addresses that its stack reserves.
    public static let workerBytes = 1.0 * 1024 * 1024
    public static let stackBytes = 8.0 * 1024 * 1024
}

/// Counts the workers that have ended, and wakes the control thread after the last.
private final class WorkersEnd: Sendable {
    private let left: Atomic<Int>
    private let bell: WakeUp

    init(_ workers: Int) throws(SystemError) {
        left = Atomic(workers)
        bell = try WakeUp()
    }

    var descriptor: Int32 { bell.descriptor }
    var isReached: Bool { left.load(ordering: .acquiring) <= 0 }

    func count() { if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { bell.ring() } }
}

/// Hands a worker, which cannot be copied, to its thread, and its descriptors from the process's table to the thread's
/// own.
private final class WorkerBox: @unchecked Sendable {
    private var worker: Worker?
    /// Listeners and poller, which nobody but the worker needs.
    private let own: [Int32]
    /// 0: the thread has not said yet; 1: it has a table of its own; 2: the table is shared.
    private let table = Atomic<UInt8>(0)

    init(_ worker: consuming Worker) {
        own = worker.ownDescriptors
        self.worker = consume worker
    }

    /// The thread's body; `bell` is rung after it. The worker's descriptors are closed here, in the thread's own table,
    /// and nowhere else.
    func run(keeping bell: Int32) {
        let isOwn = DescriptorTable.takeOwn(keeping: [bell] + (worker?.descriptors ?? []))
        table.store(isOwn ? 1 : 2, ordering: .releasing)
        worker?.run()
        worker = nil
    }

    /// Waits for the thread to take its table, and closes the process's copies of what the worker owns.
    func letGo() {
        while table.load(ordering: .acquiring) == 0 { usleep(100) }
        guard table.load(ordering: .acquiring) == 1 else { return }
        for descriptor in own { close(descriptor) }
    }
}

/// Threads cannot be copied either; this keeps them until they are joined.
private struct ThreadList: ~Copyable {
    private var threads: [ThreadBox] = []

    private final class ThreadBox {
        var thread: WorkerThread?
        init(_ thread: consuming WorkerThread) { self.thread = consume thread }
    }

    mutating func start(name: String, cpu: Int?, body: @escaping @Sendable () -> Void) throws(SystemError) {
        threads.append(ThreadBox(try WorkerThread(name: name, cpu: cpu, body: body)))
    }

    mutating func joinAll() {
        for box in threads { box.thread.take()?.join() }
        threads = []
    }
}
