// ntlm-negotiate: the server's answer to any type 1. A refusal writes nothing; a challenge is kept for the MIC exactly as it was
// sent, says the same when it is made twice, and a good client can log on with it.

import NTLM
import PoplarCore

func checkNegotiate(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let settings = Party.settings() else { return Violation("settings") }
    return withMemory(ServerExchange.transcriptSize) { transcript in
        var exchange = ServerExchange()
        var outcome = NegotiateOutcome.refused(.noRoom)
        func negotiate() -> [UInt8] {
            written(2048) {
                exchange = ServerExchange()
                outcome = exchange.negotiate(
                    input.span, settings: settings, challenge: Party.challenge, nowFileTime: Party.now, transcript: transcript,
                    into: &$0)
            }
        }
        let answer = negotiate()
        guard outcome == .challenged else { return answer.isEmpty ? nil : Violation("a refusal wrote something") }
        guard negotiate() == answer else { return Violation("the same type 1 got another challenge") }
        guard answer.count <= Limits.challenge else { return Violation("a challenge past its limit") }
        let kept = UnsafeRawBufferPointer(rebasing: transcript[..<(input.count + answer.count)])
        guard kept.elementsEqual(Array(input) + answer) else { return Violation("the transcript is not what was sent") }
        guard logsOn(&exchange, answer, settings, UnsafeRawBufferPointer(transcript)) else {
            return Violation("a good client is shut out")
        }
        return nil
    }
}

private func logsOn(
    _ exchange: inout ServerExchange, _ challenge: [UInt8], _ settings: ServerSettings, _ transcript: UnsafeRawBufferPointer
) -> Bool {
    guard let hash = Party.hash() else { return false }
    var outcome = ClientOutcome.refused(.noRoom)
    let type3 = written {
        outcome = ClientExchange(variant: .v2).authenticate(
            challenge: challenge.span, domain: Party.domain.span, user: Party.user.span, workstation: Party.workstation.span,
            secrets: ClientSecrets(hash: hash, clientChallenge: 1, nowFileTime: Party.now), into: &$0)
    }
    guard outcome == .answered, case .identity = exchange.authenticate(type3.span) else { return false }
    let verdict = exchange.verify(type3.span, hash: hash, settings: settings, nowFileTime: Party.now, transcript: transcript)
    return verdict == .accepted
}
