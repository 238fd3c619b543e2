// A running server: opens the listeners, starts a worker thread per core, reports, drains. This is the control plane's
// side; after `start` the workers need nothing from it.

import Glibc
import PoplarCore
public import Reactor

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
    /// Print each worker's counters when it ends.
    public var printsCounters: Bool
    /// Where events are told; it must have a ring for each worker, and be stopped after the server.
    public var log: EventWriter?

    public init(
        listen: [ListenAddress], workers: Int, snapshot: Snapshot, printsCounters: Bool = false, log: EventWriter? = nil
    ) {
        self.listen = listen
        self.workers = workers
        self.snapshot = snapshot
        self.printsCounters = printsCounters
        self.log = log
    }
}

public final class ServerInstance {
    /// The addresses in force, in the order of the configuration.
    public let addresses: [ListenAddress]
    private let controls: [WorkerControl]
    private static let reloadWaitMs = 5_000
    private let log: EventWriter?
    private var threads: ThreadList

    /// Opens every listener and starts the workers, each pinned to a core where there are as many as workers.
    public init(_ configuration: ServerConfiguration) throws(SystemError) {
        let workers = max(1, configuration.workers)
        let capacity = Self.connectionsPerWorker(configuration.snapshot.limits, workers: workers)
        var addresses: [ListenAddress] = []
        var controls: [WorkerControl] = []
        var boxes: [WorkerBox] = []
        let sources = SourceTable(key0: System.randomWord(), key1: System.randomWord())
        for number in 0..<workers {
            var set = ListenerSet(capacity: configuration.listen.count)
            for (index, wanted) in configuration.listen.enumerated() {
                // The first worker learns the port that the kernel chose; the others share it.
                let target = number == 0 ? wanted.address : addresses[index].address
                // A TLS client's first message may take two segments, of which some systems hold the second back until the
                // first is acknowledged: there nothing is spared.
                let listener = try Listener(
                    on: target, unsentBytes: configuration.snapshot.limits.unsentBytes,
                    acknowledgesInReplies: !wanted.isEncrypted)
                if number == 0 { addresses.append(ListenAddress(listener.address, isEncrypted: wanted.isEncrypted)) }
                set.add(listener, isEncrypted: wanted.isEncrypted)
            }
            let control = try WorkerControl(printsAtEnd: configuration.printsCounters)
            let worker = try Worker(
                configuration.snapshot, number: number, listeners: set, connections: capacity, control: control,
                sources: sources, events: configuration.log?.log(number) ?? EventLog())
            controls.append(control)
            boxes.append(WorkerBox(worker))
        }
        self.addresses = addresses
        self.controls = controls
        log = configuration.log
        threads = ThreadList()
        let cpus = Affinity.current()
        for (number, box) in boxes.enumerated() {
            let cpu = workers <= cpus.count ? cpus[number] : nil
            try threads.start(name: "poplar-worker-\(number)", cpu: cpu) {
                Affinity.ownDescriptors()
                box.run()
            }
        }
    }

    /// Stops accepting and lets open sessions end, up to the drain limit.
    public func drain() { for control in controls { control.send(.drain) } }

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

    /// Has every worker print its counters on standard error.
    public func report() { for control in controls { control.send(.report) } }

    /// Opens the metrics listener (`--metrics`). The page asks each worker for its figures and waits a second at the most.
    public func openMetrics(on address: SocketAddress, build: BuildLabels) throws(SystemError) -> MetricsEndpoint {
        let page = MetricsPage(FigureCollector(controls), log: log, build: build)
        return try MetricsEndpoint(on: address) { page.text() }
    }

    /// Waits until all workers have ended.
    public func join() { threads.joinAll() }

    private static func connectionsPerWorker(_ limits: Limits, workers: Int) -> Int {
        let descriptors = max(512, System.raiseDescriptorLimit()) - 256
        let wanted = limits.connections > 0 ? min(limits.connections, descriptors) : min(descriptors, 1_000_000)
        return max(1, (wanted + workers - 1) / workers)
    }
}

/// Hands a worker, which cannot be copied, to its thread.
private final class WorkerBox: @unchecked Sendable {
    private var worker: Worker?

    init(_ worker: consuming Worker) { self.worker = consume worker }

    func run() { worker?.run() }
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
