// Compiled session scripts: every combination of persona, transport, outcome, NTLM version, TLS and mailbox work that a profile
// gives weight to is one row, so that one draw decides a whole session. Invariant: a row is a trivial value; nothing in
// it needs a lookup, an allocation or a reference count while a session runs.

public import PoplarCore
public import Telemetry

/// One logon that a session attempts.
@frozen
public struct LogonLink: Sendable, Equatable {
    public let method: AuthMethod
    public let identity: Identity
    /// Whether the server's list decides if it is tried.
    public let rule: OfferRule
    /// Send a password that the server must refuse.
    public let usesWrongPassword: Bool

    @inlinable
    public init(method: AuthMethod, identity: Identity, rule: OfferRule = .always, usesWrongPassword: Bool) {
        self.method = method
        self.identity = identity
        self.rule = rule
        self.usesWrongPassword = usesWrongPassword
    }
}

/// The logons of a session in the order tried.
@frozen
public struct LogonChain: Sendable, Equatable {
    /// Links that a chain holds at the most.
    public static let capacity = 8

    @usableFromInline var links: InlineArray<8, LogonLink>
    public let count: UInt8
    /// A bit for each method that a link has.
    @usableFromInline let methods: UInt16

    /// 1 to `capacity` links; more are left out.
    public init(_ list: [LogonLink]) {
        precondition(!list.isEmpty, "a session logs on by something")
        links = InlineArray(repeating: list[0])
        count = UInt8(clamping: min(list.count, Self.capacity))
        for index in 0..<Int(count) { links[index] = list[index] }
        methods = list.prefix(Self.capacity).reduce(0) { $0 | 1 << UInt16($1.method.rawValue) }
    }

    /// The link at `index`; the last one for an index past the end.
    @inlinable public subscript(index: UInt8) -> LogonLink { links[Int(min(index, count &- 1))] }

    @inlinable public func contains(_ method: AuthMethod) -> Bool { methods & 1 << UInt16(method.rawValue) != 0 }

    public static func == (one: LogonChain, other: LogonChain) -> Bool {
        one.count == other.count && (0..<one.count).allSatisfy { one[$0] == other[$0] }
    }
}

/// What a session does in its maildrop, in this order: STAT, LIST, UIDL, TOP, RETR, DELE, QUIT.
@frozen
public struct MailboxWork: Sendable, Equatable {
    /// Index of the work in the profile's list.
    public var index: UInt8
    public var stat: Bool
    public var list: Bool
    public var uidl: Bool
    /// Messages asked for with TOP, and the body lines of each; UInt32.max means all.
    public var topMessages: UInt32
    public var topLines: UInt32
    /// Messages retrieved; UInt32.max means all.
    public var retrieveMessages: UInt32
    /// Whether each message retrieved is then deleted.
    public var deletesRetrieved: Bool
    /// QUIT at the end; otherwise the connection is closed without it, and nothing is deleted.
    public var quits: Bool
    /// Commands of TOP, RETR and DELE written together, their replies read in order; 1: one at a time.
    public var depth: UInt16 = 1
    /// Of the messages looked at with TOP, how many in 65,536 are then retrieved; nil: `retrieveMessages` says which.
    public var chosenShare: UInt32?
    /// Retrieve what the user's earlier sessions in this run have not seen, by unique id.
    public var retrievesNew = false
    /// Where the client goes away without a word.
    public var abandon = AbandonPoint.never
    /// The connection is reset instead of closed, where the client closes it.
    public var resets = false
    /// How long the client stays logged on after its work, and the pause between its NOOPs meanwhile (0: none).
    public var idleNs: UInt64 = 0
    public var noopEveryNs: UInt64 = 0
    /// Octets a second that the client reads; 0: all that come.
    public var readRate: UInt32 = 0
    /// The highest `readRate`: one read for each tick of a thread's wheel, 40,960 octets in 8 ms, still keeps it.
    public static let readRateLimit: UInt32 = 4 << 20

    /// Stands for every message that the maildrop holds.
    public static let allMessages = UInt32.max
}

extension MailboxWork {
    /// How long it takes by itself at the most, nanoseconds, whatever the server does: the idling, and at `readRate` the
    /// messages of the fullest mailbox, where the `population` is known.
    func ownTimeNs(_ population: Profile.Population?) -> UInt64 {
        guard readRate > 0, abandon == .never, let population else { return idleNs }
        let looked = min(Int(topMessages), population.messages)
        let fetched =
            retrievesNew ? population.messages : chosenShare == nil ? min(Int(retrieveMessages), population.messages) : looked
        let octets = Double(fetched + (topLines > 0 ? looked : 0)) * Double(population.messageBytes)
        return idleNs &+ UInt64(octets / Double(readRate) * 1e9)
    }
}

/// Where a client breaks a session off, as clients do whose user closed the lid.
public enum AbandonPoint: UInt8, Sendable, CaseIterable {
    case never
    /// After the greeting.
    case greeting
    /// After the server's first answer to the logon: USER's, or that of AUTH.
    case logon
    /// Logged on, before the first command of the work.
    case maildrop
    /// In the middle of the first message.
    case retrieval

    public var name: String {
        switch self {
        case .never: "never"
        case .greeting: "greeting"
        case .logon: "logon"
        case .maildrop: "maildrop"
        case .retrieval: "retrieval"
        }
    }
}

