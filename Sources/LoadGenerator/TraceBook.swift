// What a run with `--trace N` keeps of some of its sessions: the octets of both sides with their times, for dialogues at the end.
// One book a thread, all of its memory taken before the run; the control thread reads it when the thread has ended.
// Sessions are recorded while a place is free, and at their end it is decided which stay: N in all, the first ones, then in
// their stead those of scripts that have none yet, and failed ones up to half. Once nothing better can come, nothing is recorded.
// Invariant: bounded; what finds no room is counted.

internal import Dialogue
import PoplarCore
import TLS
import Telemetry

/// Where a session's dialogue is kept; `.none` for all but a few.
struct TracePlace: Equatable {
    let index: Int32
    static let none = TracePlace(index: -1)
    @inline(__always) var isTraced: Bool { index >= 0 }
}

final class TraceBook: @unchecked Sendable {
    struct Entry {
        let kind: Transcript.Kind
        let atNs: UInt64
        /// Where its octets begin, in the place's part of the memory.
        let offset: Int
        let kept: Int
        let count: Int
    }

    /// A session as far as it is known by its end.
    struct Session {
        var number: UInt64 = 0
        var user: UInt32 = 0
        var script: UInt16 = 0
        var plannedNs: UInt64 = 0
        var startNs: UInt64 = 0
        var endNs: UInt64 = 0
        var outcome = SessionOutcome.inFlight
        /// The link of the script's chain that was in use last.
        var link: UInt8 = 0
        /// The first step that failed, and how; `.none` after a fallback is still the first refusal.
        var failedStep: Step?
        var failedKind: ErrorClass?
        var excerpt = ReplyExcerpt()
        var messages: UInt32?
        var octets: UInt64?
        fileprivate(set) var entries = 0
        fileprivate(set) var size = 0
        fileprivate(set) var dropped = 0
        fileprivate var isKept = false
    }

    private static let entryLimit = 512
    /// Sessions that are recorded at a time once the quota is full.
    private static let spare = 4

    private let quota: Int
    private let sessions: UnsafeMutableBufferPointer<Session>
    private let entries: UnsafeMutablePointer<Entry>
    private let memory: UnsafeMutableRawPointer
    private let perScript: UnsafeMutableBufferPointer<UInt32>
    private let free: UnsafeMutablePointer<Int32>
    private var freeCount: Int
    private var kept = 0
    private var keptFailures = 0
    private var unmetScripts: Int
    /// No session of the kept ones can make room for one of a new script.
    private var isEven = false

    /// `quota`: sessions to keep, from 1; `scripts`: rows of the profile's table.
    init(quota: Int, scripts: Int) {
        self.quota = quota
        unmetScripts = scripts
        let places = quota + Self.spare
        sessions = .allocate(capacity: places)
        sessions.initialize(repeating: Session())
        entries = .allocate(capacity: places * Self.entryLimit)
        memory = .allocate(byteCount: places * Transcript.sizeLimit, alignment: 64)
        perScript = .allocate(capacity: max(1, scripts))
        perScript.initialize(repeating: 0)
        free = .allocate(capacity: places)
        for index in 0..<places { free[index] = Int32(truncatingIfNeeded: places - 1 - index) }
        freeCount = places
    }

    deinit {
        sessions.deallocate()
        entries.deallocate()
        memory.deallocate()
        perScript.deallocate()
        free.deallocate()
    }

    // MARK: By the thread

    /// Whether no session to come can be worth keeping.
    private var isSettled: Bool {
        kept >= quota && keptFailures >= failureShare && (isEven || unmetScripts == 0)
    }

    private var failureShare: Int { (quota + 1) / 2 }

    /// A session begins: its place, or none.
    func begin(number: UInt64, user: UInt32, script: UInt16, plannedNs: UInt64, startNs: UInt64) -> TracePlace {
        guard freeCount > 0, !isSettled else { return .none }
        freeCount &-= 1
        let index = free[freeCount]
        sessions[Int(index)] = Session(number: number, user: user, script: script, plannedNs: plannedNs, startNs: startNs)
        return TracePlace(index: index)
    }

