// What the policy lets a channel do at this moment. One value serves CAPA, bare AUTH and the session machine, so that what is
// listed and what is let through cannot differ (RFC 2449, section 5: a capability is what holds now).

/// What the policy lets this channel do. Replies to CAPA and bare AUTH list just this, and nothing else is let through.
public struct Offer: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// USER and PASS.
    public static let user = Offer(rawValue: 1)
    public static let plain = Offer(rawValue: 2)
    public static let login = Offer(rawValue: 4)
    public static let ntlm = Offer(rawValue: 8)
    public static let apop = Offer(rawValue: 16)
    public static let cramMD5 = Offer(rawValue: 32)
    public static let scramSHA256 = Offer(rawValue: 64)
    /// STLS: the channel is clear and there is a certificate.
    public static let stls = Offer(rawValue: 128)
    /// CAPA, UTF8 and LANG are known (RFC 2449, RFC 6856).
    public static let extensions = Offer(rawValue: 256)

    /// Basic: the three ways to send a password as it is.
    public static let basic: Offer = [.user, .plain, .login]
    /// What AUTH can begin.
    public static let mechanisms: Offer = [.scramSHA256, .cramMD5, .ntlm, .plain, .login]
    /// Every bit that means something.
    public static let everything: Offer = [.basic, .mechanisms, .apop, .stls, .extensions]
}
