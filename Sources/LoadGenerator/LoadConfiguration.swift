// What a run needs to be told, all of it decided before the first thread starts. Targets are addresses that were
// resolved once and stay pinned for the run (contracts, section 3).

public import Reactor
public import TLS
public import Workload

public struct LoadConfiguration: Sendable {
    public var profile: Profile
    public var users: UserTable
    /// Where plain sessions go; nil when the profile has none.
    public var pop3: SocketAddress?
    /// Where TLS sessions go; nil when the profile has none.
    public var pop3s: SocketAddress?
    /// Whom sessions ask for by SNI, and verify where certificates are: after STLS on `pop3`, and on `pop3s`. Nil asks
    /// for nobody, and with a verification fails each session.
    public var stlsPeer: TLSPeer?
    public var tlsPeer: TLSPeer?
    public var verification: Verification
    /// Octets of each message, where the population is known to be uniform.
    public var knownMessageBytes: UInt64?
    /// Generator threads, from 1.
    public var threads: Int
    /// CPUs to pin the threads to, in turn; empty pins none.
    public var cpus: [Int]
    /// Sessions whose dialogues are kept, over all threads.
    public var tracedSessions: Int

    public enum Verification: Sendable, Equatable {
        case none
        /// Against the authorities of this PEM text.
        case authority([UInt8])
        /// Against the machine's own store.
        case system
    }

    public init(
        profile: Profile, users: UserTable, pop3: SocketAddress?, pop3s: SocketAddress?, stlsPeer: TLSPeer? = nil,
        tlsPeer: TLSPeer? = nil,
        verification: Verification = .none, knownMessageBytes: UInt64? = nil, threads: Int = 1, cpus: [Int] = [],
        tracedSessions: Int = 0
    ) {
        self.profile = profile
        self.users = users
        self.pop3 = pop3
        self.pop3s = pop3s
        self.stlsPeer = stlsPeer
        self.tlsPeer = tlsPeer
        self.verification = verification
        self.knownMessageBytes = knownMessageBytes
        self.threads = threads
        self.cpus = cpus
        self.tracedSessions = tracedSessions
    }
}
