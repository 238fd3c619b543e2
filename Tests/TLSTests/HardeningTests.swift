// What a peer may try on the TLS layer, and the rules of using OpenSSL: errors never leak from call to call, a dead
// session is left alone, floods end, an alert that tells the peer why really leaves.

import COpenSSL
import Certificates
import Testing

@testable import TLS

@Suite("TLS under abuse")
struct HardeningTests {
    private func established(_ version: TLSVersion = .tls13) throws -> Link {
        guard var link = Link(try TLSContext.client(), try testServer(version), piece: 65_536) else { throw NoSession() }
        let progress = link.handshake()
        try #require(progress == (.done, .done))
        return link
    }

    // MARK: Errors

    @Test("an error that an earlier call left in the queue is not taken for this call's")
    func errorQueue() throws {
        var link = try established()
        let bio = copenssl_bio_copy([0], 1)
        #expect(PEM_read_bio_X509(bio, nil, nil, nil) == nil)
        BIO_free(bio)
        #expect(ERR_peek_error() != 0)
        let progress = link.serverRead()
        #expect(progress == .needsInput)
    }

    @Test("CVE-2015-3420: a session whose handshake failed is not shut down, and every call on it says failed")
    func deadSession() throws {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        link.toServer = Array("GET / HTTP/1.0\r\n\r\n".utf8)
        let refused = link.stepServer { $0.handshake() }
        #expect(refused == .failed)
        let written = link.toClient.count
        link.stepServer { $0.close() }
        let isSilent = link.toClient.count == written
        #expect(isSilent)
        let again = link.stepServer { $0.handshake() }
        #expect(again == .failed)
        let reading = link.serverRead()
        #expect(reading == .failed)
        let writing = link.stepServer { session in [UInt8(1)].withUnsafeBytes { session.write($0) } }
        #expect(writing == .failed)
        let isBroken = link.server.isBroken
        #expect(isBroken)
    }

    @Test("a record that was tampered with is answered by an alert", arguments: [TLSVersion.tls12, .tls13])
    func tampered(version: TLSVersion) throws {
        var link = try established(version)
        link.toClient = []
        link.clientWrite([1, 2, 3])
        link.toServer[link.toServer.count - 1] ^= 1
        let progress = link.serverRead()
        #expect(progress == .failed)
        let isAnswered = !link.toClient.isEmpty
        #expect(isAnswered)
        let atClient = link.clientRead()
        #expect(atClient == .failed)
    }

    @Test("a client that speaks SSL 3, TLS 1.0 or 1.1 at most is refused by an alert", arguments: [0, 1, 2])
    func oldVersions(minor: UInt8) throws {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        let random = [UInt8](repeating: 7, count: 32)
        let body = [3, minor] + random + [0, 0, 4, 0xC0, 0x2F, 0xC0, 0x14, 1, 0]
        let message = [1, 0, 0, UInt8(body.count)] + body
        link.toServer = [22, 3, minor == 0 ? 0 : 1, 0, UInt8(message.count)] + message
        let progress = link.stepServer { $0.handshake() }
        #expect(progress == .failed)
        let isAlert = Array(link.toClient.prefix(1)) == [21]
        #expect(isAlert)
        // protocol_version, which SSL 3 does not have: there it is handshake_failure.
        let reason = Array(link.toClient.suffix(2))
        #expect(reason == [2, minor == 0 ? 40 : 70])
    }

    // MARK: Room

    @Test(
        "output room of any size carries a handshake and a message", arguments: [1, 7, 100, 1_000], [TLSVersion.tls12, .tls13])
    func smallRoom(room: Int, version: TLSVersion) throws {
        guard var link = Link(try TLSContext.client(), try testServer(version), piece: 65_536) else { throw NoSession() }
        link.room = room
        let progress = link.handshake()
        #expect(progress == (.done, .done))
    }

    @Test("a write that finds no room says so, and goes on from other memory when there is some")
    func writeWithoutRoom() throws {
        var link = try established()
        // The answer to a KeyUpdate waits for the next write, and leaves before it.
        link.updateKeys(1, requested: true)
        link.clientWrite([9])
        let read = link.serverRead()
        #expect(read == .count(1))
        link.room = 0
        let text: [UInt8] = [4, 5]
        let blocked = link.stepServer { session in text.withUnsafeBytes { session.write($0) } }
        #expect(blocked == .needsOutput)
        link.room = 65_536
        let carried = link.carry(Array(text))
        #expect(carried == text)
    }

    // MARK: Floods

    @Test("64 records in a row without application data are borne, 65 are not", arguments: [63, 64, 65, 200])
    func keyUpdates(count: Int) throws {
        var link = try established()
        link.updateKeys(count)
        link.clientWrite([9])
        let progress = link.serverRead()
        #expect(progress == (count <= 64 ? .count(1) : .failed))
    }

    @Test("application data begins the count anew")
    func countRestarts() throws {
        var link = try established()
        for _ in 0..<4 {
            link.updateKeys(64)
            link.clientWrite([9])
            let progress = link.serverRead()
            #expect(progress == .count(1))
        }
    }

    @Test("the count goes on from one read to the next")
    func countAcrossReads() throws {
        var link = try established()
        for _ in 0..<13 {
            link.updateKeys(5)
            let progress = link.serverRead()
            #expect(progress == .needsInput)
        }
        link.updateKeys(1)
        let progress = link.serverRead()
        #expect(progress == .failed)
    }

