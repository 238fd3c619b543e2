// The hot half of a histogram: 32-bit counters behind one raw pointer, written by one thread for one interval.
// Invariant: nothing is allocated after creation and nothing traps; count, sum, min and max are exact even for
// values beyond the range, which are counted in the last cell and in `clamped`.

@usableFromInline
struct LatencyCells {
    @usableFromInline let counters: UnsafeMutablePointer<UInt32>
    @usableFromInline let layout: HistogramLayout
    @usableFromInline let ceiling: UInt64
    @usableFromInline var count: UInt64 = 0
    @usableFromInline var sum: UInt64 = 0
    @usableFromInline var minimum: UInt64 = .max
    @usableFromInline var maximum: UInt64 = 0
    @usableFromInline var clamped: UInt64 = 0

    static func make(_ layout: HistogramLayout) -> UnsafeMutablePointer<LatencyCells> {
        let counters = UnsafeMutablePointer<UInt32>.allocate(capacity: layout.counterCount)
        counters.initialize(repeating: 0, count: layout.counterCount)
        let cells = UnsafeMutablePointer<LatencyCells>.allocate(capacity: 1)
        cells.initialize(to: LatencyCells(counters: counters, layout: layout, ceiling: layout.maximum))
        return cells
    }

    static func free(_ cells: UnsafeMutablePointer<LatencyCells>) {
        cells.pointee.counters.deallocate()
        cells.deallocate()
    }

    @inlinable
    mutating func record(_ value: UInt64) {
        let inRange = value <= ceiling
        let index = layout.index(of: inRange ? value : ceiling)
        // A counter holds 2^32 - 1 samples of one interval; it sticks there rather than wrap.
        let old = counters[index]
        counters[index] = old == .max ? old : old &+ 1
        count &+= 1
        sum &+= value
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        if !inRange { clamped &+= 1 }
    }

    /// Back to empty; touches only the range in use.
    mutating func clear() {
        guard count > 0 else { return }
        let first = layout.index(of: min(minimum, ceiling))
        let last = layout.index(of: min(maximum, ceiling))
        (counters + first).update(repeating: 0, count: last - first + 1)
        count = 0
        sum = 0
        minimum = .max
        maximum = 0
        clamped = 0
    }
}
