// A bounded writer over memory that someone else owns. Invariant: it never writes past its end and never
// traps on a full buffer; what does not fit sets `overflowed`, and the caller decides what that means.

@frozen
public struct ByteWriter {
    @usableFromInline let base: UnsafeMutableRawPointer?
    /// Octets that fit in all.
    public let capacity: Int
    @usableFromInline var length: Int
    @usableFromInline var didOverflow: Bool

    /// Writes into `buffer` from its start. The memory must outlive the writer.
    @inlinable
    public init(_ buffer: UnsafeMutableRawBufferPointer) {
        base = buffer.baseAddress
        capacity = buffer.count
        length = 0
        didOverflow = false
    }

    /// Octets written so far.
    @inlinable public var count: Int { length }
    /// Whether something did not fit. Nothing is written after that, until `truncate`.
    @inlinable public var overflowed: Bool { didOverflow }

    @inlinable public var remaining: Int { capacity &- count }

    /// What has been written, valid while the memory is.
    @inlinable
    public var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Takes back everything from `mark` on (a value taken earlier from `count`).
    @inlinable
    public mutating func truncate(to mark: Int) {
        if mark >= 0, mark < length { length = mark }
        didOverflow = false
    }

    /// Room for `size` octets at the end, counted as written; nil (and `overflowed`) when they do not fit.
    @inlinable
    public mutating func reserve(_ size: Int) -> UnsafeMutableRawBufferPointer? {
        guard size >= 0, !didOverflow, size <= remaining, let base else {
            didOverflow = didOverflow || size != 0
            return nil
        }
        let start = base + length
        length &+= size
        return UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        guard let place = reserve(1) else { return }
        place.storeBytes(of: byte, as: UInt8.self)
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, let place = reserve(bytes.count) else { return }
        place.copyMemory(from: bytes)
    }

    @inlinable
    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(UnsafeRawBufferPointer($0)) }
    }

    @inlinable
    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// `length` octets of value `byte`.
    @inlinable
    public mutating func append(repeating byte: UInt8, count size: Int) {
        guard let place = reserve(size) else { return }
        for index in 0..<place.count { place[index] = byte }
    }

    /// `value` in decimal, without sign or padding.
    @inlinable
    public mutating func append(decimal value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        // The largest power of ten in 64 bits has twenty digits.
        while digits < 20, value >= bound {
            digits &+= 1
            bound &*= 10
        }
        guard let place = reserve(digits) else { return }
        var rest = value
        var index = digits
        while index > 0 {
            index &-= 1
            place[index] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
            rest /= 10
        }
    }

    /// `value` in little-endian order, its full width.
    @inlinable
    public mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        guard let place = reserve(MemoryLayout<Integer>.size) else { return }
        place.storeBytes(of: value.littleEndian, as: Integer.self)
    }
}
