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
        guard let place = writer.reserve(16) else { return }
        var rest = value
        var index = 16
        while index > 0 {
            index &-= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            place[index] = digit < 10 ? 48 &+ digit : 87 &+ digit
            rest >>= 4
        }
    }
}
