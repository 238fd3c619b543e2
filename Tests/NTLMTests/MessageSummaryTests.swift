// What a summary of a message says, and what it never says: of whole messages, of every prefix of them, with any octet changed,
// and with names that point into what is secret.

import Digest
import PoplarCore
import Testing

@testable import NTLM

@Suite("A summary of a message")
struct MessageSummaryTests {
    static let variants: [NTLMVariant] = [.v1, .ntlm2Session, .v2, .v2WithMIC, .v2WithChannelBinding]

    /// The three messages of a logon.
    private func messages(_ variant: NTLMVariant, isUnicode: Bool = true) throws -> [[UInt8]] {
        let client = TestClient(
            variant: variant, isUnicode: isUnicode, servicePrincipalName: "POP/server", binding: secret.digest)
        let type1 = client.type1()
        let type2 = try #require(Bench(try makeSettings(level: .level0)).negotiate(type1))
        return [type1, type2, try #require(client.type3(type2))]
    }

    private func summary(_ octets: [UInt8]) -> MessageSummary? { MessageSummary(octets.span) }

    private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

    @Test("names, pairs and the kind of response", arguments: variants)
    func whole(variant: NTLMVariant) throws {
        let all = try messages(variant)
        let summaries = all.map { summary($0) }
        #expect(summaries.map { $0?.kind } == [.negotiate, .challenge, .authenticate])
        #expect(summaries.map { $0?.size } == all.map(\.count))
        let challenge = try #require(summaries[1])
        #expect(text(challenge.targetName) == "Domain")
        #expect(challenge.names.map { text($0.name) }.contains("server.domain.example"))
        let answer = try #require(summaries[2])
        #expect(text(answer.domain) == "Domain" && text(answer.user) == "User")
        switch variant {
        case .v1: #expect(answer.response == .ntlm1)
        case .ntlm2Session: #expect(answer.response == .ntlm2Session)
        case .v2, .v2WithMIC, .v2WithChannelBinding: #expect(answer.response == .ntlm2)
        }
        #expect(answer.hasMIC == (variant == .v2WithMIC || variant == .v2WithChannelBinding))
    }

    @Test("every prefix has the true names or none, and never a trap", arguments: variants, [true, false])
    func prefixes(variant: NTLMVariant, isUnicode: Bool) throws {
        for message in try messages(variant, isUnicode: isUnicode) {
            let whole = try #require(summary(message))
            #expect(!whole.flags.isEmpty)
            for count in 0..<message.count {
                guard let cut = summary(Array(message[..<count])) else { continue }
                #expect(cut.kind == whole.kind && cut.size == count)
                for (part, name) in [
                    (cut.targetName, whole.targetName), (cut.domain, whole.domain), (cut.user, whole.user),
                ] { #expect(part.isEmpty || part == name) }
                #expect(cut.names.allSatisfy(whole.names.contains))
            }
            // Nobody takes half of a signature, a type or a first field.
            for count in 0..<16 { #expect(summary(Array(message[..<count])) == nil) }
        }
    }

    @Test("no octet that is changed, in a whole message or in a prefix, is a trap", arguments: variants)
    func changed(variant: NTLMVariant) throws {
        for message in try messages(variant) {
            for place in message.indices {
                for octet: UInt8 in [0, 1, 0x7F, 0x80, 0xFF, message[place] ^ 1, message[place] &+ 8] {
                    let other = message.replacing(at: place, [octet])
                    _ = summary(other)
                    _ = summary(Array(other[..<(place + 1)]))
                    _ = summary(Array(other.dropLast()))
                }
            }
        }
    }

    @Test("a name that lies in a response or in the session key, in whole or in part, is not shown", arguments: [28, 36])
    func overlapping(field: Int) throws {
        // "AAAA..." in UTF-16: well formed as a name, wherever it is read.
        let letters = utf16(String(repeating: "A", count: 12))
        let message = HandMade(lm: letters, nt: letters, sessionKey: Array(letters.prefix(16)))
        let good = try #require(summary(message.octets))
        #expect(text(good.domain) == "Domain" && text(good.user) == "User")
        let names = 64 + 24 + 24
        let key = names + message.domain.count + message.user.count + message.workstation.count
        for (length, offset) in [(24, 64), (24, 88), (2, 110), (8, 64 + 44), (14, 88 + 22), (16, key), (4, key - 2)] {
            let bad = message.octets.replacing(at: field, little16(length) + little16(length) + little32(UInt32(offset)))
            let shown = try #require(summary(bad), "\(length) at \(offset)")
            #expect((field == 28 ? shown.domain : shown.user).isEmpty, "\(length) at \(offset)")
        }
    }
}
