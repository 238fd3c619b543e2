// What the connections of one worker share: pools, the TLS pump, the immutable snapshots, the counters, the time of
// this turn. A connection is handed it for each call and keeps nothing of it but borrowed chunks.

public import Accounts
public import Administration
import Digest
public import Maildrop
public import NTLM
import POP3
import PoplarCore
import Reactor
public import TLS

/// The state that all workers read and none writes.
public struct Snapshot: Sendable {
    public var methods: MethodSwitches
    public var limits: Limits
    public var accounts: AccountTable
    public var population: Population
    public var ntlm: NTLM.ServerSettings
    /// Nil: no encrypted listener can be opened.
    public var tls: TLSContext?
    public var behaviour: ServerBehaviour

    public init(
        methods: MethodSwitches, limits: Limits, accounts: AccountTable, population: Population, ntlm: NTLM.ServerSettings,
        tls: TLSContext?, behaviour: ServerBehaviour = ServerBehaviour()
    ) {
        self.methods = methods
        self.limits = limits
        self.accounts = accounts
        self.population = population
        self.ntlm = ntlm
        self.tls = tls
        self.behaviour = behaviour
    }
}

struct Resources: ~Copyable {
    static let inputChunk = 16_384
    /// Two full records and what a handshake adds.
    static let cipherChunk = 40_960

    private(set) var snapshot: Snapshot
    private(set) var clear: Channel
    private(set) var encrypted: Channel
    let pump = TLSPump()
    /// What NTLM binds to in TLS sessions that begin now: our certificate (RFC 5929, section 4.1).
    private(set) var channelBinding: Digest16?
    /// Ciphertext as it is read, and small parts gathered into one record.
    let scratch: UnsafeMutableRawBufferPointer
    var inputPool: BufferPool
    var outputPool: BufferPool
    var cipherPool: BufferPool
    var shortNamePool: BufferPool
    var namePool: BufferPool
    var exchangePool: BufferPool
    var markPool: BufferPool
    var counters = Counters()
    /// What the connection that is being served may still do in this turn.
    var work = WorkBudget()
    var events: EventLog
    /// The connection that is being served, for what is told of it.
    var origin = EventOrigin()
    /// The shortest of a connection's limits: how often each is looked at.
    private(set) var checkNs: UInt64
    /// CLOCK_MONOTONIC at the start of this turn.
    var nowNs: UInt64
    /// What makes the timestamps of greetings: the worker in the upper bits, a count below, and a key that nobody knows.
    private var timestamps: UInt64
    private let timestampKey: SipHash

    init(_ snapshot: Snapshot, connections: Int, nowNs: UInt64, worker: Int = 0, events: consuming EventLog = EventLog()) {
        self.snapshot = snapshot
        self.events = events
        (clear, encrypted) = Self.channels(snapshot)
        channelBinding = Self.binding(snapshot.tls)
        checkNs = Self.checkNs(snapshot.limits)
        timestamps = UInt64(truncatingIfNeeded: worker) << 48
        timestampKey = SipHash(key0: System.randomWord(), key1: System.randomWord())
        scratch = .allocate(byteCount: Self.inputChunk, alignment: 64)
        // A connection borrows one chunk of each kind at the most (two of the cipher's), so the pools cannot run out.
        inputPool = BufferPool(chunkSize: Self.inputChunk, limit: connections)
        outputPool = BufferPool(chunkSize: OutputQueue.chunkSize, limit: connections)
        cipherPool = BufferPool(chunkSize: Self.cipherChunk, limit: connections &* 2)
        shortNamePool = BufferPool(chunkSize: UserName.shortSize, limit: connections)
        namePool = BufferPool(chunkSize: UserName.size, limit: connections)
        exchangePool = BufferPool(chunkSize: ExchangeMemory.size, limit: connections)
        markPool = BufferPool(chunkSize: max(64, OpenMaildrop.markMemorySize(snapshot.population)), limit: connections)
        self.nowNs = nowNs
        work.begin(snapshot.limits.workPerTurn)
    }

    /// Chunks of each pool that stay for the next connections.
    private static let reserve = 256
    /// Chunks of each pool that are freed in one go: some hundred microseconds.
    private static let chunksAtOnce = 512

    /// Whether a flood has left more chunks behind than the reserve.
    /// `mutating`, to be asked in place: a getter that borrows has the compiler copy what lies around it.
    @inline(__always)
    mutating func hasSurplus() -> Bool {
        inputPool.idle > Self.reserve || outputPool.idle > Self.reserve || cipherPool.idle > Self.reserve
            || exchangePool.idle > Self.reserve || markPool.idle > Self.reserve
    }

    /// Gives back some of what nobody has borrowed since the last call. True: there is more.
    mutating func shrinkPools() -> Bool {
        func more(_ pool: inout BufferPool) -> Bool { pool.shrink(reserve: Self.reserve, atMost: Self.chunksAtOnce) }
        let pools = (more(&inputPool), more(&outputPool), more(&cipherPool), more(&exchangePool), more(&markPool))
        return pools.0 || pools.1 || pools.2 || pools.3 || pools.4
    }

    /// A connection's turn begins: it has its whole share of work.
    @inline(__always)
    mutating func beginTurn() { work.begin(snapshot.limits.workPerTurn) }

    /// Goes over to a reloaded state. Its population is the one that is served, so what is open and borrowed stays valid.
    mutating func adopt(_ fresh: Snapshot) {
        snapshot = fresh
        (clear, encrypted) = Self.channels(fresh)
        channelBinding = Self.binding(fresh.tls)
        checkNs = Self.checkNs(fresh.limits)
    }

    private static func channels(_ snapshot: Snapshot) -> (clear: Channel, encrypted: Channel) {
        let personality = snapshot.behaviour.personality
        let kinds = snapshot.accounts.kinds
        return (
            Channel(snapshot.methods, personality, encrypted: false, hasTLS: snapshot.tls != nil, kinds: kinds),
            Channel(snapshot.methods, personality, encrypted: true, hasTLS: true, kinds: kinds)
        )
    }

    private static func checkNs(_ limits: Limits) -> UInt64 {
        UInt64(min(limits.handshakeMs, limits.logonMs, limits.idleMs, limits.stallMs)) &* 1_000_000
    }

    private static func binding(_ tls: TLSContext?) -> Digest16? {
        guard let hash = tls?.endPointHash else { return nil }
        return ChannelBindings.serverEndPoint(certificateHash: hash.span)
    }

    deinit { scratch.deallocate() }

    /// A timestamp that no other greeting of this process has (RFC 1939, section 7).
    mutating func nextTimestamp() -> APOPTimestamp {
        timestamps &+= 1
        return APOPTimestamp(serial: timestamps, mix: timestampKey.hash(timestamps, 0))
    }
}
