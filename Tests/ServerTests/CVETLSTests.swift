// Weaknesses of other servers' TLS connections before and within the handshake, as a server's connection meets them.

import PoplarCore
import TLS
import Testing

@testable import Server

@Suite("TLS connections that broke other servers")
struct CVETLSTests {
    private let context: TLSContext

    init() throws { context = try TestTLS.context() }

    /// A genuine client's first flight.
    private func clientHello(_ hostName: String? = nil) throws -> [UInt8] {
        let pump = TLSPump()
        let peer = try hostName.map { name throws(TLSError) in try TLSPeer(name: name) }
        guard var client = TLSSession(try TLSContext.client(), pump: pump, peer: peer) else { throw ConversationError() }
        var room = [UInt8](repeating: 0, count: 16_384)
        let count = room.withUnsafeMutableBytes { target in
            pump.lendInput(UnsafeRawBufferPointer(start: nil, count: 0))
            pump.lendOutput(target)
            _ = client.handshake()
            defer { pump.end() }
            return pump.outputCount
        }
        return Array(room[..<count])
    }

    @Test("CVE-2014-3430: a handshake left at any octet has its deadline, and good clients are served beside it (Dovecot)")
    func unfinished() throws {
        let hello = try clientHello()
        let bench = try Bench(tls: context, connections: 1_100)
        var half: [Conversation] = []
        for number in 0..<1_000 {
            let client = Conversation(bench, encrypted: true)
            client.send(Array(hello[..<(number * hello.count / 1_000)]))
            half.append(client)
        }
        do {
            let good = try SecureConversation(bench, encrypted: true)
            #expect(good.handshake())
            #expect(good.read().hasPrefix("+OK"))
            #expect(good.say(["USER user00001", "PASS secret", "STAT"]).hasSuffix("+OK 3 900\r\n"))
        }
        let limits = bench.resources.snapshot.limits
        let expected = 1 + UInt64(limits.handshakeMs) * 1_000_000
        for client in half {
            let deadline = client.connection.deadline(limits, isBlocked: false)
            #expect(!client.isClosed && deadline.phase == .handshake && deadline.atNs == expected)
        }
        half = []
        #expect(bench.borrowed == Bench.nothing)
    }

    @Test("CVE-2015-3420: what is no handshake is answered by an alert at the most, and ends the connection (Dovecot)")
    func noHandshake() throws {
        let bench = try Bench(tls: context)
        let hello = try clientHello()
        var old = hello
        // The record says SSL 3.0, and so does the greeting within, which offers no newer version then.
        old[2] = 0
        old[9] = 3
        old[10] = 0
        let inputs: [[UInt8]] = [
            Array("USER user00001\r\nPASS secret\r\n".utf8), Array("GET / HTTP/1.1\r\n\r\n".utf8), [21, 3, 1, 0, 2, 2, 40],
            [0x80, 0x2E, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10] + [UInt8](repeating: 0, count: 37), old,
            [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xFF, count: 64),
            [23, 3, 3, 0, 5, 1, 2, 3, 4, 5], hello + [21, 3, 3, 0, 2, 2, 40],
        ]
        for input in inputs {
            let client = Conversation(bench, encrypted: true)
            let answer = client.exchange(input)
            #expect(client.isClosed, "\(input.prefix(12))")
            #expect(!String(decoding: answer, as: UTF8.self).contains("+OK"))
            #expect(client.exchange(hello).isEmpty)
        }
        #expect(bench.borrowed == Bench.nothing)
        let good = try SecureConversation(bench, encrypted: true)
        #expect(good.handshake())
    }

    @Test("CVE-2017-15130: any number of server names that nobody has keeps no memory (Dovecot)")
    func serverNames() throws {
        let bench = try Bench(tls: context)
        for number in 0..<500 {
            let client = Conversation(bench, encrypted: true)
            let answer = client.exchange(try clientHello("name-\(number * 7919).example.org"))
            // A handshake record: the name does not matter.
            guard answer.first == 22, !client.isClosed else {
                Issue.record("the name \(number) is refused")
                return
            }
        }
        #expect(bench.borrowed == Bench.nothing)
        #expect(bench.resources.cipherPool.allocated == 1)
    }
}
