// A server that has to show in SCRAM that it knows the password (RFC 5802, section 3), and does not: the session ends there as a
// protocol error, and no further method tells that server the password.

import Digest
import PoplarCore
import Telemetry
import Testing

@testable import LoadGenerator
@testable import Workload

/// The server's side of one exchange with user00002, whose password is "secret".
private struct ScramServer {
    /// What the client said first, without its header.
    private let bare: String
    private let serverFirst: String

    private static let salt: [UInt8] = Array("sixteen octets!!".utf8)

    /// Answers `AUTH SCRAM-SHA-256 <client-first>`.
    init(answering command: String) throws {
        let message = try #require(text(base64: String(command.split(separator: " ").last ?? "")))
        try #require(message.hasPrefix("n,,n=user00002,r="))
        bare = String(message.dropFirst(3))
        let nonce = String(try #require(message.split(separator: ",").last).dropFirst(2))
        serverFirst = "r=\(nonce)andmore,s=\(base64(Self.salt)),i=4096"
    }

    var challenge: String { "+ \(base64(Array(serverFirst.utf8)))\r\n" }

    /// The signature over what was said, by RFC 5802, section 3; `password` is what the server takes for the user's.
    func signature(_ clientFinal: String, password: String = "secret") throws -> String {
        let message = try #require(text(base64: clientFinal))
        let whole = "\(bare),\(serverFirst),\(try #require(message.split(separator: ",p=").first))"
        let made = SCRAMClientKeys(password: Array(password.utf8).span, salt: Self.salt.span, iterations: 4096)
        var state = HMACSHA256(key: try #require(made).serverKey)
        state.update(Array(whole.utf8).span)
        let digest = state.finalize().withSpan { span in (0..<span.count).map { span[$0] } }
        return base64(digest)
    }
}

private func base64(_ octets: [UInt8]) -> String {
    let letters = [UInt8](unsafeUninitializedCapacity: Base64.encodedCount(octets.count)) { memory, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
        octets.withUnsafeBytes { Base64.encode($0, into: &writer) }
        count = writer.count
    }
    return String(decoding: letters, as: UTF8.self)
}

private func text(base64 letters: String) -> String? {
    var isWhole = false
    let octets = [UInt8](unsafeUninitializedCapacity: letters.utf8.count + 1) { memory, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
        isWhole = Base64.decode(Array(letters.utf8).span, into: &writer)
        count = writer.count
    }
    return isWhole ? String(decoding: octets, as: UTF8.self) : nil
}

@Suite struct ServerSignatureTests {
    /// A dialogue up to the client's proof. MailKit, after a greeting without a timestamp, tries SCRAM first of the mechanisms
    /// listed, and has NTLM, CRAM-MD5, PLAIN, LOGIN and USER behind it.
    private func proven(_ persona: String) throws -> (told: Conversation, server: ScramServer, clientFinal: String) {
        let text = """
            name: scram
            rate: 1
            phases: [{name: a, duration: 1s}]
            clients: [{persona: \(persona)}]
            mailbox_work: [{name: check}]
            server: {methods: [basic, ntlm, cram-md5, scram-sha-256]}

            """
        let script = try ProfileLoader.load(text: text, file: "scram.yaml").scripts.rows[0]
        let capa = "+OK\r\nUSER\r\nSASL SCRAM-SHA-256 CRAM-MD5 NTLM PLAIN LOGIN\r\n.\r\n"
        let told = Conversation.run(script, replies: ["CAPA": [capa]])
        let first = try #require(told.commands.last)
        try #require(first.hasPrefix("AUTH SCRAM-SHA-256 "))
        let server = try ScramServer(answering: first)
        told.receive(Array(server.challenge.utf8))
        return (told, server, try #require(told.commands.last))
    }

    /// The server's last message, and the success behind the client's empty answer.
    private func say(_ message: String, to told: Conversation) {
        told.receive(Array("+ \(base64(Array(message.utf8)))\r\n".utf8))
        if !told.machine.isOver { told.receive(Array("+OK logged on\r\n".utf8)) }
    }

    @Test func `a server that shows that it knows the password is believed`() throws {
        let (told, server, clientFinal) = try proven("scram-sha-256")
        say("v=\(try server.signature(clientFinal))", to: told)
        #expect(told.events.last == "auth scram_sha_256")
        #expect(told.commands.last == "STAT")
    }

    @Test(arguments: ["scram-sha-256", "mailkit"])
    func `a wrong signature, be it that of another password, is a protocol error, and nothing more is said`(persona: String)
        throws
    {
        let other = try proven(persona)
        let zero = base64([UInt8](repeating: 0, count: 32))
        for signature in [zero, try other.server.signature(other.clientFinal, password: "Secret")] {
            let (told, _, clientFinal) = try proven(persona)
            #expect(clientFinal == other.clientFinal)
            say("v=\(signature)", to: told)
            #expect(told.events.suffix(2) == ["auth scram_sha_256: protocol", "failed protocol"])
            #expect(told.commands.last == clientFinal)
            #expect(told.events.filter { $0.hasPrefix("failed") }.count == 1)
        }
    }

    @Test(arguments: ["scram-sha-256", "mailkit"])
    func `a success without a signature is a protocol error too`(persona: String) throws {
        let (told, _, clientFinal) = try proven(persona)
        told.receive(Array("+OK logged on\r\n".utf8))
        #expect(told.events.suffix(2) == ["auth scram_sha_256: protocol", "failed protocol"])
        #expect(told.commands.last == clientFinal)
    }

    @Test func `a refusal instead of a signature is a refusal: the session fails as a logon does`() throws {
        let (told, _, _) = try proven("scram-sha-256")
        told.receive(Array("-ERR [AUTH] no\r\n".utf8))
        #expect(told.events.suffix(1) == ["auth scram_sha_256: auth"])
        #expect(told.commands.last == "QUIT")
    }
}
