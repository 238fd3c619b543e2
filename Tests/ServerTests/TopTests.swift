// TOP counts body lines exactly (RFC 1939, section 7), and what it sends is a beginning of what RETR sends, stuffed dots
// included; both are right wherever the boundaries of records and of writes fall.

import Testing

@testable import Server

@Suite("TOP and stuffed dots")
struct TopTests {
    /// A message as RETR gives it: the header with its blank line, and the lines of the body, each with its CRLF.
    private func message(_ client: Conversation, _ number: Int, octets: Int) throws -> (header: String, body: [String]) {
        let reply = Array(client.say("RETR \(number)").utf8)
        let status = "+OK \(octets) octets\r\n"
        try #require(reply.starts(with: status.utf8))
        var lines: [String] = []
        var line: [UInt8] = []
        for octet in reply.dropFirst(status.utf8.count) {
            line.append(octet)
            guard octet == 10 else { continue }
            lines.append(String(decoding: line, as: UTF8.self))
            line = []
        }
        try #require(line.isEmpty && lines.last == ".\r\n")
        lines.removeLast()
        let blank = try #require(lines.firstIndex(of: "\r\n"))
        return (lines[...blank].joined(), Array(lines[(blank + 1)...]))
    }

    @Test(
        "TOP gives the header and exactly n lines, for every n up to the end and past it",
        arguments: [64, 100, 300, 3000, 20_000])
    func everyCount(octets: Int) throws {
        var setting = Setting()
        setting.bytes = octets
        let client = try Bench(setting).connect()
        client.say(["USER user00001", "PASS secret"])
        for number in 1...3 {
            let (header, body) = try message(client, number, octets: octets)
            for count in 0...body.count + 2 {
                let expected = "+OK\r\n" + header + body.prefix(count).joined() + ".\r\n"
                #expect(client.say("TOP \(number) \(count)") == expected, "\(count) lines of \(number)")
            }
        }
    }

    @Test("lines that begin with a dot are stuffed once, and the size is that before stuffing")
    func stuffing() throws {
        var setting = Setting()
        setting.bytes = 3000
        let client = try Bench(setting).connect()
        client.say(["USER user00001", "PASS secret"])
        let (header, body) = try message(client, 1, octets: 3000)
        let stuffed = body.filter { $0.hasPrefix(".") }
        #expect(!stuffed.isEmpty && stuffed.allSatisfy { $0.hasPrefix("..") && !$0.hasPrefix("...") })
        let octets = header.utf8.count + body.reduce(0) { $0 + $1.utf8.count } - stuffed.count
        #expect(octets == 3000)
    }

    @Test("under TLS, where messages are cut into records, the same octets come as in the clear", arguments: 0..<40)
    func records(step: Int) throws {
        // The ends of records and of the chunk of ciphertext move over the lines, and so over their stuffed dots.
        var setting = Setting()
        setting.bytes = 16_384 - 60 + step * 3
        let bench = try Bench(setting, tls: try TestTLS.context())
        let clear = bench.connect()
        clear.say(["USER user00001", "PASS secret"])
        let expected = clear.send("RETR 1\r\nTOP 2 180\r\nRETR 3\r\nQUIT\r\n")
        let secure = try SecureConversation(bench, encrypted: true)
        try #require(secure.handshake())
        _ = secure.read()
        secure.say(["USER user00001", "PASS secret"])
        #expect(secure.send("RETR 1\r\nTOP 2 180\r\nRETR 3\r\nQUIT\r\n") == expected)
    }
}
