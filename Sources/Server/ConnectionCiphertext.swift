// The encrypted connection's way in: ciphertext through the pump into the same line buffer that a clear one reads into.
// Plaintext exists only in that buffer. When replies have no room, the rest stays encrypted until they have been sent.

import PoplarCore
import TLS

extension Connection {
    /// Ciphertext has come; `bytes` is the worker's scratch. Answers what it holds, as far as replies have room.
    mutating func receiveCiphertext(_ bytes: UnsafeRawBufferPointer, _ resources: inout Resources) {
        resources.pump.lendInput(bytes)
        pumpInput(&resources)
        let left = resources.pump.inputLeft
        if left > 0, !isClosing {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[(bytes.count &- left)...])
            if cipher?.stash(rest, &resources) != true { close(.tls) }
        }
        resources.pump.end()
    }

    /// Goes on with the ciphertext that was kept when replies had no room, or this turn's work was done.
    mutating func resumeCiphertext(_ resources: inout Resources) {
        guard cipher?.isEstablished == true || cipher?.awaitsRoom == true, !isClosing, !isInterrupted else { return }
        let count = cipher?.unstash(into: resources.scratch, &resources) ?? 0
        receiveCiphertext(UnsafeRawBufferPointer(rebasing: resources.scratch[0..<count]), &resources)
    }

    private mutating func pumpInput(_ resources: inout Resources) {
        if cipher?.isEstablished == false {
            switch cipher?.handshake(&resources) ?? .failed {
            case .established: if cipher?.isImplicit == true { greet(&resources) }
            case .waiting: return
            case .failed: return close(.tls)
            }
        }
        // Each turn of the loop takes plaintext or ends it; the plaintext is bounded by what was lent and one record.
        while !isClosing {
            guard output.isEmpty || output.hasRoom, held == nil, !isInterrupted, !resources.work.isSpent else { return }
            resources.work.spend(WorkBudget.record)
            guard let room = inputRoom(&resources) else { return }
            switch cipher?.decrypt(into: room, &resources) ?? .failed {
            case .count(let count):
                resources.counters.octetsReceived &+= UInt64(count)
                didReceive(count, &resources)
                process(&resources)
            case .needsInput, .needsOutput:
                releaseIdleInput(&resources)
                return
            // An end without close_notify never comes this way: it is the worker's end of stream, and no QUIT either.
            case .closed, .failed:
                releaseIdleInput(&resources)
                close()
            }
        }
    }
}