/// How a session is to end.
public enum ExpectedResult: UInt8, Sendable {
    /// Logged on, by one link of the chain.
    case admitted
    /// Every logon refused.
    case refused
}

/// One row of a profile's table: everything about a session but its user and its time.
@frozen
public struct SessionScript: Sendable, Equatable {
    /// Index into `Profile.clients`.
    public let client: UInt8
    public let persona: Persona
    public let transport: Transport
    public let probe: CapabilityProbe
    public let chain: LogonChain
    /// The first link that the server, as the profile describes it, lets the client try: the session's method by plan.
    public let plannedLink: UInt8
    public let afterRefusal: RefusalRule
    public let habits: Habits
    public let ntlmVersion: NTLMVersion
    /// Meaningful where the transport has TLS.
    public let tlsVersion: TLSVersion
    /// Offer the oldest TLS session that the thread has kept of this version, whoever's it was, if there is one.
    public let resumesTLS: Bool
    public let expected: ExpectedResult
    public let work: MailboxWork

    /// The link planned.
    @inlinable public var first: LogonLink { chain[plannedLink] }
    /// The link that follows it when it is refused.
    public var fallback: LogonLink? {
        afterRefusal != .giveUp && plannedLink &+ 1 < chain.count ? chain[plannedLink &+ 1] : nil
    }
    /// The method that the session is planned with.
    @inlinable public var plannedMethod: AuthMethod { first.method }
    /// The method that is to let it in; the last one tried where all are refused.
    public var expectedMethod: AuthMethod {
        for index in plannedLink..<chain.count where !chain[index].usesWrongPassword { return chain[index].method }
        return afterRefusal == .giveUp ? first.method : chain[chain.count &- 1].method
    }
    /// Whether the first logon is meant to fail and another to save the session.
    @inlinable public var isPlannedFallback: Bool { first.usesWrongPassword && expected == .admitted }

    /// Identities that a user needs for this row.
    public var needs: IdentitySet {
        (0..<chain.count).reduce(into: []) { $0.insert(IdentitySet(chain[$1].identity)) }
    }
}

/// Which identities a user has, or a script needs.
@frozen
public struct IdentitySet: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable public init(_ identity: Identity) { rawValue = 1 << identity.rawValue }

    public static let account = IdentitySet(.account)
    public static let ntUser = IdentitySet(.ntUser)
    public static let member = IdentitySet(.member)
    public static let all: IdentitySet = [.account, .ntUser, .member]
}

/// All rows of a profile with their probabilities, and the draw.
public struct ScriptTable: Sendable {
    public let rows: [SessionScript]
    /// Probability of each row; they add up to 1.
    public let shares: [Double]
    let choice: AliasTable

    /// Rows that fit SessionPlan.script.
    static let rowLimit = 65_536

    init(rows: [SessionScript], shares: [Double]) {
        self.rows = rows
        self.shares = shares
        choice = AliasTable(weights: shares)
    }

    /// Index of a row, drawn with its probability. The draw takes constant time.
    public func draw(_ random: inout Xoshiro256) -> UInt16 { UInt16(truncatingIfNeeded: choice.draw(&random)) }

    /// The table without the rows that a user with `identities` cannot run; nil when none is left.
    func restricted(to identities: IdentitySet) -> AliasTable? {
        let weights = zip(rows, shares).map { $0.needs.isSubset(of: identities) ? $1 : 0 }
        return weights.contains { $0 > 0 } ? AliasTable(weights: weights) : nil
    }
}

/// Weighted choice in constant time (Walker 1977, built as in Vose 1991).
struct AliasTable: Sendable {
    private var cut: [Double]
    private var alias: [UInt32]

    /// `weights` are not negative, at least one is positive.
    init(weights: [Double]) {
        precondition(!weights.isEmpty && weights.contains { $0 > 0 }, "no weight to choose by")
        let count = weights.count
        let sum = weights.reduce(0, +)
        cut = [Double](repeating: 1, count: count)
        alias = (0..<UInt32(count)).map { $0 }
        var scaled = weights.map { $0 / sum * Double(count) }
        var small = scaled.indices.filter { scaled[$0] < 1 }
        var large = scaled.indices.filter { scaled[$0] >= 1 }
        while let low = small.popLast() {
            guard let high = large.last else {
                small.append(low)
                break
            }
            cut[low] = scaled[low]
            alias[low] = UInt32(high)
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1 {
                large.removeLast()
                small.append(high)
            }
        }
        // Rounding can leave a weightless entry behind: it must never be drawn.
        let heaviest = weights.indices.max { weights[$0] < weights[$1] } ?? 0
        for index in small where weights[index] == 0 {
            cut[index] = 0
            alias[index] = UInt32(heaviest)
        }
    }

    /// How often each entry is drawn, 0...1.
    var probabilities: [Double] {
        var sums = cut
        for (place, other) in alias.enumerated() where Int(other) != place { sums[Int(other)] += 1 - cut[place] }
        return sums.map { $0 / Double(cut.count) }
    }

    func draw(_ random: inout Xoshiro256) -> Int {
        let place = Int(random.next(below: UInt64(cut.count)))
        return random.nextUnit() < cut[place] ? place : Int(alias[place])
    }
}
