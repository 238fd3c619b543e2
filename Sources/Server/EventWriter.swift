// The thread of the log: empties the workers' rings and writes what they hold. While events come it looks twenty times
// a second; when a round has brought nothing it sleeps, without a time-out, until a worker or the control thread wakes
// it. The control thread's own events, which are few and carry words, and its order to open the file again pass through
// a queue: no other thread touches the output, so none waits for a disk or for a reader.
// Invariant: `stop` returns after the last record of a worker that has ended is written or counted, or after two
// seconds.

import CLinux
import Exposition
import Glibc
import PoplarCore
public import Reactor
import Synchronization

public final class EventWriter: @unchecked Sendable {
    private static let pauseMs: Int32 = 50
    /// What a worker may tell between two rounds: 160,000 events a second.
    private static let ringRecords = 8192
    /// Orders of the control thread that may wait.
    private static let orderRoom = 1024
    private static let stopMs = 2000

    private let level: LogLevel
    private let output: LogOutput
    private let rings: [EventRing]
    private let bell: WakeUp
    private let isEnding = Atomic<Bool>(false)
    private let orders = Guarded<[Order]>([])
    private let lostNotes = Atomic<UInt64>(0)
    private var thread: WorkerThread?

    private enum Order {
        case write(String)
        case reopen
    }

    /// A log of `level` with a ring for each of `workers`. Its thread runs until `stop`.
    public init(_ output: LogOutput, level: LogLevel, workers: Int) throws(SystemError) {
        self.level = level
        self.output = output
        rings = (0..<max(1, workers)).map { _ in EventRing(capacity: Self.ringRecords) }
        bell = try WakeUp()
        thread = try WorkerThread(name: "poplar-log", cpu: nil) { [self] in run() }
    }

    deinit { for ring in rings { ring.deallocate() } }

    /// A worker's end.
    func log(_ worker: Int) -> EventLog {
        EventLog(worker < rings.count ? rings[worker] : nil, level: level, bell: bell.descriptor)
    }

    /// Records and lines that were lost.
    var lost: UInt64 { rings.reduce(output.lost &+ lostNotes.load(ordering: .relaxed)) { $0 &+ $1.lost } }

    /// Tells an event of the control thread, which never waits. Values are quoted where `quoted` gives them; none may
    /// be a secret.
    public func note(
        _ level: LogLevel, _ event: String, _ words: KeyValuePairs<String, String> = [:],
        quoted: KeyValuePairs<String, String> = [:]
    ) {
        guard level.rawValue <= self.level.rawValue else { return }
        var line = EventText.head(level, event, MonotonicClock.now() &+ Self.wallOffset())
        for (key, value) in words { line.field(key, value) }
        for (key, value) in quoted { line.quoted(key, value) }
        give(.write(line.text + "\n"))
    }

    /// For SIGHUP after the file was moved away: what was told before goes to the old file. An error keeps the old file
    /// and is told in it.
    public func reopen() { give(.reopen) }

    private func give(_ order: Order) {
        let isTaken = orders.withLock { queue in
            guard queue.count < Self.orderRoom else { return false }
            queue.append(order)
            return true
        }
        if !isTaken { lostNotes.wrappingAdd(1, ordering: .relaxed) }
        bell.ring()
    }

    /// Writes what is left and ends the thread. Call it once, after the workers have ended. An output that takes
    /// nothing more (a disk that hangs) is left behind after two seconds.
    public func stop() {
        isEnding.store(true, ordering: .releasing)
        bell.ring()
        _ = thread.take()?.join(timeoutMs: Self.stopMs)
    }

    // MARK: The thread

    private func run() {
        var drain = EventDrain(rings)
        var isLast = false
        var isBusy = false
        while !isLast {
            wait(drain, isBusy: isBusy)
            isLast = isEnding.load(ordering: .acquiring)
            if !isLast { obey() }
            isBusy = drain.collect(
                nowNs: MonotonicClock.now(), wallOffsetNs: Self.wallOffset(), unwritten: output.droppedLines, isLast: isLast
            ) { output.write($0) }
            // The last word is the control thread's: the end comes after what the workers told.
            if isLast { obey() }
        }
    }

    /// Waits for the next round: a pause where the last one brought something, else until somebody rings.
    private func wait(_ drain: EventDrain, isBusy: Bool) {
        var timeoutMs = Self.pauseMs
        if !isBusy {
            for ring in rings { ring.sleep() }
            if !drain.hasMore, orders.withLock(\.isEmpty) { timeoutMs = -1 }
        }
        var entry = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, timeoutMs) > 0 { bell.drain() }
        for ring in rings { ring.wake() }
    }

    private func obey() {
        let waiting = orders.withLock { queue in
            defer { queue.removeAll() }
            return queue
        }
        for order in waiting {
            switch order {
            case .write(let line): output.write(Array(line.utf8))
            case .reopen: reopenOutput()
            }
        }
    }

    private func reopenOutput() {
        do throws(SystemError) { try output.reopen() } catch {
            var line = EventText.head(.error, "log_reopen_failed", MonotonicClock.now() &+ Self.wallOffset())
            line.quoted("error", error.description)
            output.write(Array((line.text + "\n").utf8))
        }
    }

    /// What the time of day is ahead of the monotonic clock.
    private static func wallOffset() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let wall = UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec))
        return wall &- MonotonicClock.now()
    }
}