    @Test(
        "CVE-2016-8610: warnings, empty records and change_cipher_spec without end finish the handshake, in bounds",
        arguments: [
            [21, 3, 3, 0, 2, 1, 90], [21, 3, 3, 0, 2, 1, 0xFF], [22, 3, 3, 0, 0], [23, 3, 3, 0, 0], [20, 3, 3, 0, 1, 1],
        ] as [[UInt8]], [false, true])
    func floodInHandshake(record: [UInt8], afterHello: Bool) throws {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        if afterHello {
            _ = link.stepClient { $0.handshake() }
            _ = link.stepServer { $0.handshake() }
        }
        for _ in 0..<1_000 { link.toServer += record }
        let given = link.toServer.count
        let progress = link.stepServer { $0.handshake() }
        #expect(progress == .failed)
        let consumed = given - link.toServer.count
        #expect(consumed <= 65 * record.count + 5)
    }

    // MARK: Renegotiation

    @Test("CVE-2011-1473, CVE-2021-3449: a renegotiation is refused, and costs no handshake")
    func renegotiation() throws {
        var link = try established(.tls12)
        link.toClient = []
        link.stepClient { session in
            SSL_renegotiate(session.ssl)
            _ = session.handshake()
        }
        let isAsked = !link.toServer.isEmpty
        #expect(isAsked)
        let progress = link.serverRead()
        #expect(progress == .needsInput || progress == .failed)
        // An alert (content type 21) and nothing else: no ServerHello.
        let isAlert = link.toClient.first == 21
        #expect(isAlert)
        let isShort = link.toClient.count < 64
        #expect(isShort)
        let count = SSL_ctrl(link.server.ssl, SSL_CTRL_GET_NUM_RENEGOTIATIONS, 0, nil)
        #expect(count == 0)
    }

    // MARK: ALPN

    private func negotiate(_ offer: [String]) throws -> (TLSSession.Progress, selected: [UInt8], reply: [UInt8]) {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        let list = offer.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !list.isEmpty { SSL_set_alpn_protos(link.client.ssl, list, UInt32(list.count)) }
        _ = link.stepClient { $0.handshake() }
        let first = link.stepServer { $0.handshake() }
        let reply = link.toClient
        guard first != .failed else { return (.failed, [], reply) }
        let (client, _) = link.handshake()
        var (data, count): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        SSL_get0_alpn_selected(link.client.ssl, &data, &count)
        return (client, Array(UnsafeBufferPointer(start: data, count: Int(count))), reply)
    }

    @Test(
        "ALPN: without an offer any client is welcome; pop3 is chosen wherever it stands",
        arguments: [
            ([], ""), (["pop3"], "pop3"), (["http/1.1", "pop3"], "pop3"), (["pop3", "imap"], "pop3"), (["pop", "pop3"], "pop3"),
        ] as [([String], String)])
    func offered(offer: [String], selected: String) throws {
        let result = try negotiate(offer)
        #expect(result.0 == .done)
        #expect(result.selected == Array(selected.utf8))
    }

    @Test(
        "ALPN: an offer without pop3 ends in no_application_protocol (RFC 7301; ALPACA)",
        arguments: [
            ["http/1.1"], ["h2", "http/1.1"], ["imap"], ["pop"], ["pop33"], ["POP3"], ["xpop3"],
        ])
    func misled(offer: [String]) throws {
        let result = try negotiate(offer)
        #expect(result.0 == .failed)
        #expect(result.reply == [21, 3, 3, 0, 2, 2, 120])
    }

    // MARK: What is spoken

    @Test(
        "TLS 1.2 is spoken with ephemeral keys and AEAD, and with nothing else",
        arguments: [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", true), ("ECDHE-ECDSA-AES256-GCM-SHA384", true),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
            ("ECDHE-ECDSA-AES128-SHA256", false), ("ECDHE-ECDSA-AES256-SHA", false), ("ECDHE-ECDSA-AES128-CCM", false),
        ])
    func ciphers(name: String, isSpoken: Bool) throws {
        guard var link = Link(try TLSContext.client(maximum: .tls12), try testServer(), piece: 65_536) else { throw NoSession() }
        try #require(SSL_set_cipher_list(link.client.ssl, name) == 1)
        let (client, server) = link.handshake()
        #expect((server == .done && client == .done) == isSpoken)
    }

    @Test("the server's order of ciphers rules, not the client's")
    func preference() throws {
        guard var link = Link(try TLSContext.client(), try testServer(), piece: 65_536) else { throw NoSession() }
        SSL_set_ciphersuites(link.client.ssl, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256")
        _ = link.handshake()
        let chosen = SSL_CIPHER_get_id(SSL_get_current_cipher(link.client.ssl)) & 0xFFFF
        #expect(chosen == 0x1301)
    }

    @Test("a key behind a pass phrase is refused; nobody is asked for the phrase")
    func passPhrase() throws {
        let key = try #require(testKey)
        let bio = copenssl_bio_copy(key.keyPEM, key.keyPEM.count)
        let plain = PEM_read_bio_PrivateKey(bio, nil, nil, nil)
        let out = BIO_new(BIO_s_mem())
        defer {
            BIO_free(bio)
            BIO_free(out)
            EVP_PKEY_free(plain)
        }
        let phrase = Array("phrase".utf8)
        #expect(PEM_write_bio_PrivateKey(out, plain, EVP_aes_128_cbc(), phrase, Int32(phrase.count), nil, nil) == 1)
        var data: UnsafeMutablePointer<CChar>?
        let count = copenssl_bio_data(out, &data)
        let sealed = Array(UnsafeRawBufferPointer(start: data, count: count))
        #expect { try TLSContext.server(certificatePEM: key.certificatePEM, keyPEM: sealed) } throws: {
            "\($0)".contains("private key")
        }
    }
}
