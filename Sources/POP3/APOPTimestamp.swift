// The timestamp of a greeting (RFC 1939, section 7): unique, since it counts, and not to be foretold, since it is mixed
// with a secret. A connection keeps the two words and writes the text again when APOP comes.

public import PoplarCore

public struct APOPTimestamp: Sendable, Equatable {
    public let serial: UInt64
    public let mix: UInt64

    /// `serial` must never repeat within the life of the process; `mix` is a keyed hash of it.
    public init(serial: UInt64, mix: UInt64) {
        self.serial = serial
        self.mix = mix
    }

    /// Octets that `write` appends at the most.
    public static let maximumSize = 64

    /// `<serial.mix@poplar>`, the form of a message id (RFC 822).
    public func write(into writer: inout ByteWriter) {
        writer.append(60)
        Self.hexadecimal(serial, into: &writer)
        writer.append(46)
        Self.hexadecimal(mix, into: &writer)
        writer.append("@poplar>")
    }

    private static func hexadecimal(_ value: UInt64, into writer: inout ByteWriter) {
        writer.append(littleEndian: digits(value >> 32).byteSwapped)
        writer.append(littleEndian: digits(value & 0xFFFF_FFFF).byteSwapped)
    }

    /// The eight digits of 32 bits, the last lowest: each four bits are moved into an octet of their own, and all eight become
    /// letters at once.
    private static func digits(_ value: UInt64) -> UInt64 {
        var spread = value
        spread = (spread << 16 | spread) & 0x0000_FFFF_0000_FFFF
        spread = (spread << 8 | spread) & 0x00FF_00FF_00FF_00FF
        spread = (spread << 4 | spread) & 0x0F0F_0F0F_0F0F_0F0F
        // 1 in each octet above nine: `a` stands 39 places behind where the digit after `9` would.
        let isLetter = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return spread &+ 0x3030_3030_3030_3030 &+ isLetter &* 39
    }
}
