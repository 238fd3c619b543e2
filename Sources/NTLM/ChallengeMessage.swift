// CHALLENGE_MESSAGE, "type 2" (MS-NLMP 2.2.1.2). The client takes the forms of 32 and 48 octets that old servers send; the
// server writes the form of 56 octets, target name and target information behind it in this order.

import PoplarCore

struct ChallengeMessage: Sendable, Equatable {
    var flags: NegotiateFlags
    /// The eight octets, read little-endian.
    var serverChallenge: UInt64
    var targetName: Field
    var targetInfo: Field

    static let size = 56

    init(_ bytes: Span<UInt8>) throws(MessageFault) {
        try MessageReader.expect(MessageType.challenge, in: bytes, atLeast: 32, atMost: Limits.foreignChallenge)
        flags = NegotiateFlags(rawValue: try MessageReader.word32(bytes, at: 20))
        serverChallenge = try MessageReader.word64(bytes, at: 24)
        targetName = try MessageReader.field(bytes, at: 12, header: 32)
        targetInfo = Field()
        // The form of 32 octets has no room for it, whatever the flags say.
        if flags.contains(.targetInfo), bytes.count >= 48 {
            targetInfo = try MessageReader.field(bytes, at: 40, header: 48)
            guard targetInfo.count <= Limits.foreignTargetInfo else { throw .tooLong }
        }
    }

    /// What the server grants of `requested`.
    static func granted(_ requested: NegotiateFlags, settings: borrowing ServerSettings) throws(MessageFault) -> NegotiateFlags {
        var flags = requested.intersection(.grantable)
        if requested.contains(.unicode) {
            flags.insert(.unicode)
        } else if requested.contains(.oem) {
            flags.insert(.oem)
        } else {
            throw .noEncoding
        }
        flags.formUnion([.ntlm, .targetInfo])
        flags.insert(settings.targetIsDomain ? .targetIsDomain : .targetIsServer)
        return flags
    }

    static func write(
        flags: NegotiateFlags, challenge: UInt64, nowFileTime: UInt64, settings: borrowing ServerSettings,
        into writer: inout ByteWriter
    ) {
        let isUnicode = flags.contains(.unicode)
        let nameSize = isUnicode ? settings.targetNameSize : settings.targetNameSize / 2
        let stampSize = settings.sendsTimestamp ? 12 : 0
        let infoSize = settings.pairsSize &+ stampSize &+ 4
        writer.append(littleEndian: MessageReader.signature)
        writer.append(littleEndian: MessageType.challenge)
        appendField(size: nameSize, offset: size, into: &writer)
        writer.append(littleEndian: flags.rawValue)
        writer.append(littleEndian: challenge)
        writer.append(littleEndian: UInt64(0))
        appendField(size: infoSize, offset: size &+ nameSize, into: &writer)
        writer.append(littleEndian: flags.contains(.version) ? ServerSettings.version : 0)
        settings.appendTargetName(isUnicode: isUnicode, into: &writer)
        settings.appendPairs(into: &writer)
        if settings.sendsTimestamp { AVPairs.append(.timestamp, nowFileTime, into: &writer) }
        AVPairs.append(.endOfList, length: 0, into: &writer)
    }

    static func appendField(size: Int, offset: Int, into writer: inout ByteWriter) {
        writer.append(littleEndian: UInt16(truncatingIfNeeded: size))
        writer.append(littleEndian: UInt16(truncatingIfNeeded: size))
        writer.append(littleEndian: UInt32(truncatingIfNeeded: offset))
    }
}
