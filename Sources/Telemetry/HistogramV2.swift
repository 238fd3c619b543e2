// HdrHistogram's V2 encoding: a 40-octet big-endian header, then the counters as ZigZag LEB128 (a negative number is a
// run of zeros), the whole deflated by zlib and written in base64. Readable by every HdrHistogram library.
// Invariant: the decoder takes any octets and never traps, allocates at most what the layout that it accepts needs.

internal import CZlib
internal import PoplarCore

public enum HistogramCodecError: Error, Equatable, Sendable {
    case notBase64
    /// Not a compressed V2 histogram.
    case wrongCookie
    case truncated
    /// zlib refuses the octets.
    case corrupt
    /// Parameters that make no layout, or one of more counters than the decoder takes.
    case badLayout
    /// A normalizing offset or a value ratio: integer histograms have neither.
    case unsupported
    /// Counters beyond the layout, or a number that is none.
    case badCounters
}

extension LatencyHistogram {
    private static let cookie: UInt32 = 0x1c84_9313
    private static let compressedCookie: UInt32 = 0x1c84_9314
    private static let headerSize = 40
    /// Counters that a decoded layout may have (8 MiB).
    private static let counterLimit = 1 << 20

    // MARK: Encoding

    /// The compressed form in base64: what a line of a .hlog carries. Starts with "HISTFAAA".
    public func encodedBase64() -> String {
        let octets = encodedCompressed()
        var text = [UInt8](repeating: 0, count: Base64.encodedCount(octets.count))
        text.withUnsafeMutableBytes { place in
            var writer = ByteWriter(place)
            octets.withUnsafeBytes { Base64.encode($0, into: &writer) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The compressed form, octets.
    public func encodedCompressed() -> [UInt8] {
        Self.compressed(encoded())
    }

    static func compressed(_ plain: [UInt8]) -> [UInt8] {
        var size = compressBound(uLong(plain.count))
        var deflated = [UInt8](repeating: 0, count: Int(size))
        let status = compress(&deflated, &size, plain, uLong(plain.count))
        precondition(status == Z_OK, "zlib cannot fail with a buffer of compressBound")
        var octets: [UInt8] = []
        octets.reserveCapacity(8 + Int(size))
        append(compressedCookie, to: &octets)
        append(UInt32(truncatingIfNeeded: size), to: &octets)
        octets.append(contentsOf: deflated.prefix(Int(size)))
        return octets
    }

    /// The form before compression, octets.
    func encoded() -> [UInt8] {
        var octets: [UInt8] = []
        Self.append(Self.cookie, to: &octets)
        Self.append(0 as UInt32, to: &octets)
        Self.append(0 as UInt32, to: &octets)
        Self.append(UInt32(layout.digits), to: &octets)
        Self.append(layout.lowest, to: &octets)
        Self.append(layout.highest, to: &octets)
        Self.append((1.0).bitPattern, to: &octets)
        // An empty histogram has its first counter, 0, as every other library writes it.
        let last = count == 0 ? 0 : layout.index(of: min(maximumOrZero, layout.maximum))
        var index = 0
        while index <= last {
            var zeros = 0
            while index + zeros <= last, counters[index + zeros] == 0 { zeros += 1 }
            if zeros > 1 {
                Self.append(zigZag: Int64(-zeros), to: &octets)
                index += zeros
            } else {
                Self.append(zigZag: Int64(truncatingIfNeeded: counters[index]), to: &octets)
                index += 1
            }
        }
        let payload = UInt32(octets.count - Self.headerSize)
        for place in 0..<4 { octets[4 + place] = UInt8(truncatingIfNeeded: payload >> UInt32(24 - 8 * place)) }
        return octets
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to octets: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { octets.append(contentsOf: $0) }
    }

    private static func append(zigZag value: Int64, to octets: inout [UInt8]) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        for _ in 0..<8 {
            if rest < 0x80 {
                octets.append(UInt8(truncatingIfNeeded: rest))
                return
            }
            octets.append(UInt8(truncatingIfNeeded: rest & 0x7f | 0x80))
            rest >>= 7
        }
        octets.append(UInt8(truncatingIfNeeded: rest))
    }

    // MARK: Decoding

    /// Reads the base64 form. Minimum, maximum and sum are then those of the counters, not of the samples.
    public init(base64 text: String) throws(HistogramCodecError) {
        let source = Array(text.utf8)
        var octets = [UInt8](repeating: 0, count: source.count / 4 * 3 + 3)
        let length = octets.withUnsafeMutableBytes { place -> Int? in
            var writer = ByteWriter(place)
            return Base64.decode(source.span, into: &writer) ? writer.count : nil
        }
        guard let length else { throw .notBase64 }
        octets.removeLast(octets.count - length)
        try self.init(compressed: octets)
    }

    /// Reads the compressed form.
    public init(compressed octets: [UInt8]) throws(HistogramCodecError) {
        guard octets.count >= 8 else { throw .truncated }
        guard Self.integer(octets, 0, 4) == UInt64(Self.compressedCookie) else { throw .wrongCookie }
        let length = Self.integer(octets, 4, 4)
        guard length <= UInt64(octets.count - 8) else { throw .truncated }
        var inflater = try Inflater(Array(octets[8..<(8 + Int(length))]))
        defer { inflater.end() }
        let header = try inflater.read(Self.headerSize)
        guard Self.integer(header, 0, 4) == UInt64(Self.cookie) else { throw .wrongCookie }
        guard Self.integer(header, 8, 4) == 0, Self.integer(header, 32, 8) == (1.0).bitPattern else { throw .unsupported }
        guard
            let layout = HistogramLayout(
                lowest: Self.integer(header, 16, 8), highest: Self.integer(header, 24, 8),
                digits: Int(truncatingIfNeeded: Self.integer(header, 12, 4))),
            layout.counterCount <= Self.counterLimit
        else { throw .badLayout }
        let payload = Self.integer(header, 4, 4)
        guard payload <= UInt64(layout.counterCount * 9) else { throw .badCounters }
        self.init(layout)
        try fill(inflater.read(Int(payload)))
    }

    private mutating func fill(_ payload: [UInt8]) throws(HistogramCodecError) {
        var position = 0
        var index = 0
        while position < payload.count {
            let value = try Self.zigZag(payload, &position)
            guard value != .min else { throw .badCounters }
            if value < 0 {
                guard -value <= Int64(counters.count - index) else { throw .badCounters }
                index += Int(-value)
                continue
            }
            guard index < counters.count else { throw .badCounters }
            if value > 0 {
                let (total, overflow) = count.addingReportingOverflow(UInt64(value))
                guard !overflow else { throw .badCounters }
                counters[index] = UInt64(value)
                count = total
                sum &+= UInt128(middle(at: index)) &* UInt128(UInt64(value))
                if minimumOrMax == .max { minimumOrMax = layout.lowestEquivalent(at: index) }
                maximumOrZero = layout.highestEquivalent(at: index)
            }
            index += 1
        }
    }

    private static func integer(_ octets: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
        octets[offset..<(offset + size)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func zigZag(_ octets: [UInt8], _ position: inout Int) throws(HistogramCodecError) -> Int64 {
        var value: UInt64 = 0
        for place in 0..<9 {
            guard position < octets.count else { throw .badCounters }
            let octet = octets[position]
            position += 1
            if place == 8 {
                value |= UInt64(octet) << 56
            } else {
                value |= UInt64(octet & 0x7f) << UInt64(7 * place)
                if octet & 0x80 == 0 { break }
            }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

/// zlib's inflate over octets in memory, a stated number of octets at a time. zlib keeps the stream's address.
private struct Inflater {
    private var input: [UInt8]
    private let stream: UnsafeMutablePointer<z_stream>

    init(_ octets: [UInt8]) throws(HistogramCodecError) {
        input = octets
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit_(stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            throw .corrupt
        }
        stream.pointee.avail_in = uInt(truncatingIfNeeded: octets.count)
    }

    mutating func read(_ size: Int) throws(HistogramCodecError) -> [UInt8] {
        guard size > 0 else { return [] }
        var output = [UInt8](repeating: 0, count: size)
        var status = Z_OK
        let consumed = input.count - Int(stream.pointee.avail_in)
        let missing = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.pointee.next_in = source.baseAddress.map { $0 + consumed }
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = uInt(truncatingIfNeeded: size)
                status = inflate(stream, Z_SYNC_FLUSH)
                return stream.pointee.avail_out
            }
        }
        if missing == 0 { return output }
        if status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR { throw .truncated }
        throw .corrupt
    }

    func end() {
        inflateEnd(stream)
        stream.deallocate()
    }
}
