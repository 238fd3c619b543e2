// A client and a server session over the pump, without sockets: ciphertext goes from one to the other in pieces of a
// chosen size, so that every record is met in every state of completeness.

import Certificates
import TLS
import Testing

/// Both ends of one connection and the ciphertext under way.
private struct Link: ~Copyable {
    let pump = TLSPump()
    var client: TLSSession
    var server: TLSSession
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []
    let piece: Int

    init?(_ clientContext: TLSContext, _ serverContext: TLSContext, piece: Int, hostName: String? = nil) {
        guard let client = TLSSession(clientContext, pump: pump, hostName: hostName),
            let server = TLSSession(serverContext, pump: pump)
        else { return nil }
        self.client = client
        self.server = server
        self.piece = piece
    }

    /// Runs `body` with the next piece of `input` lent; what it writes is added to `output`.
    private static func step<Result>(
        _ pump: borrowing TLSPump, _ piece: Int, _ input: inout [UInt8], _ output: inout [UInt8], _ body: () -> Result
    ) -> Result {
        let count = min(piece, input.count)
        var outcome = (left: 0, written: 0)
        var room = [UInt8](repeating: 0, count: 65_536)
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
        Self.step(pump, piece, &toClient, &toServer) { body(&client) }
    }

    mutating func stepServer<Result>(_ body: (inout TLSSession) -> Result) -> Result {
        Self.step(pump, piece, &toServer, &toClient) { body(&server) }
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
}

@Suite("TLS over lent memory")
struct TLSSessionTests {
    static let key = try? SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost", "IP:127.0.0.1"], days: 1)

    private func server(_ maximum: TLSVersion = .tls13) throws -> TLSContext {
        let key = try #require(Self.key)
        return try TLSContext.server(certificatePEM: key.certificatePEM, keyPEM: key.keyPEM, maximum: maximum)
    }

    @Test(
        "a handshake and a message, whole and in pieces down to one octet", arguments: [1, 2, 3, 5, 7, 100, 65_536],
        [TLSVersion.tls12, .tls13])
    func pieces(piece: Int, version: TLSVersion) throws {
        guard var link = Link(try TLSContext.client(), try server(version), piece: piece) else {
            Issue.record("no session")
            return
        }
        let progress = link.handshake()
        #expect(progress == (.done, .done))
        let text = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        let received = link.carry(text)
        #expect(received == text)
        let spoken = link.client.version
        #expect(spoken == version)
    }

    @Test("a session is resumed by its ticket, and says so on both sides", arguments: [TLSVersion.tls12, .tls13])
    func resumption(version: TLSVersion) throws {
        let (clientContext, serverContext) = (try TLSContext.client(), try server(version))
        guard var first = Link(clientContext, serverContext, piece: 65_536) else { return }
        _ = first.handshake()
        _ = first.carry([1, 2, 3])
        let full = first.client.isResumed
        #expect(!full)
        guard let ticket = first.client.resumption(), var second = Link(clientContext, serverContext, piece: 65_536) else {
            Issue.record("nothing to resume")
            return
        }
        second.client.resume(ticket)
        let progress = second.handshake()
        #expect(progress == (.done, .done))
        let resumed = (second.client.isResumed, second.server.isResumed)
        #expect(resumed == (true, true))
    }

    @Test(
        "a client with an authority accepts the name it asked for and no other",
        arguments: [
            ("localhost", true), ("127.0.0.1", true), ("example.org", false), ("127.0.0.2", false),
        ])
    func verification(name: String, accepted: Bool) throws {
        let key = try #require(Self.key)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        guard var link = Link(context, try server(), piece: 65_536, hostName: name) else { return }
        let (client, _) = link.handshake()
        #expect((client == .done) == accepted)
        let reason = link.client.verificationFailure
        #expect((reason == nil) == accepted)
    }

    @Test("both ends see the same certificate to bind to (RFC 5929)")
    func endPoint() throws {
        let context = try server()
        guard var link = Link(try TLSContext.client(), context, piece: 65_536) else { return }
        _ = link.handshake()
        let seen = link.client.peerEndPointHash()
        #expect(seen == context.endPointHash)
        #expect(context.endPointHash.count == 32)
    }

    @Test("garbage ends the session in an error, and close_notify in an orderly end")
    func ends() throws {
        guard var garbage = Link(try TLSContext.client(), try server(), piece: 65_536) else { return }
        garbage.toServer = Array("GET / HTTP/1.0\r\n\r\n".utf8)
        let progress = garbage.stepServer { $0.handshake() }
        #expect(progress == .failed)
        guard var orderly = Link(try TLSContext.client(), try server(), piece: 65_536) else { return }
        _ = orderly.handshake()
        orderly.stepServer { $0.close() }
        var room = [UInt8](repeating: 0, count: 64)
        let last = orderly.stepClient { session in room.withUnsafeMutableBytes { session.read(into: $0) } }
        #expect(last == .closed)
    }

    @Test("files that do not belong together are refused with the reason")
    func mismatch() throws {
        let one = try #require(Self.key)
        let other = try SelfSigned.make(commonName: "other", alternativeNames: [], days: 1)
        #expect { try TLSContext.server(certificatePEM: one.certificatePEM, keyPEM: other.keyPEM) } throws: {
            "\($0)".contains("private key")
        }
        #expect { try TLSContext.server(certificatePEM: [], keyPEM: one.keyPEM) } throws: {
            "\($0)".contains("holds no certificate")
        }
        #expect { try TLSContext.server(certificatePEM: one.certificatePEM, keyPEM: [1, 2, 3]) } throws: {
            "\($0)".contains("private key")
        }
    }
}
