// A BIO over memory that the worker lends for one call: ciphertext in is read where it lies, ciphertext out is
// written where it will be sent from. One pump serves all sessions of a worker, since only one is in a call at a time.
// Invariant: outside of a call the pump points at nothing.

import COpenSSL
import Glibc

struct PumpState {
    var input: UnsafeRawPointer?
    var inputCount = 0
    var output: UnsafeMutableRawPointer?
    var outputCapacity = 0
    var outputCount = 0
    /// Records that the session in the call has begun to read since its last application data.
    var records: Int32 = 0
    /// The fatal alert that a client's session in the call has sent; -1: none.
    var sentAlert: Int16 = -1

    /// Records in a row that may carry no application data: KeyUpdate, empty records, warnings, refused renegotiation. The
    /// one behind them may still turn out to carry some.
    static let idleRecords: Int32 = 64
}

public struct TLSPump: ~Copyable {
    let state: UnsafeMutablePointer<PumpState>

    public init() {
        state = .allocate(capacity: 1)
        state.initialize(to: PumpState())
    }

    deinit { state.deallocate() }

    /// Lends ciphertext that came from the peer. It is consumed from the front by the calls that follow.
    public func lendInput(_ bytes: UnsafeRawBufferPointer) {
        state.pointee.input = bytes.baseAddress
        state.pointee.inputCount = bytes.count
    }

    /// Ciphertext that no call has consumed yet, in octets from the end of what was lent.
    public var inputLeft: Int { state.pointee.inputCount }

    /// Lends room for ciphertext that is to go to the peer.
    public func lendOutput(_ room: UnsafeMutableRawBufferPointer) {
        state.pointee.output = room.baseAddress
        state.pointee.outputCapacity = room.count
        state.pointee.outputCount = 0
    }

    /// Octets of ciphertext written into the room so far.
    public var outputCount: Int { state.pointee.outputCount }
    public var outputRoom: Int { state.pointee.outputCapacity &- state.pointee.outputCount }

    /// Takes both loans back.
    public func end() { state.pointee = PumpState() }
}

/// The BIO method, made once for the process.
enum PumpBIO {
    nonisolated(unsafe) static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "poplar pump") else { return nil }
        guard BIO_meth_set_read(method, pumpRead) == 1, BIO_meth_set_write(method, pumpWrite) == 1,
            BIO_meth_set_ctrl(method, pumpControl) == 1, BIO_meth_set_create(method, pumpCreate) == 1
        else {
            BIO_meth_free(method)
            return nil
        }
        return method
    }()
}

/// OpenSSL tells of each alert that a session sends; the last fatal one is kept for the reason of a failure.
func notesSentAlerts(_ ssl: OpaquePointer?, _ place: Int32, _ value: Int32) {
    let alert = copenssl_sent_alert(place, value)
    guard alert >= 0, let bio = SSL_get_wbio(ssl), let data = BIO_get_data(bio) else { return }
    data.assumingMemoryBound(to: PumpState.self).pointee.sentAlert = Int16(truncatingIfNeeded: alert)
}

private func pumpCreate(_ bio: OpaquePointer?) -> Int32 {
    BIO_set_init(bio, 1)
    return 1
}

private func pumpRead(_ bio: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ size: Int32) -> Int32 {
    copenssl_bio_clear_retry(bio)
    guard let data = BIO_get_data(bio), let target, size > 0 else { return -1 }
    let state = data.assumingMemoryBound(to: PumpState.self)
    let count = min(Int(size), state.pointee.inputCount)
    guard count > 0, let input = state.pointee.input else {
        copenssl_bio_set_retry_read(bio)
        return -1
    }
    // OpenSSL asks for a record's header alone, then for its body, so this request begins a record. One that is over the
    // bound gets an error in place of its header, which ends the session.
    if size == SSL3_RT_HEADER_LENGTH {
        guard state.pointee.records <= PumpState.idleRecords else { return -1 }
        state.pointee.records &+= 1
    }
    memcpy(target, input, count)
    state.pointee.input = input + count
    state.pointee.inputCount &-= count
    return Int32(truncatingIfNeeded: count)
}

private func pumpWrite(_ bio: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ size: Int32) -> Int32 {
    copenssl_bio_clear_retry(bio)
    guard let data = BIO_get_data(bio), let source, size > 0 else { return -1 }
    let state = data.assumingMemoryBound(to: PumpState.self)
    let count = min(Int(size), state.pointee.outputCapacity &- state.pointee.outputCount)
    guard count > 0, let output = state.pointee.output else {
        copenssl_bio_set_retry_write(bio)
        return -1
    }
    memcpy(output + state.pointee.outputCount, source, count)
    state.pointee.outputCount &+= count
    return Int32(truncatingIfNeeded: count)
}

private func pumpControl(_ bio: OpaquePointer?, _ command: Int32, _ number: Int, _ pointer: UnsafeMutableRawPointer?) -> Int {
    // Flush is all that libssl asks of a transport; everything else is "not supported".
    command == BIO_CTRL_FLUSH ? 1 : 0
}
