// One side of one TLS connection, sans-IO: it reads and writes the memory that the pump was lent, from whichever octet of
// the connection on. OpenSSL's error queue is empty before each call, a session that failed is never asked to shut down
// (CVE-2015-3420), and one that reads record after record without application data is ended.

import COpenSSL
import Glibc

/// A session to resume (SSL_SESSION), held by a client between connections.
public struct TLSResumption: ~Copyable {
    let pointer: OpaquePointer
    deinit { SSL_SESSION_free(pointer) }
}

public struct TLSSession: ~Copyable {
    let ssl: OpaquePointer
    private let pump: UnsafeMutablePointer<PumpState>
    private var broken = false
    private let verifies: Bool
    /// Why the session is broken, where a call of OpenSSL failed. It lies elsewhere since few sessions have one: inside
    /// of this value it would make every question whether a connection is encrypted dearer.
    private var failureMemory: UnsafeMutablePointer<TLSFailure>?
    /// Records read since the last application data.
    private var records: Int32 = 0

    public enum Progress: Equatable, Sendable {
        case done
        /// More ciphertext is needed.
        case needsInput
        /// The output room is full: send it, lend new room, call again.
        case needsOutput
        case failed
    }

    public enum Transfer: Equatable, Sendable {
        /// Plaintext octets moved, above 0.
        case count(Int)
        case needsInput
        case needsOutput
        /// The peer ended the channel in order (close_notify).
        case closed
        case failed
    }

    /// A new session over `pump`, which must outlive it. `peer`: whom a client asks for, and verifies where its context
    /// verifies. Nil when memory is out, or a client that verifies cannot look for its peer, or has none.
    public init?(_ context: TLSContext, pump: borrowing TLSPump, peer: TLSPeer? = nil) {
        ERR_clear_error()
        guard peer != nil || !context.verifies, let ssl = SSL_new(context.pointer) else { return nil }
        guard let method = PumpBIO.method, let bio = BIO_new(method) else {
            SSL_free(ssl)
            return nil
        }
        BIO_set_data(bio, UnsafeMutableRawPointer(pump.state))
        SSL_set_bio(ssl, bio, bio)
        if context.isServer {
            SSL_set_accept_state(ssl)
        } else {
            SSL_set_connect_state(ssl)
            if let peer, !peer.apply(to: ssl, verifies: context.verifies) {
                SSL_free(ssl)
                return nil
            }
        }
        verifies = context.verifies
        self.ssl = ssl
        self.pump = pump.state
    }

    deinit {
        // A session freed without its goodbye counts as broken, and OpenSSL then forbids to resume it; a peer that closes
        // first is the ordinary case here.
        if !broken { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN) }
        SSL_free(ssl)
        failureMemory?.deallocate()
    }

    public var failure: TLSFailure? { failureMemory?.pointee }

    private mutating func keep(_ failure: TLSFailure) {
        let memory = failureMemory ?? .allocate(capacity: 1)
        memory.initialize(to: failure)
        failureMemory = memory
    }

    /// From here on OpenSSL wipes its own buffer after each record that was read. It costs some 8,000 instructions a
    /// record, so a server asks for it only while a password may come.
    public func beginWiping() { _ = SSL_set_options(ssl, copenssl_op_cleanse_plaintext) }

    /// No more than the record that is being read is wiped.
    public func endWiping() { if !hasPending { _ = SSL_clear_options(ssl, copenssl_op_cleanse_plaintext) } }

    /// Carries the handshake on as far as input and room allow.
    public mutating func handshake() -> Progress {
        guard !broken else { return .failed }
        begin()
        let result = SSL_do_handshake(ssl)
        records = pump.pointee.records
        if result == 1 {
            records = 0
            // OpenSSL has seen to it; a client that verifies goes on to no session of which it cannot say so itself.
            guard !verifies || isVerified else { return fail() }
            return .done
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_WANT_WRITE: return .needsOutput
        default: return fail()
        }
    }

    private mutating func fail() -> Progress {
        broken = true
        keep(TLSFailure(ssl, verifies: verifies, sentAlert: pump.pointee.sentAlert))
        return .failed
    }

    /// For the reason of a failure: the connection ended, which OpenSSL does not see.
    public mutating func connectionEnded() {
        guard failure == nil, !isEstablished else { return }
        broken = true
        keep(TLSFailure(closed: ssl))
    }

    /// Client: the peer has shown a certificate, and it was found to be the right one.
    public var isVerified: Bool {
        verifies && SSL_get_verify_result(ssl) == Int(X509_V_OK) && SSL_get0_peer_certificate(ssl) != nil
    }

    /// The session has ended in an error. What it wrote, its alert, may still be sent; nothing else goes through it.
    public var isBroken: Bool { broken }

    public var isEstablished: Bool { SSL_is_init_finished(ssl) == 1 }

    /// Decrypts into `room`.
    public mutating func read(into room: UnsafeMutableRawBufferPointer) -> Transfer {
        guard !broken, room.count > 0 else { return broken ? .failed : .needsInput }
        begin()
        let result = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
        records = result > 0 ? 0 : pump.pointee.records
        return transfer(result)
    }

    /// Encrypts from `bytes` where they lie; at most one record (16 KiB) a call.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard !broken, bytes.count > 0 else { return .failed }
        begin()
        let result = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
        return transfer(result)
    }

    /// Writes close_notify, where the session is sound.
    public mutating func close() {
        guard !broken, isEstablished else { return }
        begin()
        // 0 and 1 both say that the goodbye is written; a failure leaves a session that is going away anyhow.
        _ = SSL_shutdown(ssl)
    }

    /// Before a call: what an earlier one left in the thread's queue would be taken for this one's error.
    private func begin() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
        pump.pointee.records = records
        pump.pointee.sentAlert = -1
    }

    private mutating func transfer(_ result: Int32) -> Transfer {
        if result > 0 { return .count(Int(result)) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_WANT_WRITE: return .needsOutput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            _ = fail()
            return .failed
        }
    }

    /// Whether plaintext is waiting inside OpenSSL.
    public var hasPending: Bool { SSL_pending(ssl) > 0 }

    /// Whether the handshake resumed an earlier session.
    public var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    public var version: TLSVersion { TLSVersion(number: SSL_version(ssl)) }

    /// Client: asks to resume `session`. Before the handshake. One that does not fit is not offered: the handshake is
    /// full.
    public func resume(_ session: borrowing TLSResumption) { _ = SSL_set_session(ssl, session.pointer) }

    /// Client: the session as it can be resumed now. With TLS 1.3 that is once a ticket has been read, so after the
    /// first reply.
    public func resumption() -> TLSResumption? {
        guard !broken, let session = SSL_get1_session(ssl) else { return nil }
        guard SSL_SESSION_is_resumable(session) == 1 else {
            SSL_SESSION_free(session)
            return nil
        }
        return TLSResumption(pointer: session)
    }

    /// Client: the tls-server-end-point hash of the peer's certificate (RFC 5929, section 4.1); nil before the handshake.
    public func peerEndPointHash() -> [UInt8]? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        let hash = TLSContext.endPointHash(of: certificate)
        return hash.isEmpty ? nil : hash
    }
}
