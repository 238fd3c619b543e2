// The fixed replies hold to what clients make of them, and the command parser to its grammar at every cut.

import POP3
import PoplarCore
import Testing

@Suite("Server replies")
struct ServerReplyTests {
    private func text(_ reply: ServerReply, _ personality: Personality) -> String {
        let line = reply.line(personality)
        return String(decoding: UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount), as: UTF8.self)
    }

    @Test(
        "each is one line of ASCII below 512 octets that says yes or no", arguments: ServerReply.allCases, Personality.allCases)
    func form(reply: ServerReply, personality: Personality) {
        let line = text(reply, personality)
        #expect(line.hasPrefix("+OK") || line.hasPrefix("-ERR "))
        #expect(line.hasSuffix("\r\n") && line.utf8.count <= ProtocolLimits.replyLineBytes)
        #expect(line.utf8.dropLast(2).allSatisfy { $0 >= 32 && $0 < 127 })
    }

    @Test("the answer is yes in one personality where it is in the other", arguments: ServerReply.allCases)
    func sameStatus(reply: ServerReply) {
        #expect(text(reply, .modern).hasPrefix("+OK") == text(reply, .exchange55).hasPrefix("+OK"))
    }

    @Test("Exchange's texts have no response codes", arguments: ServerReply.allCases)
    func noCodes(reply: ServerReply) {
        #expect(!text(reply, .exchange55).contains("["))
    }

    @Test(
        "no refusal can be taken for success or for a busy mailbox by fetchmail", arguments: ServerReply.allCases,
        Personality.allCases)
    func refusals(reply: ServerReply, personality: Personality) {
        let line = text(reply, personality)
        guard line.hasPrefix("-ERR") else { return }
        #expect(!line.contains("OK"))
        let busy = ["lock", "Lock", "LOCK", "wait", "Wait", "[IN-USE]", "[LOGIN-DELAY]"].contains { line.contains($0) }
        #expect(busy == (reply == .inUse || reply == .loginDelay))
    }
}

@Suite("The command parser")
struct ServerCommandTests {
    private func parse(_ line: String) -> ServerCommand {
        let octets = Array(line.utf8)
        return ServerCommand.parse(octets.span)
    }

    @Test("a password is the whole rest of the line")
    func password() {
        #expect(parse("PASS  two  blanks ") == .pass(5..<18))
        #expect(parse("PASS") == .pass(4..<4))
        #expect(parse("pass\tx") == .unknown)
    }

    @Test(
        "bare AUTH with and without its blank, a mechanism, an initial response",
        arguments: [
            ("AUTH", ServerCommand.auth(mechanism: nil, initial: nil)), ("AUTH ", .auth(mechanism: nil, initial: nil)),
            ("auth ntlm", .auth(mechanism: 5..<9, initial: nil)), ("AUTH PLAIN =", .auth(mechanism: 5..<10, initial: 11..<12)),
            ("AUTH PLAIN a b", .badArguments), ("APOP two words 0123", .apop(name: 5..<14, digest: 15..<19)),
            ("APOP alone", .badArguments), ("APOP", .badArguments), ("LANG", .lang(nil)), ("lang en", .lang(5..<7)),
            ("LANG en de", .badArguments), ("STLS", .stls), ("STLS now", .badArguments), ("utf8", .utf8),
        ])
    func auth(line: String, command: ServerCommand) {
        #expect(parse(line) == command)
    }

    @Test("any octets at all: an answer, with ranges inside the line")
    func anything() {
        var random = Xoshiro256(seed: 11)
        let words = ["USER", "PASS", "AUTH", "TOP", "RETR", "LIST", " ", "1", "99999999999999999999", "\0", "é"]
        for _ in 0..<20_000 {
            var octets: [UInt8] = []
            for _ in 0..<random.next(below: 6) {
                if random.next(below: 3) == 0 {
                    octets.append(UInt8(truncatingIfNeeded: random.next()))
                } else {
                    octets += Array(words[Int(random.next(below: UInt64(words.count)))].utf8)
                }
            }
            let whole = 0...octets.count
            switch ServerCommand.parse(octets.span) {
            case .user(let range), .pass(let range): #expect(whole.contains(range.lowerBound) && whole.contains(range.upperBound))
            case .auth(let mechanism, let initial):
                for range in [mechanism, initial] { #expect(range.map { whole.contains($0.upperBound) } ?? true) }
            default: break
            }
        }
    }
}
