// The thread of the log: empties the workers' rings twenty times a second and writes what they hold. The control thread's own
// events, which are few and carry words, are written from there at once.
// Invariant: `stop` returns after the last record of a worker that has ended is written or counted.

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

    private let level: LogLevel
    private let output: LogOutput
    private let rings: [EventRing]
    private let bell: WakeUp
    private let isEnding = Atomic<Bool>(false)
    private var thread: WorkerThread?

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
    func log(_ worker: Int) -> EventLog { EventLog(worker < rings.count ? rings[worker] : nil, level: level) }

    /// Records that were lost, lines that could not be written.
    var lost: UInt64 { rings.reduce(output.droppedLines) { $0 &+ $1.lost } }

    /// Writes an event of the control thread. Values are quoted where `quoted` gives them; none may be a secret.
    public func note(
        _ level: LogLevel, _ event: String, _ words: KeyValuePairs<String, String> = [:],
        quoted: KeyValuePairs<String, String> = [:]
    ) {
        guard level.rawValue <= self.level.rawValue else { return }
        var line = EventText.head(level, event, MonotonicClock.now() &+ Self.wallOffset())
        for (key, value) in words { line.field(key, value) }
        for (key, value) in quoted { line.quoted(key, value) }
        output.write(Array((line.text + "\n").utf8))
    }

    /// For SIGHUP after the file was moved away. An error keeps the old file and is told in it.
    public func reopen() {
        do { try output.reopen() } catch { note(.error, "log_reopen_failed", quoted: ["error": error.description]) }
    }

    /// Writes what is left and ends the thread. Call it once, after the workers have ended.
    public func stop() {
        isEnding.store(true, ordering: .releasing)
        bell.ring()
        thread.take()?.join()
    }

    private func run() {
        var drain = EventDrain(rings)
        var isLast = false
        while !isLast {
            var entry = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, Self.pauseMs)
            isLast = isEnding.load(ordering: .acquiring)
            drain.collect(nowNs: MonotonicClock.now(), wallOffsetNs: Self.wallOffset(), isLast: isLast) { output.write($0) }
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
