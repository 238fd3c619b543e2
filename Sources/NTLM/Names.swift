// Names on the wire: UTF-16LE under UNICODE, one octet a character under OEM. Poplar reads OEM octets as ISO 8859-1, as the
// clients do that still speak it (they widen each octet). Names become UTF-8 only when they are well formed and hold no
// control characters; what `\`, `/` and `@` mean in them is the caller's policy.

import Digest
public import PoplarCore

public enum Name {
    /// Appends a name as UTF-8. False, and the writer as it was, when it is not well formed or does not fit.
    public static func appendUTF8(_ field: Span<UInt8>, isUnicode: Bool, into writer: inout ByteWriter) -> Bool {
        let mark = writer.count
        var offset = 0
        while offset < field.count {
            guard let (scalar, width) = scalar(in: field, at: offset, isUnicode: isUnicode) else {
                writer.truncate(to: mark)
                return false
            }
            append(scalar, into: &writer)
            offset &+= width
        }
        if writer.overflowed {
            writer.truncate(to: mark)
            return false
        }
        return true
    }

    /// Whether a name is well formed: whole code units, paired surrogates, no control characters.
    static func isWellFormed(_ field: Span<UInt8>, isUnicode: Bool) -> Bool {
        var offset = 0
        while offset < field.count {
            guard let (_, width) = scalar(in: field, at: offset, isUnicode: isUnicode) else { return false }
            offset &+= width
        }
        return true
    }

    /// The scalar at `offset` and the octets it takes; nil for what no name may hold.
    private static func scalar(in field: Span<UInt8>, at offset: Int, isUnicode: Bool) -> (UInt32, Int)? {
        guard isUnicode else {
            let octet = UInt32(field[offset])
            return isControl(octet) ? nil : (octet, 1)
        }
        guard let unit = unit(in: field, at: offset) else { return nil }
        switch unit {
        case 0xD800...0xDBFF:
            guard let low = self.unit(in: field, at: offset &+ 2), low >= 0xDC00, low <= 0xDFFF else { return nil }
            return (0x1_0000 &+ (UInt32(unit &- 0xD800) << 10 | UInt32(low &- 0xDC00)), 4)
        case 0xDC00...0xDFFF:
            return nil
        default:
            return isControl(UInt32(unit)) ? nil : (UInt32(unit), 2)
        }
    }

    private static func isControl(_ scalar: UInt32) -> Bool {
        scalar < 0x20 || (scalar >= 0x7F && scalar < 0xA0)
    }

    private static func unit(in field: Span<UInt8>, at offset: Int) -> UInt16? {
        guard offset <= field.count &- 2 else { return nil }
        return UInt16(field[offset]) | UInt16(field[offset &+ 1]) << 8
    }

    private static func append(_ scalar: UInt32, into writer: inout ByteWriter) {
        func octet(_ lead: UInt32, _ shift: UInt32) -> UInt8 {
            UInt8(truncatingIfNeeded: lead | (scalar >> shift & (lead == 0x80 ? 0x3F : 0xFF)))
        }
        switch scalar {
        case 0..<0x80:
            writer.append(UInt8(truncatingIfNeeded: scalar))
        case 0x80..<0x800:
            writer.append(octet(0xC0, 6))
            writer.append(octet(0x80, 0))
        case 0x800..<0x1_0000:
            writer.append(octet(0xE0, 12))
            writer.append(octet(0x80, 6))
            writer.append(octet(0x80, 0))
        default:
            writer.append(octet(0xF0, 18))
            writer.append(octet(0x80, 12))
            writer.append(octet(0x80, 6))
            writer.append(octet(0x80, 0))
        }
    }

    // MARK: The client's way: UTF-8 to the wire

    /// The UTF-16 code units that UTF-8 text takes; nil when it is not UTF-8.
    static func unitCount(utf8 text: Span<UInt8>) -> Int? {
        var units = 0
        var offset = 0
        while offset < text.count {
            guard let (scalar, width) = UTF8Text.scalar(in: text, at: offset) else { return nil }
            units &+= scalar > 0xFFFF ? 2 : 1
            offset &+= width
        }
        return units
    }

    /// Octets that UTF-8 text takes on the wire; nil when it is not UTF-8, or not ISO 8859-1 where OEM asks for that.
    static func wireCount(utf8 text: Span<UInt8>, isUnicode: Bool) -> Int? {
        guard let units = unitCount(utf8: text) else { return nil }
        return isUnicode ? units &* 2 : units
    }

