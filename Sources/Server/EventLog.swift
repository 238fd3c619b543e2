// A worker's end of the log. What is below the level costs one compare; what is told costs one copy into the ring. Kinds
// that come in floods are told ten times a second, then counted (an Exchange server that wrote one event of a kind five to
// ten times a second filled its log with it: KB200376).

import Reactor

/// At most `perSecond` events of each coalesced kind in each second of the monotonic clock.
struct EventLimiter {
    static let perSecond: UInt32 = 10

    private var seconds = InlineArray<32, UInt64>(repeating: .max)
    private var counts = InlineArray<32, UInt32>(repeating: 0)

    mutating func admits(_ kind: EventKind, _ nowNs: UInt64) -> Bool {
        guard kind.isCoalesced else { return true }
        let index = Int(kind.rawValue) & 31
        let second = nowNs / 1_000_000_000
        if seconds[index] != second {
            seconds[index] = second
            counts[index] = 0
        }
        guard counts[index] < Self.perSecond else { return false }
        counts[index] &+= 1
        return true
    }
}

struct EventLog: ~Copyable {
    private let ring: EventRing?
    private let level: UInt8
    private var limiter = EventLimiter()
    /// The descriptor that wakes the thread of the log.
    let bell: Int32?

    /// Without a ring nothing is told.
    init(_ ring: EventRing? = nil, level: LogLevel = .error, bell: Int32? = nil) {
        self.ring = ring
        self.level = ring == nil ? 0 : level.rawValue
        self.bell = bell
    }

    /// Whether events of this kind are told.
    @inline(__always)
    func tells(_ kind: EventKind) -> Bool { kind.level.rawValue <= level }

    /// Tells of an event that `body` fills in; `body` is not called when the level is too low or the kind floods.
    @inline(__always)
    mutating func record(_ kind: EventKind, _ nowNs: UInt64, _ body: (inout EventRecord) -> Void) {
        guard tells(kind), admits(kind, nowNs) else { return }
        var record = EventRecord(kind)
        record.timeNs = nowNs
        body(&record)
        push(record)
    }

    @inline(never)
    private mutating func admits(_ kind: EventKind, _ nowNs: UInt64) -> Bool {
        if limiter.admits(kind, nowNs) { return true }
        ring?.countSuppressed(kind)
        wakeReader()
        return false
    }

    @inline(never)
    private func push(_ record: borrowing EventRecord) {
        // A record that finds no room is counted by the ring, and told by the reader.
        _ = ring?.push(copy record)
        wakeReader()
    }

    /// Rings the bell where the thread of the log sleeps: it stays awake for a while then, so a flood rings it 20 times
    /// a second.
    private func wakeReader() {
        if let ring, let bell, ring.mustWake() { WakeUp.ring(bell) }
    }
}
