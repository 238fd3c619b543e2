// Whom a client asks for, whom it finds, and what it says where it does not find them.

import COpenSSL
import Certificates
import Testing

@testable import TLS

@Suite("The peer of a client")
struct PeerTests {
    /// The name that the server's side heard by SNI after one flight of a client; nil where none was sent.
    private func heard(_ peer: TLSPeer?, _ context: TLSContext) throws -> String? {
        guard var link = Link(context, try testServer(), piece: 65_536, peer: peer) else { throw NoSession() }
        _ = link.handshake()
        return SSL_get_servername(link.server.ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    @Test("a name is sent by SNI, whether or not the certificate is verified; an address never is")
    func serverName() throws {
        let key = try #require(testKey)
        let verifying = try TLSContext.client(authorityPEM: key.certificatePEM)
        for context in [try TLSContext.client(), verifying] {
            #expect(try heard(TLSPeer(name: "localhost"), context) == "localhost")
            #expect(try heard(TLSPeer(address: [127, 0, 0, 1]), context) == nil)
        }
    }

    @Test("a name is taken without its last dot and in lower case", arguments: ["LocalHost", "localhost.", "LOCALHOST."])
    func spellings(name: String) throws {
        let key = try #require(testKey)
        #expect(try heard(TLSPeer(name: name), try TLSContext.client(authorityPEM: key.certificatePEM)) == "localhost")
    }

    @Test("what is no name of a host is refused", arguments: ["", ".", "a..b", "a b", "m\u{FC}nchen.example", "x\u{7F}", "a.."])
    func noNames(name: String) { #expect(throws: TLSError.self) { try TLSPeer(name: name) } }

    @Test("labels of 63 octets and names of 253 are taken, longer ones refused")
    func lengths() throws {
        let label = String(repeating: "a", count: 63)
        #expect(throws: Never.self) { try TLSPeer(name: label) }
        #expect(throws: TLSError.self) { try TLSPeer(name: label + "a") }
        #expect(throws: Never.self) {
            try TLSPeer(name: [label, label, label, String(label.dropLast(2))].joined(separator: "."))
        }
        #expect(throws: TLSError.self) { try TLSPeer(name: [label, label, label, label].joined(separator: ".")) }
    }

    @Test(
        "a certificate is looked at for the kind of peer that was asked for",
        arguments: [
            // Names in the certificate, the peer, whether it is found.
            (["DNS:mail.example"], "mail.example", true), (["DNS:*.example.org"], "pop.example.org", true),
            (["DNS:*.example.org"], "example.org", false), (["DNS:*.example.org"], "a.b.example.org", false),
            (["DNS:p*.example.org"], "pop.example.org", false), (["DNS:mail_1.example"], "mail_1.example", true),
            (["DNS:xn--mnchen-3ya.example"], "xn--mnchen-3ya.example", true), (["IP:192.0.2.1"], "192.0.2.1", true),
            (["IP:192.0.2.1"], "192.0.2.2", false), (["DNS:192.0.2.1"], "192.0.2.1", false), (["IP:192.0.2.1"], "server", true),
            (["DNS:mail.example"], "server", false), (["DNS:evil.example"], "127.0.0.1", false),
        ])
    func match(names: [String], peer: String, isFound: Bool) throws {
        // The subject's CN counts where no DNS name stands beside it, and never for an address.
        let key = try SelfSigned.make(commonName: "server", alternativeNames: names, days: 1)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        let octets = peer.split(separator: ".").compactMap { UInt8($0) }
        let wanted = try octets.count == 4 ? TLSPeer(address: octets) : TLSPeer(name: peer)
        guard var link = Link(context, try testServer(key: key), piece: 65_536, peer: wanted) else { throw NoSession() }
        let (client, _) = link.handshake()
        #expect((client == .done) == isFound)
        let (isVerified, cause) = (link.client.isVerified, link.client.failure?.cause)
        #expect(isVerified == isFound)
        #expect(cause == (isFound ? nil : .wrongName))
    }

    @Test("an address in a subject's CN is no address of the certificate")
    func addressAsName() throws {
        let key = try SelfSigned.make(commonName: "127.0.0.1", alternativeNames: [], days: 1)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        let peer = TLSPeer(address: [127, 0, 0, 1])
        guard var link = Link(context, try testServer(key: key), piece: 65_536, peer: peer) else { throw NoSession() }
        #expect(link.handshake().0 == .failed)
    }

    @Test("a client that verifies and was told of no peer makes no session")
    func noPeer() throws {
        let key = try #require(testKey)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        switch Link(context, try testServer(), piece: 65_536) {
        case .some: Issue.record("a session that could verify nobody")
        case .none: break
        }
    }

    @Test("authorities of which one is cut are refused, and its number is named")
    func cutAuthorities() throws {
        let key = try #require(testKey)
        let cut = key.certificatePEM + key.certificatePEM.prefix(200)
        #expect {
            try TLSContext.client(authorityPEM: cut)
        } throws: { "\($0)".hasPrefix("certificate 2 of the authority file is broken or cut") }
    }
}

