// What a server says of itself in every challenge, and what it asks of the answers. Made once at set-up, with all text
// already in its form on the wire; a plain value without references, so that workers share it freely.

import PoplarCore

public enum SettingsFault: Error, Sendable, Equatable {
    /// The target name is empty or longer than 64 UTF-16 code units.
    case targetName
    /// Names so long that the target information would pass `Limits.targetInfo` octets.
    case targetInfoTooLong(octets: Int)
}

/// The names that go into the target information; empty ones are left out.
public struct ServerNames: Sendable, Equatable {
    public var netBIOSComputer: String
    public var netBIOSDomain: String
    public var dnsComputer: String
    public var dnsDomain: String
    public var dnsTree: String

    public init(
        netBIOSComputer: String, netBIOSDomain: String, dnsComputer: String = "", dnsDomain: String = "", dnsTree: String = ""
    ) {
        self.netBIOSComputer = netBIOSComputer
        self.netBIOSDomain = netBIOSDomain
        self.dnsComputer = dnsComputer
        self.dnsDomain = dnsDomain
        self.dnsTree = dnsTree
    }
}

public struct ServerSettings: Sendable {
    /// Whether the server stands for a domain (and names it) or for itself alone.
    public let targetIsDomain: Bool
    public var level: CompatibilityLevel
    public var channelBindingPolicy: ChannelBindingPolicy
    /// How far an NTLMv2 response's time may be from ours, in seconds; nil switches the check off.
    public var timestampWindowSeconds: UInt64?
    /// Whether challenges carry MsvAvTimestamp, which makes clients send a MIC.
    public var sendsTimestamp: Bool

    /// The target name in UTF-16LE, then the pairs without MsvAvTimestamp and MsvAvEOL.
    private var payload = InlineArray<928, UInt8>(repeating: 0)
    private(set) var targetNameSize = 0
    private(set) var pairsSize = 0

    /// 36 hours, as Windows Vista and later allow (1800 s before).
    public static let defaultTimestampWindowSeconds: UInt64 = 36 * 3600
    /// Windows 2000 (5.0, build 2195), NTLM revision 15, in the order of the wire.
    static let version: UInt64 = 0x0F00_0000_0893_0005

    public init(
        names: ServerNames, targetIsDomain: Bool = true, level: CompatibilityLevel = .level5,
        channelBindingPolicy: ChannelBindingPolicy = .none,
        timestampWindowSeconds: UInt64? = ServerSettings.defaultTimestampWindowSeconds, sendsTimestamp: Bool = true
    ) throws(SettingsFault) {
        self.targetIsDomain = targetIsDomain
        self.level = level
        self.channelBindingPolicy = channelBindingPolicy
        self.timestampWindowSeconds = timestampWindowSeconds
        self.sendsTimestamp = sendsTimestamp
        let target = Array((targetIsDomain ? names.netBIOSDomain : names.netBIOSComputer).utf16)
        guard (1...64).contains(target.count) else { throw .targetName }
        var octets: [UInt8] = []
        Self.append(target, to: &octets)
        targetNameSize = octets.count
        let pairs: [(AVIdentifier, String)] = [
            (.netBIOSDomain, names.netBIOSDomain), (.netBIOSComputer, names.netBIOSComputer), (.dnsDomain, names.dnsDomain),
            (.dnsComputer, names.dnsComputer), (.dnsTree, names.dnsTree),
        ]
        for (id, text) in pairs where !text.isEmpty {
            let units = Array(text.utf16)
            Self.append([id.rawValue, UInt16(truncatingIfNeeded: units.count &* 2)], to: &octets)
            Self.append(units, to: &octets)
        }
        pairsSize = octets.count - targetNameSize
        let whole = pairsSize + 12 + 4
        guard whole <= Limits.targetInfo else { throw .targetInfoTooLong(octets: whole) }
        for (index, octet) in octets.enumerated() { payload[index] = octet }
    }

    private static func append(_ units: [UInt16], to octets: inout [UInt8]) {
        for unit in units {
            octets.append(UInt8(truncatingIfNeeded: unit))
            octets.append(UInt8(truncatingIfNeeded: unit >> 8))
        }
    }

    /// In OEM a character beyond ISO 8859-1 becomes "?".
    func appendTargetName(isUnicode: Bool, into writer: inout ByteWriter) {
        if isUnicode {
            writer.append(payload.span.extracting(0..<targetNameSize))
            return
        }
        for index in stride(from: 0, to: targetNameSize, by: 2) {
            writer.append(payload[index &+ 1] == 0 ? payload[index] : 63)
        }
    }

    func appendPairs(into writer: inout ByteWriter) {
        writer.append(payload.span.extracting(targetNameSize..<(targetNameSize &+ pairsSize)))
    }
}
