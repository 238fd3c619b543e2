// The connection's way out: for a clear one the queue's parts as they lie, for an encrypted one the ciphertext of as much
// of the queue as fits.

import Glibc
import PoplarCore

/// What can be handed to the kernel now.
enum Outgoing {
    case parts(UnsafeMutablePointer<iovec>, count: Int, total: Int)
    case block(UnsafeRawBufferPointer)

    var total: Int {
        switch self {
        case .parts(_, _, let total): total
        case .block(let bytes): bytes.count
        }
    }
}

extension Connection {
    /// What is to be sent, empty when nothing is. Nil: the TLS session is broken.
    mutating func outgoing(_ resources: inout Resources) -> Outgoing? {
        guard isEncrypted else {
            guard let (start, count) = output.parts else { return .block(UnsafeRawBufferPointer(start: nil, count: 0)) }
            return .parts(start, count: count, total: output.pending)
        }
        guard cipher?.encrypt(&output, closing: isClosing, &resources) == true else { return nil }
        return .block(cipher?.outgoing ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// `count` octets of what `outgoing` gave have been sent.
    mutating func didSend(_ count: Int, _ resources: inout Resources) {
        activeNs = resources.nowNs
        countProgress(count)
        if isEncrypted {
            cipher?.didSend(count, &resources)
        } else {
            output.consume(count)
        }
        if output.isEmpty { output.release(&resources.outputPool) }
    }

    // Asked once a command each, these are `mutating` to be asked in place: a getter that borrows has the compiler copy the
    // connection, 600 octets, before it looks.

    /// In the clear, with nothing to send, to take or to wait for: what a connection is after nearly every command.
    mutating func isAtRest() -> Bool {
        input == nil && output.isEmpty && held == nil && !isInterrupted && !isClosing && !startsTLS && !isEncrypted
    }

    /// Whether there is anything to do without the client. A held refusal lets output go out and nothing else begin.
    mutating func hasMore() -> Bool {
        if !output.isEmpty || startsTLS { return true }
        if held != nil { return isCipherSending }
        return isInterrupted || isCipherBusy
    }

    private var isCipherSending: Bool {
        switch cipher {
        case .some(let cipher): cipher.hasOutput
        case .none: false
        }
    }
}
