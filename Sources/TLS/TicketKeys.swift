// The keys that session tickets are sealed with (RFC 5077, section 4; RFC 8446, section 4.6.1). The newest seals; it and
// the two before it open, so that a ticket outlives two rotations. Keys exist in memory only and belong to the process:
// contexts that share them resume each other's sessions only where their session-id contexts agree.
// Invariant: workers read without a lock. A key lies in atomic words, a reader copies it and then looks whether the ring
// has moved so far meanwhile that the copy may be mixed.

import COpenSSL
import Glibc
import Synchronization

public final class TicketKeys: @unchecked Sendable {
    /// How often the control thread should rotate.
    public static let lifetimeMs = 6 * 3_600_000

    let ring: TicketRing

    public init() throws(TLSError) {
        ring = TicketRing()
        do throws(TLSError) { try rotate() } catch {
            ring.deallocate()
            throw error
        }
    }

    deinit { ring.deallocate() }

    /// Makes a new key, which seals from now on. One thread at a time; readers need not be told. When no random octets
    /// can be had, the present key stays.
    public func rotate() throws(TLSError) {
        var words = [UInt64](repeating: 0, count: TicketRing.keyWords)
        defer { words.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        let result = words.withUnsafeMutableBytes { bytes in
            RAND_priv_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(clamping: bytes.count))
        }
        guard result == 1 else { throw TLSError("cannot make a session ticket key") }
        ring.push(words)
    }

    /// Has `context` seal and open its tickets with these keys, for as long as it lives.
    func attach(to context: OpaquePointer) throws(TLSError) {
        guard TicketIndex.ring >= 0, TicketIndex.owner >= 0, TicketCipher.aes256 != nil,
            SSL_CTX_set_ex_data(context, TicketIndex.ring, UnsafeMutableRawPointer(ring.words)) == 1
        else { throw TLSError("cannot keep session ticket keys") }
        // A context lives on in its sessions after its owner has gone, so it holds the keys itself.
        let owner = Unmanaged.passRetained(self)
        guard SSL_CTX_set_ex_data(context, TicketIndex.owner, owner.toOpaque()) == 1 else {
            owner.release()
            throw TLSError("cannot keep session ticket keys")
        }
        guard SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticketKey) == 1 else {
            throw TLSError("cannot seal session tickets with these keys")
        }
    }
}

/// A ring of keys in atomic words: the generation, then `slots` keys of name, cipher key and MAC key.
struct TicketRing {
    static let slots: UInt64 = 8
    /// Generations that open a ticket, the newest included.
    static let opening: UInt64 = 3
    static let nameBytes = 16
    static let cipherKeyBytes = 32
    static let macKeyBytes = 32
    static let keyWords = 10
    static let keyBytes = 80

