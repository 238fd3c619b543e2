// Both ends of a TLS connection in one process, for the tests of this folder, and the certificate that they use.

import COpenSSL
import Certificates
import Testing

@testable import TLS

let testKey = try? SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost", "IP:127.0.0.1"], days: 1)

func testServer(
    _ maximum: TLSVersion = .tls13, key: CertifiedKey? = testKey, tickets: TicketKeys? = nil, service: StaticString = "poplar"
) throws -> TLSContext {
    let key = try #require(key)
    return try TLSContext.server(
        certificatePEM: key.certificatePEM, keyPEM: key.keyPEM, maximum: maximum, tickets: tickets, service: service)
}

/// OpenSSL would make no session.
struct NoSession: Error {}

/// Both ends of one connection and the ciphertext under way.
struct Link: ~Copyable {
    let pump = TLSPump()
    var client: TLSSession
    var server: TLSSession
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []
    /// Octets of input lent at a time.
    let piece: Int
    /// Octets of output room lent at a time.
    var room = 65_536

    init?(_ clientContext: TLSContext, _ serverContext: TLSContext, piece: Int, peer: TLSPeer? = nil) {
        guard let client = TLSSession(clientContext, pump: pump, peer: peer),
            let server = TLSSession(serverContext, pump: pump)
        else { return nil }
        self.client = client
        self.server = server
        self.piece = piece
    }

    /// Runs `body` with the next piece of `input` lent; what it writes is added to `output`.
    private static func step<Result>(
        _ pump: borrowing TLSPump, _ piece: Int, _ size: Int, _ input: inout [UInt8], _ output: inout [UInt8],
        _ body: () -> Result
    ) -> Result {
        let count = min(piece, input.count)
        var outcome = (left: 0, written: 0)
        var room = [UInt8](repeating: 0, count: size)
        let taken = Array(input[0..<count])
        let result = taken.withUnsafeBytes { bytes in
            room.withUnsafeMutableBytes { target in
                pump.lendInput(bytes)
                pump.lendOutput(target)
                let result = body()
                outcome = (pump.inputLeft, pump.outputCount)
                pump.end()
                return result
            }
        }
        input.removeFirst(count - outcome.left)
        output += room[0..<outcome.written]
        return result
    }

    mutating func handshake() -> (TLSSession.Progress, TLSSession.Progress) {
        var (c, s) = (TLSSession.Progress.needsInput, TLSSession.Progress.needsInput)
        for _ in 0..<20_000 {
            if c != .done { c = stepClient { $0.handshake() } }
            if s != .done { s = stepServer { $0.handshake() } }
            if (c == .done && s == .done) || c == .failed || s == .failed { break }
        }
        return (c, s)
    }

    mutating func stepClient<Result>(_ body: (inout TLSSession) -> Result) -> Result {
        Self.step(pump, piece, room, &toClient, &toServer) { body(&client) }
    }

    mutating func stepServer<Result>(_ body: (inout TLSSession) -> Result) -> Result {
        Self.step(pump, piece, room, &toServer, &toClient) { body(&server) }
    }

    /// Sends `text` from the server and reads it at the client.
    mutating func carry(_ text: [UInt8]) -> [UInt8] {
        _ = stepServer { session in text.withUnsafeBytes { session.write($0) } }
        var received: [UInt8] = []
        for _ in 0..<40_000 where received.count < text.count {
            let some = stepClient { session -> [UInt8] in
                var room = [UInt8](repeating: 0, count: 4096)
                guard case .count(let count) = room.withUnsafeMutableBytes({ session.read(into: $0) }) else { return [] }
                return Array(room[0..<count])
            }
            received += some
        }
        return received
    }

    /// The server's next read, with all that is under way to it lent.
    mutating func serverRead() -> TLSSession.Transfer {
        stepServer { session in
            var target = [UInt8](repeating: 0, count: 4096)
            return target.withUnsafeMutableBytes { session.read(into: $0) }
        }
    }

    mutating func clientRead() -> TLSSession.Transfer {
        stepClient { session in
            var target = [UInt8](repeating: 0, count: 4096)
            return target.withUnsafeMutableBytes { session.read(into: $0) }
        }
    }

    mutating func clientWrite(_ text: [UInt8]) {
        _ = stepClient { session in text.withUnsafeBytes { session.write($0) } }
    }

    /// The client sends `count` KeyUpdate messages, each in a record of its own (RFC 8446, section 4.6.3).
    mutating func updateKeys(_ count: Int, requested: Bool = false) {
        for _ in 0..<count {
            stepClient { session in
                SSL_key_update(session.ssl, requested ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED)
                _ = session.handshake()
            }
        }
    }
}
