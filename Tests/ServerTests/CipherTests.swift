// An encrypted connection in process, from its first octet and from the middle: what leaves in which write, what a dead
// session still sends, and that an end without QUIT is no QUIT.

import Certificates
import Glibc
import Maildrop
import PoplarCore
import TLS
import Testing

@testable import Server

/// A TLS client at one connection of a worker.
private final class SealedConversation {
    var resources: Resources
    var connection: Connection
    let pump: TLSPump
    var client: TLSSession
    /// What the server has written and the client has not read yet.
    var toClient: [UInt8] = []
    /// Writes of the server since the last time that this was set to 0.
    var writes = 0

    /// `midway`: the connection begins in the clear, as before STLS.
    init(_ key: CertifiedKey, _ setting: Setting = Setting(), midway: Bool = false, maximum: TLSVersion = .tls13) throws {
        let tls = try TLSContext.server(
            certificatePEM: key.certificatePEM, keyPEM: key.keyPEM, maximum: maximum, tickets: try TicketKeys())
        resources = Resources(try setting.snapshot(tls: tls), connections: 16, nowNs: 1)
        let pump = TLSPump()
        guard let server = TLSSession(tls, pump: resources.pump), let client = TLSSession(try TLSContext.client(), pump: pump)
        else { throw ConversationError() }
        self.client = client
        self.pump = pump
        connection = Connection(cipher: midway ? nil : Cipher(server, channelBinding: nil), nowNs: resources.nowNs)
        connection.open(&resources)
    }

    deinit { connection.end(&resources) }

    var isClosing: Bool { connection.isClosing }
    var isCipherBusy: Bool { connection.isCipherBusy }
    var pending: Int? { connection.outgoing(&resources)?.total }

    /// Runs `body` on the client with all that has come lent; returns what it wrote.
    private func step<Result>(_ body: (inout TLSSession) -> Result) -> (Result, [UInt8]) {
        var room = [UInt8](repeating: 0, count: 65_536)
        let input = toClient
        return input.withUnsafeBytes { bytes in
            room.withUnsafeMutableBytes { target in
                pump.lendInput(bytes)
                pump.lendOutput(target)
                let result = body(&client)
                toClient.removeFirst(toClient.count - pump.inputLeft)
                let written = Array(target[0..<pump.outputCount])
                pump.end()
                return (result, written)
            }
        }
    }

    /// Hands ciphertext to the server, and collects its answer as the worker would.
    func deliver(_ octets: [UInt8]) {
        resources.beginTurn()
        octets.withUnsafeBytes { connection.receiveCiphertext($0, &resources) }
        collect()
    }

    func collect() {
        for _ in 0..<64 {
            while let outgoing = connection.outgoing(&resources), outgoing.total > 0 {
                switch outgoing {
                case .block(let bytes): toClient += bytes
                case .parts(let start, let count, _):
                    for index in 0..<count {
                        toClient += UnsafeRawBufferPointer(start: start[index].iov_base, count: start[index].iov_len)
                    }
                }
                writes += 1
                connection.didSend(outgoing.total, &resources)
            }
            guard connection.hasMore(), !connection.isClosing else { return }
            resources.beginTurn()
            connection.resume(&resources)
        }
    }

    func handshake() -> TLSSession.Progress {
        for _ in 0..<8 {
            let (progress, octets) = step { $0.handshake() }
            if !octets.isEmpty { deliver(octets) }
            if progress != .needsInput { return progress }
        }
        return .needsInput
    }

    /// All plaintext that has come.
    func read() -> String {
        var text: [UInt8] = []
        while true {
            let (some, _) = step { session -> [UInt8] in
                var room = [UInt8](repeating: 0, count: 16_384)
                guard case .count(let count) = room.withUnsafeMutableBytes({ session.read(into: $0) }) else { return [] }
                return Array(room[0..<count])
            }
            if some.isEmpty { return String(decoding: text, as: UTF8.self) }
            text += some
        }
    }

    func seal(_ text: String) -> [UInt8] {
        step { session in Array(text.utf8).withUnsafeBytes { _ = session.write($0) } }.1
    }

    func say(_ text: String) -> String {
        deliver(seal(text))
        return read()
    }
}

@Suite("Encrypted connections")
struct CipherTests {
    private let key: CertifiedKey

    init() throws {
        key = try SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost"], days: 1)
    }

    @Test("the greeting leaves in one write with the end of the handshake", arguments: [TLSVersion.tls12, .tls13])
    func greeting(version: TLSVersion) throws {
        let conversation = try SealedConversation(key, maximum: version)
        #expect(conversation.handshake() == .done)
        #expect(conversation.writes == 2)
        #expect(conversation.read().hasPrefix("+OK"))
        #expect(conversation.writes == 2)
        let hasTicket =
            switch conversation.client.resumption() {
            case .some: true
            case .none: false
            }
        #expect(hasTicket)
    }

