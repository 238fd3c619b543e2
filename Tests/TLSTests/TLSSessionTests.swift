// A client and a server session over the pump, without sockets, with ciphertext carried in pieces of a chosen size, so
// that every record is met in every state of completeness.

import Certificates
import TLS
import Testing

@Suite("TLS over lent memory")
struct TLSSessionTests {
    private func server(_ maximum: TLSVersion = .tls13) throws -> TLSContext { try testServer(maximum) }

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

    /// The ticket of a connection that ended without a goodbye of ours, as a client's does when the server closes first.
    private func ticket(_ clientContext: TLSContext, _ serverContext: TLSContext) -> TLSResumption? {
        guard var link = Link(clientContext, serverContext, piece: 65_536) else { return nil }
        _ = link.handshake()
        _ = link.carry([1, 2, 3])
        return link.client.resumption()
    }

    @Test("a session can be resumed after its connection is gone", arguments: [TLSVersion.tls12, .tls13])
    func resumptionAfterTheEnd(version: TLSVersion) throws {
        let (clientContext, serverContext) = (try TLSContext.client(), try server(version))
        guard let ticket = ticket(clientContext, serverContext), var link = Link(clientContext, serverContext, piece: 65_536)
        else {
            Issue.record("nothing to resume")
            return
        }
        link.client.resume(ticket)
        _ = link.handshake()
        let isResumed = link.client.isResumed
        #expect(isResumed)
    }

    @Test(
        "a client with an authority accepts the name it asked for and no other",
        arguments: [
            ("localhost", true), ("127.0.0.1", true), ("example.org", false), ("127.0.0.2", false),
        ])
    func verification(name: String, accepted: Bool) throws {
        let key = try #require(testKey)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        let octets = name.split(separator: ".").compactMap { UInt8($0) }
        let peer = try octets.count == 4 ? TLSPeer(address: octets) : TLSPeer(name: name)
        guard var link = Link(context, try server(), piece: 65_536, peer: peer) else { throw NoSession() }
        let (client, _) = link.handshake()
        #expect((client == .done) == accepted)
        let (isVerified, failure) = (link.client.isVerified, link.client.failure)
        #expect(isVerified == accepted)
        #expect(failure?.cause == (accepted ? nil : .wrongName))
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
        let one = try #require(testKey)
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
