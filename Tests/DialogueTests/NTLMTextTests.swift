// NTLM messages in words (MS-NLMP 2.2), whole, cut short and malformed: never a trap, and never what is secret.

import Digest
import NTLM
import PoplarCore
import Testing

@testable import Dialogue

@Suite("NTLM messages in words")
struct NTLMTextTests {
    static let variants: [NTLMVariant] = [.v1, .ntlm2Session, .v2, .v2WithMIC, .v2WithChannelBinding]
    private static let binding = Digest16(low: 0x1111_1111_1111_1111, high: 0x2222_2222_2222_2222)

    private static func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4096) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            body(&writer)
            count = writer.count
        }
    }

    private static func base64(_ octets: some Sequence<UInt8>) -> String {
        let octets = Array(octets)
        let letters = written { writer in octets.withUnsafeBytes { Base64.encode($0, into: &writer) } }
        return String(decoding: letters, as: UTF8.self)
    }

    /// The challenge of MS-NLMP 4.2.4, with a target name of 12 octets.
    private static let challenge = MechanismText.decode(
        Array(
            ("TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAM"
                + "AFMAZQByAHYAZQByAAAAAAA=").utf8))

    /// Type 1, type 2, and the answer of user "ada" of "DOM".
    static func messages(_ variant: NTLMVariant) throws -> [[UInt8]] {
        let challenge = try #require(challenge)
        let made = NTHash(passwordUTF8: Array("C4nary!sings".utf8).span)
        let hash = try #require(made)
        let exchange = ClientExchange(variant: variant)
        let type1 = written { writer in _ = exchange.negotiate(into: &writer) }
        let type3 = written { writer in
            _ = exchange.authenticate(
                challenge: challenge.span, domain: Array("DOM".utf8).span, user: Array("ada".utf8).span,
                workstation: Array("POPLAR".utf8).span,
                secrets: ClientSecrets(
                    hash: hash, clientChallenge: 0x0102_0304_0506_0708, nowFileTime: 0x0807_0605_0403_0201,
                    channelBinding: binding), into: &writer)
        }
        return [type1, challenge, type3]
    }

    /// The responses of a type 3: the fields at 12 (LM) and 20 (NT).
    static func responses(_ type3: [UInt8]) -> [[UInt8]] {
        [12, 20].map { place in
            let count = Int(type3[place]) + Int(type3[place + 1]) << 8
            let start = Int(type3[place + 4]) + Int(type3[place + 5]) << 8
            return Array(type3[start..<(start + count)])
        }.filter { !$0.allSatisfy { $0 == 0 } }
    }

    private func words(_ octets: [UInt8]) -> String? { NTLMText.text(octets) { String(decoding: $0, as: UTF8.self) } }

    @Test("a whole logon")
    func whole() throws {
        let said = try Self.messages(.v2WithMIC).map(words)
        #expect(said[0] == "<NTLM type 1, 32 octets: flags 0x00088207 UNICODE|OEM|REQUEST_TARGET|NTLM|ALWAYS_SIGN|ESS>")
        #expect(
            said[1]
                == "<NTLM type 2, 104 octets: target Server; NetBIOS domain Domain; NetBIOS computer Server; "
                + "version 6.0.6000 revision 15; flags 0xe28a8233 UNICODE|OEM|SIGN|SEAL|NTLM|ALWAYS_SIGN|TARGET_SERVER|ESS|"
                + "TARGET_INFO|VERSION|128|KEY_EXCH|56>")
        #expect(said[2]?.contains(": domain DOM, user ada; an NTLMv2 response with MIC; NetBIOS domain Domain; ") == true)
    }

    @Test("every prefix of a message is counted, or told without its secrets; never a trap", arguments: variants)
    func prefixes(variant: NTLMVariant) throws {
        let messages = try Self.messages(variant)
        let secret = Self.responses(messages[2])
        #expect(!secret.isEmpty)
        for message in messages {
            for count in 0...message.count {
                let octets = Array(message[..<count])
                let told = words(octets)
                if count < 16 { #expect(told == nil) }
                for response in secret {
                    // Eight octets in a row are too many, as they are or in UTF-16; so is any of their base64.
                    for start in stride(from: 0, to: response.count - 8, by: 8) {
                        let piece = Array(response[start..<(start + 8)])
                        #expect(told?.contains(String(decoding: piece, as: UTF8.self)) != true)
                        #expect(told?.lowercased().contains(piece.map(Printable.hexadecimal).joined()) != true)
                    }
                    #expect(told?.contains(Self.base64(response.prefix(12))) != true)
                }
                guard let told else { continue }
                #expect(told.hasPrefix("<NTLM type \(message[8]), \(count) octets: ") && told.hasSuffix(">"))
                #expect(told.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 32 }, "\(told)")
            }
        }
    }

    @Test("a changed octet anywhere is told or not, but never a trap", arguments: variants)
    func changed(variant: NTLMVariant) throws {
        for message in try Self.messages(variant) {
            for place in message.indices {
                for octet: UInt8 in [0, 0x7F, 0x80, 0xFF, message[place] ^ 1] {
                    var other = message
                    other[place] = octet
                    _ = words(other)
                }
            }
        }
    }

    @Test("in a dialogue a message cut short is a count of octets, from either side", arguments: [1, 2, 3])
    func truncated(type: Int) throws {
        let message = try Self.messages(.v2)[type - 1]
        var transcript = Transcript()
        transcript.append(.sent, atNs: 0, text: "AUTH NTLM\r\n")
        transcript.append(.received, atNs: 0, text: "+OK\r\n")
        let cut = Self.base64(message.prefix(15))
        if type == 2 {
            transcript.append(.received, atNs: 0, text: "+ \(cut)\r\n")
        } else {
            transcript.append(.sent, atNs: 0, text: "\(cut)\r\n")
        }
        let said = Redactor.lines(transcript, secrets: Secrets()).map(\.text)
        #expect(said.last == (type == 2 ? "+ " : "") + "<NTLM: 15 octets that are no NTLM message>", "\(said)")
    }
}
