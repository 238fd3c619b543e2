// TOP, RETR and DELE of a session: which commands, in which order, how many at a time. The order is a function of what the
// session knows, so that nothing is queued: writing runs ahead along it, reading follows. With a depth above 1 a batch is
// written as a whole and the next one when all of it is answered, so that a reply which nobody asked for still shows.
// Invariant: `state` and `message` are those of the oldest command without an answer; `unanswered` counts them.

import POP3
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    /// A command of the sequence.
    private struct Transfer {
        var kind: State
        var message: UInt32
    }

    mutating func startTransfers(_ nowNs: UInt64, _ output: inout ByteWriter) {
        writeBatch(after: nil, nowNs, &output)
    }

    /// The oldest command is answered in full.
    mutating func transferred(_ step: Step, _ nowNs: UInt64, _ output: inout ByteWriter) -> SessionEvent {
        let from = stepSinceNs
        stepStartNs = nowNs
        let event = SessionEvent.step(step, method, latencyNs: nowNs > from ? nowNs &- from : 0)
        let done = Transfer(kind: step == .top ? .top : step == .retr ? .retr : .dele, message: message)
        unanswered &-= 1
        if unanswered > 0, let next = following(done) {
            state = next.kind
            message = next.message
        } else {
            writeBatch(after: done, nowNs, &output)
        }
        return event
    }

    /// When the running step began: in a batch every step with the write; alone, that is the end of the step before.
    /// 0 where nothing has been asked.
    var stepSinceNs: UInt64 {
        if state == .idle { return 0 }
        return unanswered > 0 && script.work.depth > 1 ? batchStartNs : stepStartNs
    }

    private mutating func writeBatch(after last: Transfer?, _ nowNs: UInt64, _ output: inout ByteWriter) {
        unanswered = 0
        batchStartNs = nowNs
        var cursor = last
        while unanswered < script.work.depth, let next = following(cursor) {
            if unanswered == 0 {
                state = next.kind
                message = next.message
            }
            write(next, &output)
            unanswered &+= 1
            cursor = next
        }
        if unanswered == 0 { finishWork(nowNs, &output) }
    }

    private func write(_ transfer: Transfer, _ output: inout ByteWriter) {
        switch transfer.kind {
        case .top: ClientCommand.top(transfer.message, lines: script.work.topLines, into: &output)
        case .dele: ClientCommand.dele(transfer.message, into: &output)
        default: ClientCommand.retr(transfer.message, into: &output)
        }
    }

    /// What comes after `transfer` (nil: first of all): TOP of each message looked at, then RETR, with DELE behind it.
    private func following(_ transfer: Transfer?) -> Transfer? {
        let looks = min(script.work.topMessages, messageCount ?? 0)
        guard let transfer else { return looks > 0 ? Transfer(kind: .top, message: 1) : retrieval(after: firstOld) }
        switch transfer.kind {
        case .top:
            return transfer.message < looks ? Transfer(kind: .top, message: transfer.message &+ 1) : retrieval(after: firstOld)
        case .retr where script.work.deletesRetrieved: return Transfer(kind: .dele, message: transfer.message)
        default: return retrieval(after: transfer.message)
        }
    }

    /// Messages in front of the first that may be retrieved.
    private var firstOld: UInt32 { script.work.retrievesNew ? oldCount : 0 }

    private func retrieval(after number: UInt32) -> Transfer? {
        let count = messageCount ?? 0
        guard let share = script.work.chosenShare else {
            let last = script.work.retrievesNew ? count : min(script.work.retrieveMessages, count)
            return number < last ? Transfer(kind: .retr, message: number &+ 1) : nil
        }
        let last = min(script.work.topMessages, count)
        var next = number
        while next < last {
            next &+= 1
            if UInt32(truncatingIfNeeded: SplitMix64.mix(draw &+ UInt64(next)) & 0xFFFF) < share {
                return Transfer(kind: .retr, message: next)
            }
        }
        return nil
    }

    // MARK: Idle

    /// Nothing is asked until the next NOOP is due, or the idle stretch is over.
    mutating func beginPause(_ nowNs: UInt64) {
        let end = idleEndNs ?? nowNs
        let every = script.work.noopEveryNs
        wakeNs = every > 0 ? min(end, nowNs &+ every) : end
        state = .idle
    }

    /// Whether the session waits for the time alone, and that has come.
    func isToWake(_ nowNs: UInt64) -> Bool { state == .idle && nowNs >= wakeNs }

    /// The pause is over: NOOP, or the end of the work.
    mutating func wake(_ nowNs: UInt64, _ output: inout ByteWriter) {
        guard isToWake(nowNs) else { return }
        stepStartNs = nowNs
        guard nowNs >= idleEndNs ?? 0 else {
            ClientCommand.write(.noop, into: &output)
            state = .noop
            return
        }
        finishWork(nowNs, &output)
    }

    // MARK: What is new

    /// A row of UIDL: everything up to the one that the user saw last is old.
    mutating func note(_ mail: SeenMail) {
        if mail.fingerprint == lastSeen.fingerprint, lastSeen.count > 0 { oldCount = rows &+ 1 }
        newestSeen = SeenMail(count: rows &+ 1, fingerprint: mail.fingerprint)
    }
}

/// Where a user's look at his maildrop ended: how many messages there were, and a mark of the last one's unique id. Eight
/// octets a user; a maildrop whose last message was removed by somebody else counts as new from the first.
struct SeenMail: Equatable {
    var count: UInt32 = 0
    var fingerprint: UInt32 = 0

    init(count: UInt32 = 0, fingerprint: UInt32 = 0) {
        self.count = count
        self.fingerprint = fingerprint
    }

    init(id: Span<UInt8>) {
        // FNV-1a, folded: ids of one maildrop differ, and no adversary gains by a collision but a message not fetched.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<id.count { hash = (hash ^ UInt64(id[index])) &* 0x100_0000_01B3 }
        fingerprint = UInt32(truncatingIfNeeded: hash ^ hash >> 32)
        count = 1
    }
}

/// What the users of one thread have seen.
struct SeenTable: @unchecked Sendable {
    private let entries: UnsafeMutablePointer<SeenMail>
    private let count: Int

    init(users: Int) {
        count = max(1, users)
        entries = .allocate(capacity: count)
        entries.initialize(repeating: SeenMail(), count: count)
    }

    func deallocate() { entries.deallocate() }

    subscript(user: UInt32) -> SeenMail {
        get { Int(user) < count ? entries[Int(user)] : SeenMail() }
        nonmutating set { if Int(user) < count { entries[Int(user)] = newValue } }
    }
}