@Suite("Why TLS failed")
struct FailureTests {
    /// The client's failure against a server that goes up to `maximum`.
    private func failure(
        _ context: TLSContext, _ server: TLSContext, peer: TLSPeer? = nil, clear: [UInt8] = []
    ) throws -> TLSFailure? {
        guard var link = Link(context, server, piece: 65_536, peer: peer) else { throw NoSession() }
        if clear.isEmpty {
            _ = link.handshake()
            // What a server that failed said last.
            _ = link.stepClient { $0.handshake() }
        } else {
            link.toClient = clear
            _ = link.stepClient { $0.handshake() }
        }
        return link.client.failure
    }

    @Test("a certificate that has expired: named, with the alert that was sent and the version agreed on")
    func expired() throws {
        let key = try SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost"], days: -1)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        let failure = try failure(context, try testServer(key: key), peer: TLSPeer(name: "localhost"))
        #expect(failure?.cause == .expired)
        #expect(failure?.description == "certificate has expired, alert 45 (certificate expired) sent, TLS 1.3")
    }

    @Test("an authority that nobody trusts")
    func unknown() throws {
        let other = try SelfSigned.make(commonName: "other", alternativeNames: [], days: 1)
        let context = try TLSContext.client(authorityPEM: other.certificatePEM)
        #expect(try failure(context, try testServer(), peer: TLSPeer(name: "localhost"))?.cause == .unknownAuthority)
    }

    @Test("another name")
    func name() throws {
        let key = try #require(testKey)
        let context = try TLSContext.client(authorityPEM: key.certificatePEM)
        let failure = try failure(context, try testServer(), peer: TLSPeer(name: "evil.example"))
        #expect(failure?.cause == .wrongName)
        #expect(failure?.description.hasPrefix("hostname mismatch, alert ") == true)
    }

    @Test("no version in common: the server's alert, and what was offered; the certificate is not blamed")
    func version() throws {
        let failure = try failure(try TLSContext.client(minimum: .tls13), try testServer(.tls12))
        #expect(failure?.cause == .version)
        #expect(failure?.description == "alert 70 (protocol version) received, TLS 1.3 offered")
        #expect(failure?.verificationText == nil)
    }

    @Test("clear text in the place of TLS")
    func clear() throws {
        let failure = try failure(try TLSContext.client(), try testServer(), clear: Array("+OK POP3 ready\r\n".utf8))
        #expect(failure?.cause == .clearText)
        #expect(failure?.description == "what came is no TLS, TLS 1.2 and TLS 1.3 offered")
    }

    @Test("the connection's end in the middle of a handshake, and no failure where it comes later")
    func closed() throws {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        _ = link.stepClient { $0.handshake() }
        link.client.connectionEnded()
        let failure = link.client.failure
        #expect(failure?.cause == .closed)
        #expect(
            failure?.description
                == "the server closed the connection during the TLS handshake, TLS 1.2 and TLS 1.3 offered")
        guard var whole = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        _ = whole.handshake()
        whole.client.connectionEnded()
        let none = whole.client.failure
        #expect(none == nil)
    }
}
