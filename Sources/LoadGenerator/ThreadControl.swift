// What the control thread and one generator thread share: orders one way, the thread's own health the other way.
// Atomics alone; neither side ever waits for the other.

import PoplarCore
import Reactor
import Synchronization

/// How far a stop has gone.
enum StopLevel: UInt8 {
    case none = 0
    /// Begin nothing more, let open sessions end for a while.
    case drain = 1
    /// End now.
    case now = 2
}

final class ThreadControl: Sendable {
    private let level = Atomic<UInt8>(0)
    private let wakeUp: WakeUp
    let health = ThreadHealth()
    let notes = FailureNotes()
    let starts = StartLog()
    let book: TraceBook?

    init(book: TraceBook? = nil) throws(SystemError) {
        self.book = book
        wakeUp = try WakeUp()
    }

    var descriptor: Int32 { wakeUp.descriptor }
    var stop: StopLevel { StopLevel(rawValue: level.load(ordering: .relaxed)) ?? .now }

    func order(_ stop: StopLevel) {
        level.store(stop.rawValue, ordering: .relaxed)
        wakeUp.ring()
    }

    func drainWakeUp() { wakeUp.drain() }
}

/// How one generator thread fares. Written by the thread once a second and at its end, read by anyone.
public final class ThreadHealth: Sendable {
    let cpuNs = Atomic<UInt64>(0)
    let elapsedNs = Atomic<UInt64>(0)
    let worstShare = Atomic<UInt64>(0)
    let lastShare = Atomic<UInt64>(0)
    let turnMaxNs = Atomic<UInt64>(0)
    let capHits = Atomic<UInt64>(0)
    let poolRefusals = Atomic<UInt64>(0)
    let staleEvents = Atomic<UInt64>(0)
    let turns = Atomic<UInt64>(0)
    let open = Atomic<UInt64>(0)
    let slowTurns = Atomic<UInt64>(0)
    let seconds = Atomic<UInt64>(0)
    let busySeconds = Atomic<UInt64>(0)
    let openNs = Atomic<UInt64>(0)
    let unfinishedNs = Atomic<UInt64>(0)
    let allocatedBytes = Atomic<UInt64>(0)
    let lostUsers = Atomic<UInt64>(0)
    let tls12Handshakes = Atomic<UInt64>(0)
    let tls13Handshakes = Atomic<UInt64>(0)
    let verifiedHandshakes = Atomic<UInt64>(0)
    let hasFailed = Atomic<Bool>(false)
    private let passedStatus = Atomic<UInt64>(0)
    private let passedSize = Atomic<UInt64>(0)
    private let passedTerminator = Atomic<UInt64>(0)
    private let passedListing = Atomic<UInt64>(0)

    func store(_ passed: PassedReplies) {
        passedStatus.store(passed.status, ordering: .relaxed)
        passedSize.store(passed.size, ordering: .relaxed)
        passedTerminator.store(passed.terminator, ordering: .relaxed)
        passedListing.store(passed.listing, ordering: .relaxed)
    }

    func read() -> HealthReading {
        HealthReading(
            cpuNs: cpuNs.load(ordering: .relaxed), elapsedNs: elapsedNs.load(ordering: .relaxed),
            worstSecondShare: Double(worstShare.load(ordering: .relaxed)) / 1e6,
            lastSecondShare: Double(lastShare.load(ordering: .relaxed)) / 1e6,
            turnMaxNs: turnMaxNs.load(ordering: .relaxed), inFlightCapHits: capHits.load(ordering: .relaxed),
            poolRefusals: poolRefusals.load(ordering: .relaxed), staleEvents: staleEvents.load(ordering: .relaxed),
            turns: turns.load(ordering: .relaxed), openSessions: open.load(ordering: .relaxed),
            slowTurns: slowTurns.load(ordering: .relaxed), seconds: seconds.load(ordering: .relaxed),
            busySeconds: busySeconds.load(ordering: .relaxed), openNs: openNs.load(ordering: .relaxed),
            unfinishedNs: unfinishedNs.load(ordering: .relaxed), allocatedBytes: allocatedBytes.load(ordering: .relaxed),
            lostUsers: lostUsers.load(ordering: .relaxed),
            passed: PassedReplies(
                status: passedStatus.load(ordering: .relaxed), size: passedSize.load(ordering: .relaxed),
                terminator: passedTerminator.load(ordering: .relaxed), listing: passedListing.load(ordering: .relaxed)))
    }
}

/// TLS handshakes that were done, by what was negotiated, and those of them whose certificate was verified for the
/// host.
public struct HandshakeCounts: Sendable, Equatable {
    public var tls12: UInt64 = 0
    public var tls13: UInt64 = 0
    public var verified: UInt64 = 0

    public var all: UInt64 { tls12 &+ tls13 }

    mutating func add(_ health: ThreadHealth) {
        tls12 &+= health.tls12Handshakes.load(ordering: .relaxed)
        tls13 &+= health.tls13Handshakes.load(ordering: .relaxed)
        verified &+= health.verifiedHandshakes.load(ordering: .relaxed)
    }
}

/// A reading of one thread's health.
public struct HealthReading: Sendable, Equatable {
    /// CPU time used, and time passed, since the start of the run.
    public var cpuNs: UInt64
    public var elapsedNs: UInt64
    /// CPU time over time of the worst second, and of the last one, 0...1.
    public var worstSecondShare: Double
    public var lastSecondShare: Double
    /// Longest turn of the loop, from the end of a wait to the next wait.
    public var turnMaxNs: UInt64
    /// Times that a due session had to wait because all in-flight places were taken.
    public var inFlightCapHits: UInt64
    public var poolRefusals: UInt64
    public var staleEvents: UInt64
    public var turns: UInt64
    public var openSessions: UInt64
    /// Turns that took longer than a millisecond.
    public var slowTurns: UInt64
    /// Whole seconds so far, and those in which the thread used more than 90 % of its CPU.
    public var seconds: UInt64
    public var busySeconds: UInt64
    /// The number of open measured sessions, integrated over time: nanoseconds of session time, by counting.
    public var openNs: UInt64
    /// The same by the sessions that were never finished, so that the finished ones' durations are the rest.
    public var unfinishedNs: UInt64
    /// Octets that the thread has allocated since its fifth second, by the allocator's own count; 0 without jemalloc.
    public var allocatedBytes: UInt64
    /// Users of a closed load that were lost by a fault of the generator's own.
    public var lostUsers: UInt64
    /// What was wrong with replies and let pass, since its check is off.
    public var passed = PassedReplies()

    /// CPU time over time of the whole run, 0...1.
    public var meanShare: Double { elapsedNs > 0 ? Double(cpuNs) / Double(elapsedNs) : 0 }
}
