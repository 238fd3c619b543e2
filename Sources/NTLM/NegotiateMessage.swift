// NEGOTIATE_MESSAGE, "type 1" (MS-NLMP 2.2.1.1). Sixteen octets are enough; the name fields behind them are looked at only
// when their flags say that they are there, and never used.

import PoplarCore

struct NegotiateMessage: Sendable, Equatable {
    var flags: NegotiateFlags

    static let size = 32

    init(flags: NegotiateFlags) { self.flags = flags }

    init(_ bytes: Span<UInt8>) throws(MessageFault) {
        try MessageReader.expect(MessageType.negotiate, in: bytes, atLeast: 16, atMost: Limits.negotiate)
        flags = NegotiateFlags(rawValue: try MessageReader.word32(bytes, at: 12))
        if flags.contains(.domainSupplied) { _ = try MessageReader.field(bytes, at: 16, header: Self.size) }
        if flags.contains(.workstationSupplied) { _ = try MessageReader.field(bytes, at: 24, header: Self.size) }
    }

    /// Writes the form without names: 32 octets.
    func write(into writer: inout ByteWriter) {
        writer.append(littleEndian: MessageReader.signature)
        writer.append(littleEndian: MessageType.negotiate)
        writer.append(littleEndian: flags.rawValue)
        for _ in 0..<2 {
            writer.append(littleEndian: UInt32(0))
            writer.append(littleEndian: UInt32(Self.size))
        }
    }
}
