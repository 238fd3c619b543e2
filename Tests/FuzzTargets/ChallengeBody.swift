// ntlm-challenge: the client's answer to any type 2; the first octet chooses the variant and the encoding. A refusal writes
// nothing, and what was answered our server accepts, as the one it names, after the same two messages.

import NTLM
import PoplarCore

func checkChallenge(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let first = input.first, let hash = Party.hash(), let settings = Party.settings(.level0) else { return nil }
    let challenge = Array(input.dropFirst())
    let variant = NTLMVariant(rawValue: first % 5) ?? .v1
    let client = ClientExchange(variant: variant, isUnicode: first & 0x80 == 0)
    let name = first & 0x40 == 0 ? [] : Array("POP/server".utf8)
    var outcome = ClientOutcome.answered
    let type3 = written {
        outcome = client.authenticate(
            challenge: challenge.span, domain: Party.domain.span, user: Party.user.span, workstation: Party.workstation.span,
            servicePrincipalName: name.span, secrets: ClientSecrets(hash: hash, clientChallenge: 1, nowFileTime: Party.now),
            into: &$0)
    }
    guard outcome == .answered else { return type3.isEmpty ? nil : Violation("a refusal wrote something") }
    return withMemory(ServerExchange.transcriptSize) { transcript in
        var server = ServerExchange()
        let type1 = written { _ = client.negotiate(into: &$0) }
        let resumed = server.resume(negotiate: type1.span, challenge: challenge.span, transcript: transcript)
        guard resumed == .challenged else {
            return resumed == .refused(.noRoom) ? nil : Violation("the server refuses a challenge that the client took")
        }
        guard case .identity(let domain, let user, let isUnicode) = server.authenticate(type3.span) else {
            return Violation("the server refuses the client's type 3")
        }
        guard sameName(type3, domain, isUnicode, Party.domain), sameName(type3, user, isUnicode, Party.user) else {
            return Violation("the names have changed on the way")
        }
        let verdict = server.verify(
            type3.span, hash: hash, settings: settings, nowFileTime: Party.now, transcript: UnsafeRawBufferPointer(transcript))
        return verdict == .accepted ? nil : Violation("the right password is not accepted")
    }
}

private func sameName(_ message: [UInt8], _ range: Range<Int>, _ isUnicode: Bool, _ expected: [UInt8]) -> Bool {
    written { _ = Name.appendUTF8(message.span.extracting(range), isUnicode: isUnicode, into: &$0) } == expected
}
