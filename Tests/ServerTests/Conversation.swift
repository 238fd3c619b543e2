// Drives one connection in process, without a descriptor, the way a worker does: what the client sends waits as in a socket
// until the connection wants it; what it answers is sent at once; STLS begins TLS when its answer has gone out.

import Accounts
import Administration
import Certificates
import Glibc
import Maildrop
import NTLM
import POP3
import PoplarCore
import TLS

@testable import Server

struct Setting {
    var methods = MethodSwitches.all
    var limits = Limits.quickForm
    var users = 4
    var messages = 3
    var bytes = 300
    var deleted = DeletionPolicy.restore
    var level = CompatibilityLevel.level5
    var behaviour = ServerBehaviour()

    func snapshot(tls: TLSContext? = nil) throws -> Snapshot {
        let names = ServerNames(netBIOSComputer: "POPLAR", netBIOSDomain: "POPLAR")
        guard let accounts = AccountTable.population(users: users),
            let population = Population.make(
                mailboxes: users * 2, messages: PopulationMix(always: messages), octets: PopulationMix(always: bytes),
                policy: deleted)
        else { throw ConversationError() }
        return Snapshot(
            methods: methods, limits: limits, accounts: accounts,
            population: population,
            ntlm: try NTLM.ServerSettings(names: names, level: level), tls: tls, behaviour: behaviour)
    }
}

struct ConversationError: Error {}

/// A server's context with a certificate of its own, made once.
enum TestTLS {
    private static let key = try? SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost"], days: 1)

    static func context(maximum: TLSVersion = .tls13) throws -> TLSContext {
        guard let key else { throw ConversationError() }
        return try TLSContext.server(
            certificatePEM: key.certificatePEM, keyPEM: key.keyPEM, maximum: maximum, tickets: try TicketKeys())
    }
}

/// The connections of one worker, in process.
final class Bench {
    var resources: Resources

    init(
        _ setting: Setting = Setting(), tls: TLSContext? = nil, connections: Int = 16, events: consuming EventLog = EventLog()
    ) throws {
        resources = Resources(try setting.snapshot(tls: tls), connections: connections, nowNs: 1, events: events)
    }

    func connect() -> Conversation { Conversation(self) }

    /// A whole session as one text: each line ends in CRLF on the wire.
    func session(_ lines: String...) -> String { connect().say(lines) }

    /// Chunks that connections hold: input, output, ciphertext, names, exchanges, marks.
    var borrowed: [Int] {
        [
            resources.inputPool.borrowed, resources.outputPool.borrowed, resources.cipherPool.borrowed,
            resources.namePool.borrowed, resources.shortNamePool.borrowed, resources.exchangePool.borrowed,
            resources.markPool.borrowed,
        ]
    }

    static let nothing = [0, 0, 0, 0, 0, 0, 0]
}

final class Conversation {
    let bench: Bench
    var connection: Connection
    /// Writes that the last `send` took.
    var writes = 0
    /// Sends each octet as a segment of its own.
    var isSlow = false
    /// The client has half-closed: what is in the socket is all there will be.
    var hasEnded = false
    /// Turns that the last `exchange` or `wait` took.
    private(set) var turns = 0
    /// Octets that the socket takes of what the connection hands it at a time.
    var sendOctets = Int.max
    /// Everything that has come, the greeting first; on an encrypted connection the ciphertext.
    var received = ""
    /// What the client has sent and the connection has not read: its socket.
    private var socket: [UInt8] = []
    private var socketStart = 0

    /// `encrypted`: TLS from the first octet.
    init(_ bench: Bench, encrypted: Bool = false) {
        self.bench = bench
        var cipher: Cipher?
        if encrypted, let tls = bench.resources.snapshot.tls, let session = TLSSession(tls, pump: bench.resources.pump) {
            cipher = Cipher(session, channelBinding: bench.resources.channelBinding)
        }
        connection = Connection(cipher: cipher, nowNs: bench.resources.nowNs)
        connection.open(&bench.resources)
        received = String(decoding: flush(), as: UTF8.self)
    }

    deinit { connection.end(&bench.resources) }

    var isClosed: Bool { connection.isClosing }
    /// Octets that wait in the socket.
    var unread: Int { socket.count - socketStart }

    /// Sends lines one by one; returns what came back in all.
    @discardableResult
    func say(_ lines: [String]) -> String { lines.map { send($0 + "\r\n") }.joined() }

    @discardableResult
    func say(_ line: String) -> String { send(line + "\r\n") }

    /// Sends octets as one segment.
    @discardableResult
    func send(_ text: String) -> String { send(Array(text.utf8)) }

    @discardableResult
    func send(_ octets: [UInt8]) -> String {
        let answer = isSlow ? octets.flatMap { exchange([$0]) } : exchange(octets)
        let output = String(decoding: answer, as: UTF8.self)
        received += output
        return output
    }

    /// Sends octets as one segment; returns the answer as octets.
    func exchange(_ octets: [UInt8]) -> [UInt8] {
        writes = 0
        if unread == 0 {
            socket = octets
            socketStart = 0
        } else {
            socket += octets
        }
        return turn()
    }