    /// Appends UTF-8 text in its form on the wire. False when it cannot be said in it.
    static func appendWire(utf8 text: Span<UInt8>, isUnicode: Bool, into writer: inout ByteWriter) -> Bool {
        var offset = 0
        while offset < text.count {
            guard let (scalar, width) = UTF8Text.scalar(in: text, at: offset) else { return false }
            if !isUnicode {
                guard scalar <= 0xFF else { return false }
                writer.append(UInt8(truncatingIfNeeded: scalar))
            } else if scalar > 0xFFFF {
                let rest = scalar &- 0x1_0000
                writer.append(littleEndian: UInt16(truncatingIfNeeded: 0xD800 | rest >> 10))
                writer.append(littleEndian: UInt16(truncatingIfNeeded: 0xDC00 | rest & 0x3FF))
            } else {
                writer.append(littleEndian: UInt16(truncatingIfNeeded: scalar))
            }
            offset &+= width
        }
        return !writer.overflowed
    }

    // MARK: Hashing

    /// Feeds a name into an HMAC as UTF-16LE, in upper case if asked, whatever its form on the wire.
    static func hash(_ field: Span<UInt8>, isUnicode: Bool, uppercase: Bool, into hmac: inout HMACMD5) {
        if isUnicode, !uppercase {
            hmac.update(field)
            return
        }
        let width = isUnicode ? 2 : 1
        var chunk = InlineArray<32, UInt16>(repeating: 0)
        var filled = 0
        var offset = 0
        while offset < field.count {
            let unit = isUnicode ? self.unit(in: field, at: offset) ?? 0 : UInt16(field[offset])
            chunk[filled] = (uppercase ? Uppercase.unit(unit) : unit).littleEndian
            filled &+= 1
            offset &+= width
            if filled == 32 || offset >= field.count {
                let view = chunk.span
                view.withUnsafeBytes { hmac.update(UnsafeRawBufferPointer(rebasing: $0[..<min(filled &* 2, $0.count)])) }
                filled = 0
            }
        }
    }

    /// Whether putting a name in upper case would change it.
    static func hasLowercase(_ field: Span<UInt8>, isUnicode: Bool) -> Bool {
        var offset = 0
        while offset < field.count {
            let unit = isUnicode ? self.unit(in: field, at: offset) ?? 0 : UInt16(field[offset])
            if Uppercase.unit(unit) != unit { return true }
            offset &+= isUnicode ? 2 : 1
        }
        return false
    }
}

/// Simple upper-case mapping of UTF-16 code units, one for one, as Windows does it: what would become two characters, or
/// lies outside the basic plane, stays.
enum Uppercase {
    @inline(__always)
    static func unit(_ unit: UInt16) -> UInt16 {
        if unit < 0x80 { return unit >= 0x61 && unit <= 0x7A ? unit &- 0x20 : unit }
        return other(unit)
    }

    @inline(never)
    private static func other(_ unit: UInt16) -> UInt16 {
        switch unit {
        case 0x80..<0xE0, 0xF7: return unit
        case 0xE0...0xFE: return unit &- 0x20
        case 0xFF: return 0x178
        default: break
        }
        guard let scalar = Unicode.Scalar(unit), scalar.properties.changesWhenUppercased else { return unit }
        let upper = scalar.properties.uppercaseMapping.unicodeScalars
        guard let first = upper.first, upper.count == 1, first.value <= 0xFFFF else { return unit }
        return UInt16(truncatingIfNeeded: first.value)
    }
}

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
enum UTF8Text {
    static func scalar(in text: Span<UInt8>, at offset: Int) -> (UInt32, Int)? {
        guard offset >= 0, offset < text.count else { return nil }
        let lead = text[offset]
        let (width, least, bits): (Int, UInt32, UInt32)
        switch lead {
        case 0..<0x80: return (UInt32(lead), 1)
        case 0xC2...0xDF: (width, least, bits) = (2, 0x80, UInt32(lead & 0x1F))
        case 0xE0...0xEF: (width, least, bits) = (3, 0x800, UInt32(lead & 0x0F))
        case 0xF0...0xF4: (width, least, bits) = (4, 0x1_0000, UInt32(lead & 0x07))
        default: return nil
        }
        guard width <= text.count &- offset else { return nil }
        var scalar = bits
        for index in 1..<width {
            let next = text[offset &+ index]
            guard next & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(next & 0x3F)
        }
        guard scalar >= least, scalar <= 0x10_FFFF, scalar < 0xD800 || scalar > 0xDFFF else { return nil }
        return (scalar, width)
    }
}
