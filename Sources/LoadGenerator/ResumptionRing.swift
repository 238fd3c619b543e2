// TLS sessions kept for resumption, oldest first: each serves one later connection, as RFC 8446 (appendix C.4) advises,
// and the oldest goes when the ring is full. One ring per thread and TLS version. Slots are reused: nothing grows.

import TLS

struct ResumptionRing: ~Copyable {
    private let slots: UnsafeMutablePointer<TLSResumption>
    private let capacity: Int
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) {
        precondition(capacity > 0, "ring capacity out of range")
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
    }

    deinit {
        for index in 0..<count { (slots + (head + index) % capacity).deinitialize(count: 1) }
        slots.deallocate()
    }

    var isFull: Bool { count == capacity }

    mutating func push(_ session: consuming TLSResumption) {
        if count == capacity {
            (slots + head).deinitialize(count: 1)
            head = (head &+ 1) % capacity
            count &-= 1
        }
        (slots + (head &+ count) % capacity).initialize(to: session)
        count &+= 1
    }

    mutating func pop() -> TLSResumption? {
        guard count > 0 else { return nil }
        let place = slots + head
        head = (head &+ 1) % capacity
        count &-= 1
        return place.move()
    }
}
