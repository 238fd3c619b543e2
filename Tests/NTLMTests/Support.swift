// What the NTLM tests share: octets from hexadecimal text, and both exchanges over memory of their own.

import Digest
import NTLM
import PoplarCore
import Testing

func bytes(hex text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

func hex(_ digest: Digest16) -> String { hex((0..<16).map { digest[$0] }) }

func digest(_ text: String) -> Digest16 { Digest16(hex: text) ?? .zero }

func base64(_ text: String) -> [UInt8] {
    written(16384) { writer in
        let decoded = Base64.decode(Array(text.utf8).span, into: &writer)
        #expect(decoded)
    }
}

/// What `body` writes.
func written(_ capacity: Int = 16384, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    body(&writer)
    return Array(writer.written)
}

/// Eight octets of the wire as the exchanges take them.
func nonce(_ text: String) -> UInt64 {
    bytes(hex: text).reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] } }

func little16(_ value: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)] }
func little32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

func pair(_ id: UInt16, _ value: [UInt8]) -> [UInt8] { little16(Int(id)) + little16(value.count) + value }

let now: UInt64 = 133_000_000_000_000_000
let secret = NTHash(passwordUTF8: Array("Password".utf8).span) ?? NTHash(.zero)

func makeSettings(
    level: CompatibilityLevel = .level5, policy: ChannelBindingPolicy = .none, window: UInt64? = nil, timestamp: Bool = true
) throws -> ServerSettings {
    try ServerSettings(
        names: ServerNames(
            netBIOSComputer: "Server", netBIOSDomain: "Domain", dnsComputer: "server.domain.example", dnsDomain: "domain.example"),
        level: level, channelBindingPolicy: policy, timestampWindowSeconds: window, sendsTimestamp: timestamp)
}

/// What came of a whole exchange.
enum Outcome: Equatable {
    case verdict(Verdict)
    case refused(MessageFault)
    case anonymous
    case clientRefused(MessageFault)
}

/// One side of a server with memory of its own.
final class Bench {
    let settings: ServerSettings
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: ServerExchange.transcriptSize, alignment: 8)
    var exchange = ServerExchange()
    var challenge: UInt64 = nonce("0123456789abcdef")

    init(_ settings: ServerSettings) { self.settings = settings }
    deinit { memory.deallocate() }

    /// The type 2 for a type 1, or nil.
    func negotiate(_ type1: [UInt8]) -> [UInt8]? {
        exchange = ServerExchange()
        var outcome = NegotiateOutcome.refused(.noRoom)
        let type2 = written {
            outcome = exchange.negotiate(
                type1.span, settings: settings, challenge: challenge, nowFileTime: now, transcript: memory, into: &$0)
        }
        return outcome == .challenged ? type2 : nil
    }

    func resume(_ type1: [UInt8], _ type2: [UInt8]) -> NegotiateOutcome {
        exchange = ServerExchange()
        return exchange.resume(negotiate: type1.span, challenge: type2.span, transcript: memory)
    }

    func answer(
        _ type3: [UInt8], hash: NTHash? = secret, lmHash: LMHash? = nil, binding: Digest16? = nil, at time: UInt64 = now
    ) -> Outcome {
        switch exchange.authenticate(type3.span) {
        case .anonymous: return .anonymous
        case .malformed(let fault): return .refused(fault)
        case .identity:
            return .verdict(
                exchange.verify(
                    type3.span, hash: hash, lmHash: lmHash, channelBinding: binding, settings: settings, nowFileTime: time,
                    transcript: UnsafeRawBufferPointer(memory)))
        }
    }

    /// Whether a good client can still log on: nothing of an earlier exchange is left.
    func stillWorks() -> Bool {
        let client = TestClient(variant: .v2WithMIC)
        guard let type2 = negotiate(client.type1()), let type3 = client.type3(type2) else { return false }
        return answer(type3) == .verdict(.accepted)
    }
}

struct TestClient {
    var variant: NTLMVariant
    var isUnicode = true
    var domain = "Domain"
    var user = "User"
    var workstation = "COMPUTER"
    var servicePrincipalName = ""
    var password = "Password"
    /// In place of the password's.
    var hash: NTHash?
    var binding: Digest16?
    var time = now
    var clientChallenge = nonce("aaaaaaaaaaaaaaaa")

    func type1() -> [UInt8] {
        written { writer in
            let fits = ClientExchange(variant: variant, isUnicode: isUnicode).negotiate(into: &writer)
            #expect(fits)
        }
    }

    func outcome(_ type2: [UInt8], capacity: Int = 16384) -> (ClientOutcome, [UInt8]) {
        var outcome = ClientOutcome.refused(.noRoom)
        let text = Array(password.utf8)
        let secrets = ClientSecrets(
            hash: hash ?? NTHash(passwordUTF8: text.span) ?? NTHash(.zero), lmHash: LMHash(passwordUTF8: text.span),
            clientChallenge: clientChallenge, nowFileTime: time, channelBinding: binding)
        let type3 = written(capacity) {
            outcome = ClientExchange(variant: variant, isUnicode: isUnicode).authenticate(
                challenge: type2.span, domain: Array(domain.utf8).span, user: Array(user.utf8).span,
                workstation: Array(workstation.utf8).span, servicePrincipalName: Array(servicePrincipalName.utf8).span,
                secrets: secrets, into: &$0)
        }
        return (outcome, type3)
    }

    func type3(_ type2: [UInt8]) -> [UInt8]? {
        let (outcome, type3) = outcome(type2)
        return outcome == .answered ? type3 : nil
    }
}

/// A type 3 put together by hand, so that every part can be wrong.
struct HandMade {
    var flags: UInt32 = 0x0008_8201
    var header = 64
    var lm = [UInt8](repeating: 0, count: 24)
    var nt = [UInt8](repeating: 0, count: 24)
    var domain = utf16("Domain")
    var user = utf16("User")
    var workstation = utf16("COMPUTER")
    var sessionKey: [UInt8] = []

    var octets: [UInt8] {
        var message = Array("NTLMSSP\0".utf8) + little32(3)
        var payload: [UInt8] = []
        let fields = header >= 64 ? [lm, nt, domain, user, workstation, sessionKey] : [lm, nt, domain, user, workstation]
        for field in fields {
            message += little16(field.count) + little16(field.count) + little32(UInt32(header + payload.count))
            payload += field
        }
        if header >= 64 { message += little32(flags) }
        message += [UInt8](repeating: 0, count: header - message.count)
        return message + payload
    }
}

extension [UInt8] {
    /// With other octets at `offset`.
    func replacing(at offset: Int, _ octets: [UInt8]) -> [UInt8] {
        var copy = self
        for (index, octet) in octets.enumerated() where offset + index < copy.count { copy[offset + index] = octet }
        return copy
    }
}
