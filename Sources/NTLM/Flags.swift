// The NegotiateFlags word (MS-NLMP 2.2.2.5) and the kinds of message. What a server grants is what the client asked for and
// Poplar knows, plus the few bits that the server sets of its own accord (3.2.5.1.1).

public struct NegotiateFlags: OptionSet, Sendable, Equatable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let unicode = NegotiateFlags(rawValue: 0x1)
    public static let oem = NegotiateFlags(rawValue: 0x2)
    public static let requestTarget = NegotiateFlags(rawValue: 0x4)
    public static let sign = NegotiateFlags(rawValue: 0x10)
    public static let seal = NegotiateFlags(rawValue: 0x20)
    public static let datagram = NegotiateFlags(rawValue: 0x40)
    public static let lanManagerKey = NegotiateFlags(rawValue: 0x80)
    public static let ntlm = NegotiateFlags(rawValue: 0x200)
    public static let anonymous = NegotiateFlags(rawValue: 0x800)
    public static let domainSupplied = NegotiateFlags(rawValue: 0x1000)
    public static let workstationSupplied = NegotiateFlags(rawValue: 0x2000)
    public static let alwaysSign = NegotiateFlags(rawValue: 0x8000)
    public static let targetIsDomain = NegotiateFlags(rawValue: 0x1_0000)
    public static let targetIsServer = NegotiateFlags(rawValue: 0x2_0000)
    public static let extendedSessionSecurity = NegotiateFlags(rawValue: 0x8_0000)
    public static let identify = NegotiateFlags(rawValue: 0x10_0000)
    public static let nonNTKey = NegotiateFlags(rawValue: 0x40_0000)
    public static let targetInfo = NegotiateFlags(rawValue: 0x80_0000)
    public static let version = NegotiateFlags(rawValue: 0x200_0000)
    public static let strong128 = NegotiateFlags(rawValue: 0x2000_0000)
    public static let keyExchange = NegotiateFlags(rawValue: 0x4000_0000)
    public static let weak56 = NegotiateFlags(rawValue: 0x8000_0000)

    /// Whether a message says how names are written. (By the bits: a generic set operation would ask the runtime for
    /// its witness table on the path of a logon.)
    var namesEncoding: Bool { rawValue & (Self.unicode.rawValue | Self.oem.rawValue) != 0 }

    /// What a server repeats of a client's wishes. POP3 has no security layer after the logon, but clients that ask for
    /// one do not always go on without the bits, so they are granted and never used.
    static let grantable: NegotiateFlags = [
        .requestTarget, .sign, .seal, .alwaysSign, .extendedSessionSecurity, .identify, .version, .strong128, .keyExchange,
        .weak56,
    ]
}

/// The MessageType field.
enum MessageType {
    static let negotiate: UInt32 = 1
    static let challenge: UInt32 = 2
    static let authenticate: UInt32 = 3
}

/// Why a message was refused. None of these ever reaches the client: an administrator reads them.
public enum MessageFault: UInt8, Error, Sendable, CaseIterable {
    /// Shorter than the fixed part of its kind.
    case tooShort
    /// Longer than any honest message; see `Limits`.
    case tooLong
    /// Not "NTLMSSP\0".
    case badSignature
    /// Not the message that is due.
    case wrongType
    /// A field reaches outside the message, or into its header.
    case fieldOutOfBounds
    /// Neither UNICODE nor OEM.
    case noEncoding
    /// Odd length or an unpaired surrogate where UTF-16 stands, or a control character in a name.
    case badName
    /// Attribute-value pairs without an end, past the end, twice the same, or of a wrong length.
    case badTargetInfo
    /// A response of a length that no version of the protocol has.
    case badResponse
    /// A step that is not due in this exchange.
    case outOfSequence
    /// The answer does not fit the memory lent for it.
    case noRoom
}

/// Bounds on what is taken from the wire, in octets.
public enum Limits {
    /// A type 1: 32 octets, a domain and a workstation.
    public static let negotiate = 768
    /// A type 2 that this server writes: 56 octets, the target name and the target information.
    public static let challenge = 1280
    /// A type 2 that the client takes.
    public static let foreignChallenge = 8192
    /// Target information that the client takes.
    public static let foreignTargetInfo = 4096
    /// A type 3.
    public static let authenticate = 9216
    /// A domain, user or workstation name as it stands on the wire.
    public static let name = 512
    /// The target information of a server: below 800, for clients whose whole type 3 must fit 1024 octets.
    public static let targetInfo = 799
}
