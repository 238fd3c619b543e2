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

    /// Octets that `write` appends.
    public static var size: Int { 42 }

    /// `<serial.mix@poplar>`, the form of a message id (RFC 822).
    public func write(into writer: inout ByteWriter) {
        guard let place = writer.reserve(Self.size) else { return }
        place.storeBytes(of: 60, toByteOffset: 0, as: UInt8.self)
        Self.hexadecimal(serial, place, 1)
        place.storeBytes(of: 46, toByteOffset: 17, as: UInt8.self)
        Self.hexadecimal(mix, place, 18)
        place.storeBytes(of: UInt64(bigEndian: 0x4070_6F70_6C61_723E), toByteOffset: 34, as: UInt64.self)  // "@poplar>"
    }

    @inline(__always)
    private static func hexadecimal(_ value: UInt64, _ place: UnsafeMutableRawBufferPointer, _ offset: Int) {
        place.storeBytes(of: digits(value >> 32).bigEndian, toByteOffset: offset, as: UInt64.self)
        place.storeBytes(of: digits(value & 0xFFFF_FFFF).bigEndian, toByteOffset: offset &+ 8, as: UInt64.self)
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