    func note(_ place: TracePlace, _ kind: Transcript.Kind, atNs: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let index = Int(place.index)
        let used = sessions[index].size
        let count = sessions[index].entries
        guard count < Self.entryLimit, used < Transcript.sizeLimit || bytes.count == 0 else {
            sessions[index].dropped &+= 1
            return
        }
        let size = min(bytes.count, Transcript.entryLimit, Transcript.sizeLimit &- used)
        if size > 0, let base = bytes.baseAddress {
            (memory + (index &* Transcript.sizeLimit &+ used)).copyMemory(from: base, byteCount: size)
        }
        let planned = sessions[index].plannedNs
        let at = atNs > planned ? atNs &- planned : 0
        (entries + (index &* Self.entryLimit &+ count)).initialize(
            to: Entry(kind: kind, atNs: at, offset: used, kept: size, count: bytes.count))
        sessions[index].entries = count &+ 1
        sessions[index].size = used &+ size
    }

    /// An event without octets, or with words of ours.
    func note(_ place: TracePlace, _ kind: Transcript.Kind, atNs: UInt64, _ words: StaticString = "") {
        note(place, kind, atNs: atNs, UnsafeRawBufferPointer(start: words.utf8Start, count: words.utf8CodeUnitCount))
    }

    /// Why TLS failed: in words, for one of the few that are shown.
    func note(_ place: TracePlace, _ failure: TLSFailure, atNs: UInt64) {
        var words = failure.description
        words.withUTF8 { note(place, .remark, atNs: atNs, UnsafeRawBufferPointer($0)) }
    }

    func failed(_ place: TracePlace, _ step: Step, _ kind: ErrorClass, _ excerpt: ReplyExcerpt) {
        let index = Int(place.index)
        guard sessions[index].failedStep == nil else { return }
        sessions[index].failedStep = step
        sessions[index].failedKind = kind
        sessions[index].excerpt = excerpt
    }

    /// The session is over: its dialogue stays, or its place is free again.
    func end(
        _ place: TracePlace, _ outcome: SessionOutcome, endNs: UInt64, link: UInt8, messages: UInt32?, octets: UInt64?
    ) {
        let index = Int(place.index)
        sessions[index].outcome = outcome
        sessions[index].endNs = endNs
        sessions[index].link = link
        sessions[index].messages = messages
        sessions[index].octets = octets
        guard makesRoom(for: sessions[index]) else {
            free[freeCount] = place.index
            freeCount &+= 1
            return
        }
        sessions[index].isKept = true
        count(sessions[index], 1)
    }

    private func makesRoom(for session: Session) -> Bool {
        guard kept >= quota else { return true }
        if session.isFailure {
            guard keptFailures < failureShare, let other = spareOne(above: 0) else { return false }
            drop(other)
            return true
        }
        guard !isEven, perScript[Int(session.script)] == 0 else { return false }
        guard let other = spareOne(above: 1) else {
            isEven = true
            return false
        }
        drop(other)
        return true
    }

    /// Of the kept sessions that did not fail one of the script that has most, if it has more than `above`.
    private func spareOne(above: UInt32) -> Int? {
        var best: Int?
        var most = above
        for index in sessions.indices where sessions[index].isKept && !sessions[index].isFailure {
            let count = perScript[Int(sessions[index].script)]
            if count > most { (best, most) = (index, count) }
        }
        return best
    }

    private func drop(_ index: Int) {
        sessions[index].isKept = false
        count(sessions[index], -1)
        free[freeCount] = Int32(truncatingIfNeeded: index)
        freeCount &+= 1
    }

    private func count(_ session: Session, _ sign: Int) {
        let script = Int(session.script)
        kept &+= sign
        if session.isFailure { keptFailures &+= sign }
        if sign > 0 {
            if perScript[script] == 0 { unmetScripts &-= 1 }
            perScript[script] &+= 1
        } else {
            perScript[script] &-= 1
            if perScript[script] == 0 { unmetScripts &+= 1 }
        }
    }

    // MARK: By the control thread, after the run

    /// The kept sessions with what went by, in the order of their places.
    func read() -> [(session: Session, transcript: Transcript)] {
        sessions.indices.filter { sessions[$0].isKept }.map { index in
            var transcript = Transcript()
            for number in 0..<sessions[index].entries {
                let entry = entries[index * Self.entryLimit + number]
                let octets = UnsafeRawBufferPointer(
                    start: memory + (index * Transcript.sizeLimit + entry.offset), count: entry.kept)
                transcript.append(.init(kind: entry.kind, atNs: entry.atNs, octets: Array(octets), count: entry.count))
            }
            transcript.noteDropped(sessions[index].dropped)
            return (sessions[index], transcript)
        }
    }
}

extension TraceBook.Session {
    var isFailure: Bool { outcome.isFailure }
}
