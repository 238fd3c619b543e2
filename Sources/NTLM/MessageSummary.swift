// What a message says that is no secret (MS-NLMP 2.2.1, 2.2.2.1): flags, names, attribute-value pairs, version, and which kind
// of response there is. For people who look at a dialogue. Invariant: no octet of a challenge, a response, a session key or
// a MIC gets in here, so nothing that is made of a summary can give one away.

import PoplarCore

public struct MessageSummary: Sendable, Equatable {
    public enum Kind: UInt8, Sendable {
        case negotiate = 1
        case challenge
        case authenticate
    }

    /// What an authenticate message answers with.
    public enum Response: UInt8, Sendable {
        case anonymous, lanManager, ntlm1, ntlm2Session, ntlm2
    }

    /// Major, minor, build and the revision of the protocol (2.2.2.10).
    public struct Version: Sendable, Equatable {
        public var major: UInt8
        public var minor: UInt8
        public var build: UInt16
        public var revision: UInt8
    }

    /// A name of the target information, in UTF-8.
    public struct NamePair: Sendable, Equatable {
        public var id: AVIdentifier
        public var name: [UInt8]
    }

    public private(set) var kind: Kind
    public private(set) var size: Int
    public private(set) var flags: NegotiateFlags
    /// Names in UTF-8; empty where the message has none.
    public private(set) var targetName: [UInt8] = []
    public private(set) var domain: [UInt8] = []
    public private(set) var user: [UInt8] = []
    public private(set) var version: Version?
    public private(set) var names: [NamePair] = []
    /// Flags, time and channel bindings of the target information.
    public private(set) var pairs: AVPairs?
    public private(set) var response: Response?
    public private(set) var hasMIC = false

    /// Nil when it is none of the three messages, or not one that this module would take.
    public init?(_ bytes: Span<UInt8>) {
        guard let signature = try? MessageReader.word64(bytes, at: 0), signature == MessageReader.signature,
            let type = try? MessageReader.word32(bytes, at: 8), let number = UInt8(exactly: type),
            let kind = Kind(rawValue: number)
        else { return nil }
        self.kind = kind
        size = bytes.count
        flags = []
        let isTaken: Bool
        switch kind {
        case .negotiate: isTaken = takeNegotiate(bytes)
        case .challenge: isTaken = takeChallenge(bytes)
        case .authenticate: isTaken = takeAuthenticate(bytes)
        }
        if !isTaken { return nil }
    }

    private mutating func takeNegotiate(_ bytes: Span<UInt8>) -> Bool {
        guard let message = try? NegotiateMessage(bytes) else { return false }
        flags = message.flags
        takeVersion(bytes, at: 32)
        return true
    }

    private mutating func takeChallenge(_ bytes: Span<UInt8>) -> Bool {
        guard let message = try? ChallengeMessage(bytes) else { return false }
        flags = message.flags
        targetName = Self.utf8(bytes.extracting(message.targetName.range), isUnicode: flags.contains(.unicode))
        takeVersion(bytes, at: 48)
        takePairs(bytes.extracting(message.targetInfo.range))
        return true
    }

    private mutating func takeAuthenticate(_ bytes: Span<UInt8>) -> Bool {
        guard let message = try? AuthenticateMessage(bytes, negotiated: nil) else { return false }
        flags = message.flags
        domain = Self.name(message.domain, of: message, bytes)
        user = Self.name(message.user, of: message, bytes)
        takeVersion(bytes, at: 64)
        if message.isAnonymous {
            response = .anonymous
            return true
        }
        switch message.kind {
        case .lanManager: response = .lanManager
        case .ntlm1: response = .ntlm1
        case .ntlm2Session: response = .ntlm2Session
        case .ntlm2:
            response = .ntlm2
            takePairs(bytes.extracting((message.nt.start &+ AuthenticateMessage.pairsStart)..<message.nt.end))
            hasMIC = message.hasMICField && (pairs?.flags ?? 0) & AVPairs.hasMIC != 0
        }
        return true
    }

    private mutating func takeVersion(_ bytes: Span<UInt8>, at offset: Int) {
        guard flags.contains(.version), let word = try? MessageReader.word64(bytes, at: offset) else { return }
        version = Version(
            major: UInt8(truncatingIfNeeded: word), minor: UInt8(truncatingIfNeeded: word >> 8),
            build: UInt16(truncatingIfNeeded: word >> 16), revision: UInt8(truncatingIfNeeded: word >> 56))
    }

    private mutating func takePairs(_ list: Span<UInt8>) {
        guard list.count > 0, let pairs = try? AVPairs(list) else { return }
        self.pairs = pairs
        var offset = 0
        while let pair = AVPairs.pair(in: list, at: offset), pair.id != 0 {
            switch AVIdentifier(rawValue: pair.id) {
            case .netBIOSComputer, .netBIOSDomain, .dnsComputer, .dnsDomain, .dnsTree, .targetName:
                if let id = AVIdentifier(rawValue: pair.id) {
                    names.append(NamePair(id: id, name: Self.utf8(list.extracting(pair.value), isUnicode: true)))
                }
            case .endOfList, .flags, .timestamp, .singleHost, .channelBindings, nil: break
            }
            offset = pair.value.upperBound
        }
    }

    /// A name of an authenticate message; empty when it shares octets with what is secret.
    private static func name(_ field: Field, of message: AuthenticateMessage, _ bytes: Span<UInt8>) -> [UInt8] {
        let secrets: InlineArray<3, Field> = [message.lm, message.nt, message.sessionKey]
        for index in secrets.indices where !secrets[index].isEmpty && secrets[index].range.overlaps(field.range) { return [] }
        return utf8(bytes.extracting(field.range), isUnicode: message.isUnicode)
    }

    /// At most `Limits.name` octets of a name; empty when it is not well formed.
    private static func utf8(_ field: Span<UInt8>, isUnicode: Bool) -> [UInt8] {
        guard field.count > 0, field.count <= Limits.name else { return [] }
        return [UInt8](unsafeUninitializedCapacity: field.count &* 2) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            count = Name.appendUTF8(field, isUnicode: isUnicode, into: &writer) ? writer.count : 0
        }
    }
}