    @Test("an idle connection holds no chunk of ciphertext")
    func idle() throws {
        let conversation = try SealedConversation(key)
        _ = conversation.handshake()
        _ = conversation.say("USER user00000\r\n")
        #expect(!conversation.isCipherBusy)
        #expect(conversation.pending == 0)
    }

    @Test("a handshake that fails is answered by an alert, and then the connection ends")
    func alertOfHandshake() throws {
        let conversation = try SealedConversation(key)
        conversation.deliver([22, 3, 1, 0, 4, 9, 0, 0, 0])
        #expect(conversation.toClient.first == 21)
        #expect(conversation.toClient.count == 7)
        #expect(conversation.isClosing)
    }

    @Test(
        "a record that was tampered with is answered by an alert, and nothing behind it", arguments: [TLSVersion.tls12, .tls13])
    func alertOfRecord(version: TLSVersion) throws {
        let conversation = try SealedConversation(key, maximum: version)
        _ = conversation.handshake()
        _ = conversation.read()
        // The reply that was owed to CAPA is not sent either: the session is dead.
        let sound = conversation.seal("CAPA\r\n")
        var record = conversation.seal("QUIT\r\n")
        record[record.count - 1] ^= 1
        conversation.deliver(sound + record)
        #expect(conversation.isClosing)
        #expect(!conversation.toClient.isEmpty)
        #expect(conversation.toClient.count < 64)
    }

    @Test("more than 64 records without application data end the connection")
    func flood() throws {
        let conversation = try SealedConversation(key)
        conversation.deliver((0..<100).flatMap { _ in [20, 3, 3, 0, 1, 1] as [UInt8] })
        #expect(conversation.isClosing)
    }

    @Test("an end without close_notify is no QUIT: what was marked stays, and half a line is not taken", arguments: ["", "QUIT"])
    func truncation(rest: String) throws {
        var setting = Setting()
        setting.deleted = .gone
        let conversation = try SealedConversation(key, setting)
        _ = conversation.handshake()
        _ = conversation.say("USER user00000\r\nPASS secret\r\n")
        #expect(conversation.say("DELE 1\r\n").contains("+OK"))
        if !rest.isEmpty { #expect(conversation.say(rest).isEmpty) }
        // The worker's end of stream.
        conversation.connection.close()
        conversation.collect()
        conversation.connection.end(&conversation.resources)
        conversation.connection = Connection(cipher: nil, nowNs: conversation.resources.nowNs)
        conversation.connection.open(&conversation.resources)
        let clear = clearSession(conversation, "USER user00000\r\nPASS secret\r\nSTAT\r\n")
        #expect(clear.contains("+OK 3 "))
    }

    private func clearSession(_ conversation: SealedConversation, _ text: String) -> String {
        conversation.toClient = []
        guard let room = conversation.connection.inputRoom(&conversation.resources) else { return "" }
        Array(text.utf8).withUnsafeBytes { room.copyMemory(from: $0) }
        conversation.connection.didReceive(text.utf8.count, &conversation.resources)
        conversation.connection.process(&conversation.resources)
        conversation.collect()
        return String(decoding: conversation.toClient, as: UTF8.self)
    }

    @Test("a connection that began in the clear goes on under TLS without a second greeting")
    func midway() throws {
        let conversation = try SealedConversation(key, midway: true)
        conversation.collect()
        #expect(String(decoding: conversation.toClient, as: UTF8.self).hasPrefix("+OK"))
        conversation.toClient = []
        guard let tls = conversation.resources.snapshot.tls,
            let session = TLSSession(tls, pump: conversation.resources.pump)
        else { throw ConversationError() }
        conversation.connection.cipher = Cipher(session, channelBinding: nil, isImplicit: false)
        #expect(conversation.handshake() == .done)
        #expect(conversation.read().isEmpty)
        #expect(conversation.say("USER user00000\r\nPASS secret\r\n").contains("+OK"))
        #expect(conversation.say("STAT\r\n").hasPrefix("+OK 3 "))
    }

    @Test("a certificate larger than the room for ciphertext is sent in parts")
    func largeCertificate() throws {
        let names = (0..<1_600).map { "DNS:a-name-of-some-length-\($0).example.org" }
        let large = try SelfSigned.make(commonName: "localhost", alternativeNames: names, days: 1)
        let conversation = try SealedConversation(large)
        #expect(conversation.handshake() == .done)
        #expect(conversation.read().hasPrefix("+OK"))
    }
}
