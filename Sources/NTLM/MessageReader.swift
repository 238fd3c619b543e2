// Reading little-endian fields of a message (MS-NLMP 2.2) through a bounds-checked view. Invariant: a `Field` that
// was read lies wholly inside the message and behind its header; nothing wraps, since offsets are widened to Int first.

/// A place in the payload: what a (Len, MaxLen, Offset) triple points at. Empty fields are 0..<0 wherever they pointed.
struct Field: Sendable, Equatable {
    var offset: UInt32 = 0
    var length: UInt32 = 0

    var isEmpty: Bool { length == 0 }
    var count: Int { Int(length) }
    var start: Int { Int(offset) }
    var end: Int { start &+ count }
    var range: Range<Int> { start..<end }
}

enum MessageReader {
    /// "NTLMSSP\0", read as a little-endian number.
    static let signature: UInt64 = 0x0050_5353_4D4C_544E

    static func word16(_ bytes: Span<UInt8>, at offset: Int) throws(MessageFault) -> UInt16 {
        guard offset >= 0, offset <= bytes.count &- 2 else { throw .tooShort }
        return UInt16(bytes[offset]) | UInt16(bytes[offset &+ 1]) << 8
    }

    static func word32(_ bytes: Span<UInt8>, at offset: Int) throws(MessageFault) -> UInt32 {
        let low = try word16(bytes, at: offset)
        let high = try word16(bytes, at: offset &+ 2)
        return UInt32(low) | UInt32(high) << 16
    }

    static func word64(_ bytes: Span<UInt8>, at offset: Int) throws(MessageFault) -> UInt64 {
        let low = try word32(bytes, at: offset)
        let high = try word32(bytes, at: offset &+ 4)
        return UInt64(low) | UInt64(high) << 32
    }

    /// Signature and type.
    static func expect(_ type: UInt32, in bytes: Span<UInt8>, atLeast size: Int, atMost limit: Int) throws(MessageFault) {
        guard bytes.count >= size else { throw .tooShort }
        guard bytes.count <= limit else { throw .tooLong }
        guard try word64(bytes, at: 0) == signature else { throw .badSignature }
        guard try word32(bytes, at: 8) == type else { throw .wrongType }
    }

    /// The field described at `place`. MaxLen is not looked at (MS-NLMP 2.2.1: "MUST be ignored on receipt"), nor is the
    /// offset of an empty field. `header` is the end of the fixed part, into which no field may point.
    static func field(_ bytes: Span<UInt8>, at place: Int, header: Int) throws(MessageFault) -> Field {
        let length = try word16(bytes, at: place)
        let offset = try word32(bytes, at: place &+ 4)
        guard length > 0 else { return Field() }
        guard Int(offset) >= header, Int(offset) <= bytes.count, Int(length) <= bytes.count &- Int(offset) else {
            throw .fieldOutOfBounds
        }
        return Field(offset: offset, length: UInt32(length))
    }

    /// The octets of a field; empty when the message is not the one that the field was read from.
    static func octets(of field: Field, in bytes: Span<UInt8>) -> Range<Int> {
        field.end <= bytes.count ? field.range : 0..<0
    }
}
