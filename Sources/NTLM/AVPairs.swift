// Attribute-value pairs (MS-NLMP 2.2.2.1): the target information of a challenge and of an NTLMv2 response. A list is
// taken only when it ends with MsvAvEOL, stays inside its bounds, names no id twice, and each value has its length.

public import Digest
public import PoplarCore

public enum AVIdentifier: UInt16, Sendable, CaseIterable {
    case endOfList = 0
    case netBIOSComputer = 1
    case netBIOSDomain = 2
    case dnsComputer = 3
    case dnsDomain = 4
    case dnsTree = 5
    case flags = 6
    case timestamp = 7
    case singleHost = 8
    case targetName = 9
    case channelBindings = 10
}

public struct AVPairs: Sendable, Equatable {
    /// MsvAvFlags; nil when absent.
    public private(set) var flags: UInt32?
    /// MsvAvTimestamp, a FILETIME; nil when absent.
    public private(set) var timestamp: UInt64?
    /// MsvAvChannelBindings; nil when absent. Zero means a client that knows of bindings and has none.
    public private(set) var channelBindings: Digest16?
    /// Where the MsvAvEOL begins, from the start of the list.
    public private(set) var endOffset = 0

    /// Bit of MsvAvFlags: the message carries a MIC.
    public static let hasMIC: UInt32 = 0x2

    init() {}

    /// Reads the whole list. Octets behind MsvAvEOL are not looked at.
    public init(_ bytes: Span<UInt8>) throws(MessageFault) {
        var seen: UInt16 = 0
        var offset = 0
        while true {
            guard let pair = Self.pair(in: bytes, at: offset) else { throw .badTargetInfo }
            guard pair.id != 0 else {
                guard pair.value.isEmpty else { throw .badTargetInfo }
                endOffset = offset
                return
            }
            if pair.id <= 10 {
                let bit: UInt16 = 1 << pair.id
                guard seen & bit == 0 else { throw .badTargetInfo }
                seen |= bit
            }
            try take(pair, from: bytes)
            offset = pair.value.upperBound
        }
    }

    private mutating func take(_ pair: (id: UInt16, value: Range<Int>), from bytes: Span<UInt8>) throws(MessageFault) {
        let start = pair.value.lowerBound
        switch AVIdentifier(rawValue: pair.id) {
        case .flags:
            guard pair.value.count == 4 else { throw .badTargetInfo }
            flags = try MessageReader.word32(bytes, at: start)
        case .timestamp:
            guard pair.value.count == 8 else { throw .badTargetInfo }
            timestamp = try MessageReader.word64(bytes, at: start)
        case .channelBindings:
            guard pair.value.count == 16 else { throw .badTargetInfo }
            channelBindings = Digest16(
                low: try MessageReader.word64(bytes, at: start), high: try MessageReader.word64(bytes, at: start &+ 8))
        case .netBIOSComputer, .netBIOSDomain, .dnsComputer, .dnsDomain, .dnsTree, .targetName:
            guard pair.value.count & 1 == 0 else { throw .badTargetInfo }
        case .singleHost, .endOfList, nil:
            break
        }
    }

    /// The pair at `offset`: its id and where its value stands; nil when it does not lie inside `bytes`.
    static func pair(in bytes: Span<UInt8>, at offset: Int) -> (id: UInt16, value: Range<Int>)? {
        guard let id = try? MessageReader.word16(bytes, at: offset),
            let length = try? MessageReader.word16(bytes, at: offset &+ 2)
        else { return nil }
        let start = offset &+ 4
        guard Int(length) <= bytes.count &- start else { return nil }
        return (id, start..<(start &+ Int(length)))
    }

    /// Where the value of the first pair of that id stands in `bytes`; nil when there is none.
    public static func find(_ id: AVIdentifier, in bytes: Span<UInt8>) -> Range<Int>? {
        var offset = 0
        while let pair = pair(in: bytes, at: offset), pair.id != 0 {
            if pair.id == id.rawValue { return pair.value }
            offset = pair.value.upperBound
        }
        return nil
    }

    static func append(_ id: AVIdentifier, length: Int, into writer: inout ByteWriter) {
        writer.append(littleEndian: id.rawValue)
        writer.append(littleEndian: UInt16(truncatingIfNeeded: length))
    }

    static func append(_ id: AVIdentifier, _ value: UInt32, into writer: inout ByteWriter) {
        append(id, length: 4, into: &writer)
        writer.append(littleEndian: value)
    }

    static func append(_ id: AVIdentifier, _ value: UInt64, into writer: inout ByteWriter) {
        append(id, length: 8, into: &writer)
        writer.append(littleEndian: value)
    }

    static func append(_ id: AVIdentifier, _ value: Digest16, into writer: inout ByteWriter) {
        append(id, length: 16, into: &writer)
        value.withSpan { writer.append($0) }
    }

    /// Copies the pairs of `bytes` whose ids `keep` has the bit of (ids above 15 always), without the MsvAvEOL.
    public static func copy(_ bytes: Span<UInt8>, keep: UInt16, into writer: inout ByteWriter) {
        var offset = 0
        while let pair = pair(in: bytes, at: offset), pair.id != 0 {
            if pair.id > 15 || keep >> pair.id & 1 == 1 {
                writer.append(bytes.extracting(offset..<pair.value.upperBound))
            }
            offset = pair.value.upperBound
        }
    }
}
