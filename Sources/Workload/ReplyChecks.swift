// Which of the server's replies are held against each other, by class: a server that is lax in one of them can still be
// measured, and checked in the others. What a class that is off lets pass is counted, never silent.

/// The classes of checks of a profile.
public struct ReplyChecks: OptionSet, Sendable, Equatable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Commands behind the logon are answered by `+OK`.
    public static let status = ReplyChecks(rawValue: 1 << 0)
    /// Sizes agree: LIST and STAT, what RETR announces and sends, the population's.
    public static let size = ReplyChecks(rawValue: 1 << 1)
    /// A message ends in CR LF, dot, CR LF.
    public static let terminator = ReplyChecks(rawValue: 1 << 2)
    /// STAT, LIST and UIDL answer in the form of RFC 1939, with as many rows as STAT says.
    public static let listing = ReplyChecks(rawValue: 1 << 3)

    public static let all: ReplyChecks = [.status, .size, .terminator, .listing]

    /// The classes with their words, in the order of their bits.
    public static let named: [(name: String, check: ReplyChecks)] = [
        ("status", .status), ("size", .size), ("terminator", .terminator), ("listing", .listing),
    ]
}
