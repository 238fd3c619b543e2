// How many connections each source holds that have not logged on, over all workers, without a lock and in fixed memory: two
// rows of counters, indexed by a keyed hash of the address; the smaller of a source's two is its count (a count-min sketch,
// Cormode and Muthukrishnan 2005). Two sources share both counters once in 2^32 pairs, and the key is secret, so nobody
// can aim at a neighbour. Invariant: whoever was admitted gives back exactly once.

import PoplarCore
import Reactor
import Synchronization

struct SourceTable: @unchecked Sendable {
    /// Where a source's two counters stand.
    struct Place: Equatable {
        let first: UInt16
        let second: UInt16
    }

    private static let size = 65_536
    private let counters: UnsafeMutablePointer<Atomic<UInt32>>
    private let hash: SipHash

    /// Memory for the life of the process: the workers' threads share it.
    init(key0: UInt64, key1: UInt64) {
        counters = .allocate(capacity: Self.size * 2)
        for index in 0..<Self.size * 2 { (counters + index).initialize(to: Atomic(0)) }
        hash = SipHash(key0: key0, key1: key1)
    }

    func place(of address: SocketAddress) -> Place {
        let (high, low) = address.source
        let value = hash.hash(high, low)
        return Place(first: UInt16(truncatingIfNeeded: value), second: UInt16(truncatingIfNeeded: value >> 16))
    }

    /// Counts a connection. False, and nothing is counted, when the source holds `cap` already.
    func admit(_ place: Place, cap: Int) -> Bool {
        let first = counters[Int(place.first)].wrappingAdd(1, ordering: .relaxed).oldValue
        let second = counters[Self.size &+ Int(place.second)].wrappingAdd(1, ordering: .relaxed).oldValue
        guard Int(min(first, second)) >= cap else { return true }
        giveBack(place)
        return false
    }

    func giveBack(_ place: Place) {
        counters[Int(place.first)].wrappingSubtract(1, ordering: .relaxed)
        counters[Self.size &+ Int(place.second)].wrappingSubtract(1, ordering: .relaxed)
    }
}
