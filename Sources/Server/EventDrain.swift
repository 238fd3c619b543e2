// The reader's side of every worker's ring: takes what has come, makes lines of it, and says how much was lost or held
// back. It knows no descriptor and no clock, so that a test can drive it.
// Invariant: a record that a worker handed over becomes a line or is counted in one.

import Exposition

struct EventDrain {
    /// Lines are handed over in pieces of about this size.
    static let batchOctets = 65_536
    private static let noteEveryNs: UInt64 = 1_000_000_000

    private let rings: [EventRing]
    private var limiter = EventLimiter()
    private var lost: UInt64 = 0
    private var told: [UInt64]
    /// Held back here, on top of what the workers held back: ten a second are ten of the whole server.
    private var heldBack: [UInt64]
    private var notedNs: UInt64 = 0

    init(_ rings: [EventRing]) {
        self.rings = rings
        told = EventKind.allCases.map { _ in 0 }
        heldBack = told
    }

    /// Takes all that has come. `wallOffsetNs` is what makes a time of day of the monotonic clock. `unwritten`: lines
    /// that the output has lost since the start. `write` is given whole lines. Returns whether there were any.
    @discardableResult
    mutating func collect(
        nowNs: UInt64, wallOffsetNs: UInt64, unwritten: UInt64 = 0, isLast: Bool = false, _ write: ([UInt8]) -> Void
    ) -> Bool {
        var batch: [UInt8] = []
        var hasWritten = false
        for (worker, ring) in rings.enumerated() {
            // A ring's worth: a worker that fills it as fast as it is emptied does not hold the others up.
            for _ in 0..<ring.capacity {
                guard let record = ring.pop() else { break }
                guard limiter.admits(record.kind, record.timeNs) else {
                    heldBack[Int(record.kind.rawValue)] &+= 1
                    continue
                }
                append(EventText.line(record, worker: worker, wallNs: record.timeNs &+ wallOffsetNs), &batch)
                if batch.count >= Self.batchOctets {
                    hasWritten = true
                    write(batch)
                    batch = []
                }
            }
        }
        note(nowNs, nowNs &+ wallOffsetNs, unwritten, isLast, &batch)
        if !batch.isEmpty { write(batch) }
        return hasWritten || !batch.isEmpty
    }

    /// Once a second: what there is no line for.
    private mutating func note(
        _ nowNs: UInt64, _ wallNs: UInt64, _ unwritten: UInt64, _ isLast: Bool, _ batch: inout [UInt8]
    ) {
        guard isLast || nowNs &- notedNs >= Self.noteEveryNs else { return }
        notedNs = nowNs
        let lostNow = lostTotal &+ unwritten
        if lostNow != lost {
            var line = EventText.head(.warn, "log_lost", wallNs)
            line.field("count", lostNow &- lost)
            append(line.text, &batch)
            lost = lostNow
        }
        for kind in EventKind.allCases where kind.isCoalesced {
            let index = Int(kind.rawValue)
            let total = suppressed(kind)
            guard total != told[index] else { continue }
            var line = EventText.head(kind.level, "log_suppressed", wallNs)
            line.field("of", kind.name)
            line.field("count", total &- told[index])
            append(line.text, &batch)
            told[index] = total
        }
    }

    /// Whether a look at the rings would bring a line: records, or counts that no line has told yet.
    var hasMore: Bool {
        if rings.contains(where: { !$0.isEmpty }) { return true }
        return EventKind.allCases.contains { $0.isCoalesced && suppressed($0) != told[Int($0.rawValue)] }
    }

    private func suppressed(_ kind: EventKind) -> UInt64 {
        rings.reduce(heldBack[Int(kind.rawValue)]) { $0 &+ $1.suppressed(kind) }
    }

    /// Records that found their ring full, since the start.
    var lostTotal: UInt64 { rings.reduce(0) { $0 &+ $1.lost } }

    private func append(_ line: String, _ batch: inout [UInt8]) {
        batch.append(contentsOf: line.utf8)
        batch.append(10)
    }
}