    let words: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        let count = 1 + Int(Self.slots) * Self.keyWords
        words = .allocate(capacity: count)
        for index in 0..<count { (words + index).initialize(to: Atomic(0)) }
    }

    init(_ words: UnsafeMutablePointer<Atomic<UInt64>>) { self.words = words }

    func deallocate() {
        for index in 1...Int(Self.slots) * Self.keyWords { words[index].store(0, ordering: .relaxed) }
        words.deallocate()
    }

    /// The newest key's generation; the first is 1.
    var generation: UInt64 { words[0].load(ordering: .acquiring) }

    private func slot(_ generation: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
        words + 1 + Int(truncatingIfNeeded: generation & (Self.slots &- 1)) &* Self.keyWords
    }

    func push(_ key: [UInt64]) {
        let next = generation &+ 1
        let target = slot(next)
        for index in 0..<Self.keyWords { target[index].store(key[index], ordering: .relaxed) }
        words[0].store(next, ordering: .releasing)
        // The key before the oldest that opens is forgotten; its readers have had a whole generation to finish. A
        // release holds back what came before it alone, so that without this fence the zeros, and the next key of the
        // slot, might be seen before the generation (ARM). With it: whoever has read a word that was written after the
        // fence, and then passes the acquire fence of `copy`, reads `next` or a later generation there, and drops the
        // copy.
        atomicMemoryFence(ordering: .releasing)
        let forgotten = slot(next &- Self.opening &- 1)
        for index in 0..<Self.keyWords { forgotten[index].store(0, ordering: .relaxed) }
    }

    /// Copies the key of `generation` to `target` (80 octets). False: it was overwritten meanwhile. `generation` was
    /// read with acquire, so that the words are at least as new as that key; the fence behind them finds out whether
    /// one is newer.
    func copy(_ generation: UInt64, to target: UnsafeMutableRawPointer) -> Bool {
        let source = slot(generation)
        for index in 0..<Self.keyWords {
            target.storeBytes(of: source[index].load(ordering: .relaxed), toByteOffset: index &* 8, as: UInt64.self)
        }
        atomicMemoryFence(ordering: .acquiring)
        return words[0].load(ordering: .relaxed) &- generation <= Self.opening
    }

    /// The generation whose key is called `name`, among those that open.
    func find(_ name: UnsafePointer<UInt8>) -> UInt64? {
        let raw = UnsafeRawPointer(name)
        let (low, high) = (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let newest = generation
        for age in 0..<min(Self.opening, newest) {
            let key = slot(newest &- age)
            if key[0].load(ordering: .relaxed) == low, key[1].load(ordering: .relaxed) == high { return newest &- age }
        }
        return nil
    }
}

/// Fetched once: a fetch per ticket, as OpenSSL's own tickets make it, is a look-up by name under a lock.
private enum TicketCipher {
    nonisolated(unsafe) static let aes256: OpaquePointer? = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)
}

/// Where a context keeps its ring, and the object that owns the ring.
private enum TicketIndex {
    static let ring = copenssl_ctx_new_index(nil)
    static let owner = copenssl_ctx_new_index { _, object, _, _, _, _ in
        if let object { Unmanaged<TicketKeys>.fromOpaque(object).release() }
    }
}

/// OpenSSL's question: which key? Answers: 0 none, so a full handshake; 1 this one; 2 this one, and issue a new ticket;
/// negative, an error.
private func ticketKey(
    _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ vector: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ seals: Int32
) -> Int32 {
    guard let name, let vector, let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), TicketIndex.ring) else { return -1 }
    let ring = TicketRing(data.assumingMemoryBound(to: Atomic<UInt64>.self))
    return withUnsafeTemporaryAllocation(byteCount: TicketRing.keyBytes, alignment: 8) { key -> Int32 in
        guard let base = key.baseAddress else { return -1 }
        defer { OPENSSL_cleanse(base, TicketRing.keyBytes) }
        let cipherKey = base.assumingMemoryBound(to: UInt8.self) + TicketRing.nameBytes
        let macKey = cipherKey + TicketRing.cipherKeyBytes
        if seals == 1 {
            guard ring.copy(ring.generation, to: base), RAND_bytes(vector, EVP_CIPHER_get_iv_length(TicketCipher.aes256)) == 1,
                EVP_EncryptInit_ex(cipher, TicketCipher.aes256, nil, cipherKey, vector) == 1,
                copenssl_mac_set_key(mac, macKey, TicketRing.macKeyBytes) == 1
            else { return -1 }
            memcpy(name, base, TicketRing.nameBytes)
            return 1
        }
        guard let generation = ring.find(name), ring.copy(generation, to: base) else { return 0 }
        guard copenssl_mac_set_key(mac, macKey, TicketRing.macKeyBytes) == 1,
            EVP_DecryptInit_ex(cipher, TicketCipher.aes256, nil, cipherKey, vector) == 1
        else { return -1 }
        // A TLS 1.3 ticket is for one use (RFC 8446, appendix C.4), so each session brings the next.
        return SSL_version(ssl) == TLS1_3_VERSION || generation != ring.generation ? 2 : 1
    }
}
