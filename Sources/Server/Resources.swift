// What the connections of one worker share: pools, the TLS pump, the immutable snapshots, the counters, the time of
// this turn. A connection is handed it for each call and keeps nothing of it but borrowed chunks.

public import Accounts
public import Administration
import Digest
public import Maildrop
public import NTLM
import PoplarCore
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

    public init(
        methods: MethodSwitches, limits: Limits, accounts: AccountTable, population: Population, ntlm: NTLM.ServerSettings,
        tls: TLSContext?
    ) {
        self.methods = methods
        self.limits = limits
        self.accounts = accounts
        self.population = population
        self.ntlm = ntlm
        self.tls = tls
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
    var exchangePool: BufferPool
    var markPool: BufferPool
    var counters = Counters()
    /// CLOCK_MONOTONIC at the start of this turn.
    var nowNs: UInt64

    init(_ snapshot: Snapshot, connections: Int, nowNs: UInt64) {
        self.snapshot = snapshot
        clear = Channel(snapshot.methods, encrypted: false)
        encrypted = Channel(snapshot.methods, encrypted: true)
        channelBinding = Self.binding(snapshot.tls)
        scratch = .allocate(byteCount: Self.inputChunk, alignment: 64)
        // A connection borrows one chunk of each kind at the most (two of the cipher's), so the pools cannot run out.
        inputPool = BufferPool(chunkSize: Self.inputChunk, limit: connections)
        outputPool = BufferPool(chunkSize: OutputQueue.chunkSize, limit: connections)
        cipherPool = BufferPool(chunkSize: Self.cipherChunk, limit: connections &* 2)
        exchangePool = BufferPool(chunkSize: ExchangeMemory.size, limit: connections)
        markPool = BufferPool(chunkSize: max(64, OpenMaildrop.markMemorySize(snapshot.population)), limit: connections)
        self.nowNs = nowNs
    }

    /// Goes over to a reloaded state. Its population is the one that is served, so what is open and borrowed stays valid.
    mutating func adopt(_ fresh: Snapshot) {
        snapshot = fresh
        clear = Channel(fresh.methods, encrypted: false)
        encrypted = Channel(fresh.methods, encrypted: true)
        channelBinding = Self.binding(fresh.tls)
    }

    private static func binding(_ tls: TLSContext?) -> Digest16? {
        guard let hash = tls?.endPointHash else { return nil }
        return ChannelBindings.serverEndPoint(certificateHash: hash.span)
    }

    deinit { scratch.deallocate() }
}
