// The source addresses of one thread, taken in turn. Memory of its own, so that a session's start counts no references.
// Invariant: thread i begins at the i-th address, so that threads do not all use the same one at the same time.

public import Reactor
public import Workload

struct SourceRing: ~Copyable {
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private let count: Int
    private var next: Int

    /// None leaves the choice to the kernel.
    init(_ sources: [SocketAddress], thread: Int) {
        count = sources.count
        next = count > 0 ? thread % count : 0
        addresses = .allocate(capacity: max(1, count))
        for (index, source) in sources.enumerated() { (addresses + index).initialize(to: source) }
    }

    deinit { addresses.deallocate() }

    /// The place of the address whose turn it is; the next call answers the one behind it.
    mutating func take() -> UInt32 {
        let place = next
        next = place &+ 1 < count ? place &+ 1 : 0
        return UInt32(truncatingIfNeeded: place)
    }

    /// Nil where the kernel chooses.
    subscript(place: UInt32) -> SocketAddress? { Int(place) < count ? addresses[Int(place)] : nil }
}

extension SocketAddress {
    /// `source` with port 0: the kernel chooses it at connect.
    public init(_ source: SourceAddress) {
        self =
            source.isIPv6
            ? SocketAddress(ipv6: source.number, port: 0)
            : SocketAddress(ipv4: UInt32(truncatingIfNeeded: source.number), port: 0)
    }
}
