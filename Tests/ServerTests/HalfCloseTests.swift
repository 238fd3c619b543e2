// A client may send all that it has to say, close its direction, and read on. It gets every answer to a whole line,
// wherever that line lies when the end comes: in the input, in ciphertext that was kept, inside OpenSSL, or behind a
// held refusal.

import Testing

@testable import Server

@Suite("Half-close")
struct HalfCloseTests {
    private let logOn = ["USER user00001", "PASS secret"]
    /// `count` retrievals, with half a line behind them.
    private func retrievals(_ count: Int) -> String {
        (0..<count).map { "RETR \(1 + 2 * ($0 % 2))\r\n" }.joined() + "NOO"
    }

    private func sealed(_ text: String, cut: Int, _ client: SecureConversation) -> [UInt8] {
        var records: [UInt8] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            records += client.seal(String(rest.prefix(cut)))
            rest = rest.dropFirst(cut)
        }
        return records
    }

    @Test(
        "122 pipelined RETR, cut into records wherever: all are answered in TLS",
        arguments: [1, 7, 8, 9, 100, 487, 488, 489, 490, 491, 492, 493, 495, 500, 976, 979, 5000])
    func encrypted(cut: Int) throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        client.say(logOn)
        let records = sealed(retrievals(122), cut: cut, client)
        client.clear.hasEnded = true
        client.deliver(records)
        #expect(client.read().endedReplies == 122)
        #expect(client.isClosed)
    }

    @Test("ciphertext that comes octet by octet, and a socket that takes little", arguments: [61 * 8 + 3, 1000])
    func slowly(cut: Int) throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        client.say(logOn)
        client.clear.sendOctets = 1000
        let records = sealed(retrievals(122), cut: cut, client)
        client.segment = 97
        client.deliver(records)
        #expect((client.read() + client.halfClose()).endedReplies == 122)
        #expect(client.isClosed)
    }

    @Test("the end may come at every octet of the ciphertext: what had come whole is answered")
    func everyCut() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let lines = (logOn + ["LIST", "RETR 1", "RETR 2", "STAT"]).map { $0 + "\r\n" }
        var length = 0
        for kept in 1...400 {
            let client = try SecureConversation(bench, encrypted: true)
            try #require(client.handshake())
            _ = client.read()
            let records = lines.map { client.seal($0) }
            length = records.reduce(0) { $0 + $1.count }
            client.clear.hasEnded = true
            client.deliver(Array(records.joined().prefix(kept)))
            var end = 0
            let whole = records.prefix { record in
                end += record.count
                return end <= kept
            }
            let answered = client.read().split(separator: "\r\n").filter { $0.hasPrefix("+OK") }.count
            #expect(answered == whole.count, "\(kept) octets of \(length)")
            #expect(client.isClosed)
        }
        #expect(length <= 400)
    }

    @Test(
        "122 pipelined RETR are answered in the clear, in one segment and in single octets", arguments: [false, true])
    func clear(isSlow: Bool) throws {
        let client = try Bench().connect()
        client.say(logOn)
        client.isSlow = isSlow
        let answer = client.send(retrievals(122))
        #expect((answer + String(decoding: client.halfClose(), as: UTF8.self)).endedReplies == 122)
        #expect(client.isClosed)
    }

    @Test(
        "a refusal that is held back, and what is pipelined behind it, come before the end", arguments: [false, true])
    func held(encrypted: Bool) throws {
        var setting = Setting()
        setting.limits.failureDelayMs = 10
        let bench = try Bench(setting, tls: try TestTLS.context())
        let text = "USER user00001\r\nPASS wrong\r\nUSER user00001\r\nPASS secret\r\n" + retrievals(70)
        if encrypted {
            let client = try SecureConversation(bench, encrypted: true)
            try #require(client.handshake())
            _ = client.read()
            let records = sealed(text, cut: 50, client)
            client.clear.hasEnded = true
            client.deliver(records)
            #expect(!client.isClosed)
            #expect((client.read() + client.wait(untilNs: 10_000_001)).endedReplies == 70)
            #expect(client.isClosed)
        } else {
            let client = bench.connect()
            client.hasEnded = true
            client.send(text)
            #expect(!client.isClosed)
            #expect(client.wait(untilNs: 10_000_001).endedReplies == 70)
            #expect(client.isClosed)
        }
    }

    @Test("close_notify behind the last command ends the session after the last answer")
    func closeNotify() throws {
        let bench = try Bench(tls: try TestTLS.context())
        let client = try SecureConversation(bench, encrypted: true)
        try #require(client.handshake())
        _ = client.read()
        client.say(logOn)
        client.deliver(sealed(retrievals(122), cut: 491, client) + client.goodbye())
        #expect(client.read().endedReplies == 122)
        #expect(client.isClosed)
    }

    @Test("the end behind STLS closes once its answer has gone out")
    func startTLS() throws {
        let client = try Bench(tls: try TestTLS.context()).connect()
        client.hasEnded = true
        #expect(client.say("STLS") == "+OK Begin TLS negotiation\r\n")
        #expect(client.isClosed)
    }
}

extension String {
    /// Lines that end a multi-line reply.
    fileprivate var endedReplies: Int { split(separator: "\r\n").filter { $0 == "." }.count }
}
