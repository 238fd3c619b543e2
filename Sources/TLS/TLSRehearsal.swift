// A handshake of a server's context with itself, in memory: a certificate is put in force after it has been used, not
// for its looks. In each version of TLS that the server has, with its own ciphers and groups, a client verifies the
// chain as it is sent against the last certificate of the file. Nobody is asked whether that one is trusted.

import COpenSSL

extension TLSContext {
    /// Rounds of a handshake in memory: each side speaks three times at most.
    private static let rounds = 8
    private static let roomBytes = 131_072

    /// Server: throws why a client of today could not log on under this certificate. `certificatePEM`: what the context
    /// was made from.
    public func rehearse(certificatePEM: [UInt8]) throws(TLSError) {
        for version in [TLSVersion.tls13, .tls12] {
            let client = try TLSContext.client(trustingLastOf: certificatePEM, version: version)
            if let failure = handshake(with: client) {
                ERR_clear_error()
                throw TLSError(
                    "a handshake in \(version.text) with this certificate fails: \(failure); have it made for an ECDSA key on "
                        + "P-256, or an RSA key of 2048 bits, and its chain by one authority")
            }
        }
        ERR_clear_error()
    }

    /// Why it fails; nil when it does not.
    private func handshake(with client: TLSContext) -> String? {
        let pump = TLSPump()
        guard var near = TLSSession(client, pump: pump, peer: .anyone), var far = TLSSession(self, pump: pump) else {
            return "no memory for it"
        }
        var (toServer, toClient): ([UInt8], [UInt8]) = ([], [])
        var (nearState, farState) = (TLSSession.Progress.needsInput, TLSSession.Progress.needsInput)
        for _ in 0..<Self.rounds {
            toServer = Self.turn(pump, toClient) { nearState = near.handshake() }
            if nearState == .failed { break }
            toClient = Self.turn(pump, toServer) { if farState != .done { farState = far.handshake() } }
            if farState == .failed || nearState == .done && farState == .done { break }
        }
        if nearState == .done, farState == .done { return nil }
        // An alert is only the echo of the other side's reason.
        return (far.failure ?? near.failure)?.description ?? "it does not come to an end"
    }

    /// One side's turn, with what came lent to it. Returns what it wrote.
    private static func turn(_ pump: borrowing TLSPump, _ input: [UInt8], _ body: () -> Void) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: roomBytes)
        var count = 0
        input.withUnsafeBytes { bytes in
            room.withUnsafeMutableBytes { target in
                pump.lendInput(bytes)
                pump.lendOutput(target)
                body()
                count = pump.outputCount
                pump.end()
            }
        }
        return Array(room[..<count])
    }
}
