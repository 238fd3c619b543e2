// How the control thread reaches a worker: a set of orders and a bell. The worker takes the orders at the start of a
// turn and answers with its figures or by ending; nothing is shared while commands are served. A reloaded snapshot
// changes hands through one atomic slot: whoever takes it out owns it.

import Reactor
import Synchronization

/// What a worker can be told.
struct Orders: OptionSet {
    let rawValue: UInt8
    /// End at once, whatever is open.
    static let end = Orders(rawValue: 1)
    /// Take no new connection, serve those that are open to their end, within the drain limit.
    static let drain = Orders(rawValue: 2)
    /// A new snapshot lies in the slot.
    static let reload = Orders(rawValue: 4)
    /// Somebody wants the counters.
    static let publish = Orders(rawValue: 8)
}

/// Sendable unchecked: the slot is a raw pointer, and its exchange decides who owns what it points to.
final class WorkerControl: @unchecked Sendable {
    private let orders = Atomic<UInt8>(0)
    private let slot = Atomic<UnsafeMutablePointer<Snapshot>?>(nil)
    private let bell: WakeUp
    private let nextDeadline: Alarm
    /// Where the worker answers `publish`.
    let figures = FigureExchange()

    init() throws(SystemError) {
        bell = try WakeUp()
        nextDeadline = try Alarm()
    }

    deinit { Self.drop(slot.load(ordering: .acquiring)) }

    /// Hands `snapshot` over; one that the worker has not taken yet is replaced.
    func offer(_ snapshot: Snapshot) {
        let pointer = UnsafeMutablePointer<Snapshot>.allocate(capacity: 1)
        pointer.initialize(to: snapshot)
        Self.drop(slot.exchange(pointer, ordering: .acquiringAndReleasing))
        send(.reload)
    }

    /// The worker's side: the snapshot that was offered last.
    func takeSnapshot() -> Snapshot? {
        guard let pointer = slot.exchange(nil, ordering: .acquiringAndReleasing) else { return nil }
        defer { pointer.deallocate() }
        return pointer.move()
    }

    /// Whether the worker has taken what was offered.
    var isSettled: Bool { slot.load(ordering: .acquiring) == nil }

    private static func drop(_ pointer: UnsafeMutablePointer<Snapshot>?) {
        pointer?.deinitialize(count: 1)
        pointer?.deallocate()
    }

    var wakeUp: Int32 { bell.descriptor }
    /// The alarm of the worker's next deadline.
    var alarm: Int32 { nextDeadline.descriptor }

    func send(_ order: Orders) {
        orders.bitwiseOr(order.rawValue, ordering: .releasing)
        bell.ring()
    }

    func take() -> Orders {
        bell.drain()
        return Orders(rawValue: orders.exchange(0, ordering: .acquiringAndReleasing))
    }
}
