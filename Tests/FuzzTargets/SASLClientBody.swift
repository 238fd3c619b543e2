// sasl-client: CRAM-MD5's and SCRAM's clients against any server. The first octet chooses the mechanism, who to act for and,
// under 0x40, a password that the server cannot know; then challenges follow, each behind its length in two octets, little-endian.
// A failure writes nothing and is the end; a server that does not know the password never convinces SCRAM's client.

import Digest
import PoplarCore
import SASL

func checkSASLClient(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let first = input.first else { return nil }
    let isScram = first & 1 == 1
    let authorization = first & 2 == 0 ? [] : Party.user
    let password = Array((first & 0x40 == 0 ? "Password" : "another password").utf8)
    var exchange = SASL.ClientExchange(mechanism: isScram ? .scramSHA256 : .cramMD5)
    var keys: SCRAMClientKeys?
    var rest = input.dropFirst()
    var ended = false
    for round in 0..<5 {
        let size = min(rest.count - 2, Int(rest.first ?? 0) | Int(rest.dropFirst().first ?? 0) << 8)
        guard size >= 0 else { return nil }
        let challenge = Array(rest.dropFirst(2).prefix(size))
        rest = rest.dropFirst(2 + size)
        var step = ClientStep.respond
        let response = written(4096) {
            step = exchange.step(
                challenge: challenge.span, authorization: authorization.span, user: Party.user.span, password: password.span,
                random: (0, 0), keys: &keys, into: &$0)
        }
        if step != .respond, !response.isEmpty { return Violation("a failure wrote something") }
        if ended, step != .failed(.outOfSequence) { return Violation("a step after the last one") }
        if step != .respond, !exchange.isFinished { return Violation("a failure is not the end") }
        ended = exchange.isFinished
        guard step == .respond else { continue }
        if isScram {
            if round == 0, !response.starts(with: Array("n,".utf8)) { return Violation("no client-first") }
            if round == 1, !response.starts(with: Array("c=".utf8)) { return Violation("no client-final") }
            if round == 2, !response.isEmpty || first & 0x40 != 0 { return Violation("a stranger has convinced the client") }
        } else if !response.starts(with: Party.user) || response.count != Party.user.count + 33 {
            return Violation("not a name and a digest")
        }
    }
    return nil
}