    /// The clock has come to `nowNs`: a refusal that was held back until then is let go.
    @discardableResult
    func wait(untilNs nowNs: UInt64) -> String {
        let output = String(decoding: pass(untilNs: nowNs), as: UTF8.self)
        received += output
        return output
    }

    fileprivate func pass(untilNs nowNs: UInt64) -> [UInt8] {
        bench.resources.nowNs = nowNs
        if connection.held != nil, connection.heldUntilNs <= nowNs { connection.releaseHeld(&bench.resources) }
        return turn()
    }

    /// The client half-closes: it gets what it is still owed.
    func halfClose() -> [UInt8] {
        hasEnded = true
        return turn()
    }

    /// Reads, answers and sends until nothing is left to do, in as many turns as the bound on work asks for.
    private func turn() -> [UInt8] {
        turns = 0
        var output = flush()
        while !connection.isClosing {
            turns += 1
            bench.resources.beginTurn()
            let isRead = read()
            if hasEnded, unread == 0 { connection.inputEnded() }
            let sent = flush()
            output += sent
            if connection.startsTLS { beginTLS() }
            guard !connection.isClosing, isRead || !sent.isEmpty || connection.hasMore() else { break }
            if connection.hasMore() { connection.resume(&bench.resources) }
        }
        return output + flush()
    }

    private func read() -> Bool {
        guard unread > 0, connection.wantsInput else { return false }
        if connection.isEncrypted {
            let count = min(unread, bench.resources.scratch.count)
            socket[socketStart..<socketStart + count].withUnsafeBytes {
                connection.receiveCiphertext($0, &bench.resources)
            }
            socketStart += count
            return true
        }
        guard let room = connection.inputRoom(&bench.resources) else { return false }
        let count = min(room.count, unread)
        socket[socketStart..<socketStart + count].withUnsafeBytes { room.copyMemory(from: $0) }
        socketStart += count
        connection.didReceive(count, &bench.resources)
        connection.process(&bench.resources)
        return true
    }

    private func beginTLS() {
        guard let tls = bench.resources.snapshot.tls, let session = TLSSession(tls, pump: bench.resources.pump) else {
            return connection.close()
        }
        let cipher = Cipher(session, channelBinding: bench.resources.channelBinding, isImplicit: false)
        connection.beginTLS(cipher, &bench.resources)
    }

    private func flush() -> [UInt8] {
        var octets: [UInt8] = []
        while let outgoing = connection.outgoing(&bench.resources), outgoing.total > 0 {
            let end = octets.count + min(outgoing.total, sendOctets)
            switch outgoing {
            case .block(let bytes): octets += bytes.prefix(end - octets.count)
            case .parts(let start, let count, _):
                for index in 0..<count {
                    let part = UnsafeRawBufferPointer(start: start[index].iov_base, count: start[index].iov_len)
                    octets += part.prefix(end - octets.count)
                }
            }
            writes += 1
            connection.didSend(min(outgoing.total, sendOctets), &bench.resources)
        }
        return octets
    }
}

/// A TLS client on top of a conversation.
final class SecureConversation {
    let clear: Conversation
    private let pump = TLSPump()
    private var client: TLSSession
    private var toClient: [UInt8]

    /// With `encrypted` from the first octet; otherwise STLS is said first.
    init(_ bench: Bench, encrypted: Bool = false) throws {
        clear = Conversation(bench, encrypted: encrypted)
        guard let client = TLSSession(try TLSContext.client(), pump: pump) else { throw ConversationError() }
        self.client = client
        toClient = []
    }

    var isClosed: Bool { clear.isClosed }

    /// Octets of ciphertext that arrive at the server in one segment.
    var segment = Int.max

    /// Hands ciphertext to the server, in segments; its answer is kept for `read`.
    func deliver(_ octets: [UInt8]) {
        var start = 0
        while start < octets.count {
            let end = start + min(segment, octets.count - start)
            toClient += clear.exchange(Array(octets[start..<end]))
            start = end
        }
    }

    /// The client closes the TCP connection in its direction, without a word of TLS.
    func halfClose() -> String {
        toClient += clear.halfClose()
        return read()
    }

    /// True: TLS stands.
    func handshake() -> Bool {
        for _ in 0..<8 {
            let (progress, octets) = step { $0.handshake() }
            deliver(octets)
            if progress != .needsInput { return progress == .done }
        }
        return false
    }

    func seal(_ text: String) -> [UInt8] {
        step { session in Array(text.utf8).withUnsafeBytes { _ = session.write($0) } }.1
    }

    /// The record that ends TLS in order.
    func goodbye() -> [UInt8] { step { $0.close() }.1 }

    @discardableResult
    func say(_ line: String) -> String { send(line + "\r\n") }

    @discardableResult
    func say(_ lines: [String]) -> String { lines.map { say($0) }.joined() }

    @discardableResult
    func send(_ text: String) -> String {
        deliver(seal(text))
        return read()
    }

    func wait(untilNs nowNs: UInt64) -> String {
        toClient += clear.pass(untilNs: nowNs)
        return read()
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
}
