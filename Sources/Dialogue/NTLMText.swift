// An NTLM message in words (MS-NLMP 2.2): flags, names, target information and version. What is secret is not in the summary
// that this is made of.

private import Digest
private import NTLM

enum NTLMText {
    private static let flagNames: [(NegotiateFlags, String)] = [
        (.unicode, "UNICODE"), (.oem, "OEM"), (.requestTarget, "REQUEST_TARGET"), (.sign, "SIGN"), (.seal, "SEAL"),
        (.datagram, "DATAGRAM"), (.lanManagerKey, "LM_KEY"), (.ntlm, "NTLM"), (.anonymous, "ANONYMOUS"),
        (.domainSupplied, "DOMAIN_SUPPLIED"), (.workstationSupplied, "WORKSTATION_SUPPLIED"), (.alwaysSign, "ALWAYS_SIGN"),
        (.targetIsDomain, "TARGET_DOMAIN"), (.targetIsServer, "TARGET_SERVER"), (.extendedSessionSecurity, "ESS"),
        (.identify, "IDENTIFY"), (.nonNTKey, "NON_NT_KEY"), (.targetInfo, "TARGET_INFO"), (.version, "VERSION"),
        (.strong128, "128"), (.keyExchange, "KEY_EXCH"), (.weak56, "56"),
    ]

    /// Where the fields of a type 3 end, and where a MIC does.
    private static let header = 64, micEnd = 88

    /// Nil when it is no NTLM message.
    static func text(_ octets: [UInt8], _ shown: ([UInt8]) -> String) -> String? {
        guard let message = MessageSummary(octets.span) else { return nil }
        var parts: [String] = []
        switch message.kind {
        case .negotiate: break
        case .challenge: parts.append("target \(name(message.targetName, shown))")
        case .authenticate:
            parts.append("domain \(name(message.domain, shown)), user \(name(message.user, shown))")
            if let response = message.response { parts.append(words(response) + (message.hasMIC ? " with MIC" : "")) }
        }
        for pair in message.names { parts.append("\(label(pair.id)) \(name(pair.name, shown))") }
        if let pairs = message.pairs {
            if let flags = pairs.flags { parts.append("AV flags 0x" + String(flags, radix: 16)) }
            if pairs.timestamp != nil { parts.append("a time") }
            if let binding = pairs.channelBindings {
                parts.append(binding == .zero ? "channel binding empty" : "channel binding")
            }
        }
        if let version = message.version {
            parts.append("version \(version.major).\(version.minor).\(version.build) revision \(version.revision)")
        }
        parts.append("flags \(flags(message.flags))")
        return "<NTLM type \(message.kind.rawValue), \(message.size) octets: " + parts.joined(separator: "; ") + ">"
    }

    /// The responses, the session key and the MIC of a type 3 (2.2.1.3); none of the other types, nil of what is no message.
    static func secretParts(_ octets: [UInt8]) -> [[UInt8]]? {
        guard let message = MessageSummary(octets.span) else { return nil }
        guard message.kind == .authenticate else { return [] }
        func word(_ place: Int) -> Int { Int(octets[place]) | Int(octets[place + 1]) << 8 }
        func field(_ place: Int) -> Range<Int> {
            let (count, start) = (word(place), word(place + 4) | word(place + 6) << 16)
            return count > 0 && start + count <= octets.count ? start..<(start + count) : 0..<0
        }
        guard octets.count >= header else { return nil }
        let payload = [12, 20, 28, 36, 44, 52].map(field).filter { !$0.isEmpty }.map(\.lowerBound).min() ?? octets.count
        let mic = payload >= micEnd && octets.count >= micEnd ? micEnd - 16..<micEnd : 0..<0
        return [field(12), field(20), field(52), mic].filter { !$0.isEmpty }.map { Array(octets[$0]) }
    }

    private static func name(_ octets: [UInt8], _ shown: ([UInt8]) -> String) -> String {
        octets.isEmpty ? "(none)" : shown(octets)
    }

    private static func flags(_ flags: NegotiateFlags) -> String {
        let digits = String(flags.rawValue, radix: 16)
        let hex = String(repeating: "0", count: 8 - digits.count) + digits
        return "0x\(hex) " + flagNames.filter { flags.contains($0.0) }.map(\.1).joined(separator: "|")
    }

    private static func words(_ response: MessageSummary.Response) -> String {
        switch response {
        case .anonymous: "no response (anonymous)"
        case .lanManager: "an LM response"
        case .ntlm1: "an NTLMv1 response"
        case .ntlm2Session: "an NTLM2 session response"
        case .ntlm2: "an NTLMv2 response"
        }
    }

    private static func label(_ id: AVIdentifier) -> String {
        switch id {
        case .netBIOSComputer: "NetBIOS computer"
        case .netBIOSDomain: "NetBIOS domain"
        case .dnsComputer: "DNS computer"
        case .dnsDomain: "DNS domain"
        case .dnsTree: "DNS tree"
        case .targetName: "service"
        case .endOfList, .flags, .timestamp, .singleHost, .channelBindings: "pair \(id.rawValue)"
        }
    }
}
