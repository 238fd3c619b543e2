// sasl-server: any exchange. The first octet chooses mechanism, opening and, under 0x40, that SCRAM's user is unknown; then
// responses follow, each behind its length in two octets, little-endian. Ranges lie inside what they point into; nothing follows
// the last step; no response logs anybody on, SCRAM's of the one known user aside.

import Digest
import NTLM
import PoplarCore
import SASL

func checkSASL(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let first = input.first, let settings = Party.settings(.level0), let known = Party.verifier,
        let mechanism = Mechanism(rawValue: (first & 0x3F) % UInt8(Mechanism.allCases.count))
    else { return nil }
    let verifier = first & 0x40 == 0 ? known : Party.decoy
    return withMemory(SASL.ServerExchange.memorySize) { memory in
        var exchange = SASL.ServerExchange(mechanism: mechanism)
        if first & 0x80 != 0 {
            var step = ServerStep.challenge
            let opening = written(128) {
                step = exchange.begin(
                    randomChallenge: Party.challenge, nowFileTime: Party.now, host: Party.workstation.span, memory: memory,
                    into: &$0)
            }
            guard step == .challenge else { return Violation("an exchange does not begin") }
            if mechanism == .cramMD5, !memory.starts(with: opening) { return Violation("the challenge is not kept") }
        }
        var rest = input.dropFirst()
        var finished = false
        for _ in 0..<6 {
            let size = min(rest.count - 2, Int(rest.first ?? 0) | Int(rest.dropFirst().first ?? 0) << 8)
            guard size >= 0 else { return nil }
            let response = Array(rest.dropFirst(2).prefix(size))
            rest = rest.dropFirst(2 + size)
            var step = ServerStep.challenge
            var challenge = written(2048) {
                step = exchange.step(
                    response.span, settings: settings, randomChallenge: Party.challenge, nowFileTime: Party.now, memory: memory,
                    into: &$0)
            }
            if case .lookUpSCRAM(let user) = step {
                guard user.upperBound <= memory.count, !user.isEmpty, challenge.isEmpty else { return Violation("a bad look-up") }
                challenge = written(2048) {
                    step = exchange.challengeSCRAM(verifier, random: (0, 0), memory: memory, into: &$0)
                }
            }
            if case .acceptedSCRAM = step, first & 0x40 != 0 { return Violation("nobody is let in") }
            if finished, step != .failed(.outOfSequence) { return Violation("a step after the last one") }
            if step != .challenge, !challenge.isEmpty { return Violation("a challenge that nobody is to send") }
            if let violation = check(step, response, UnsafeRawBufferPointer(memory), mechanism) { return violation }
            if case .verifyNTLM = step {
                let verdict = exchange.verifyNTLM(
                    response.span, hash: Party.hash("another"), settings: settings, nowFileTime: Party.now,
                    memory: UnsafeRawBufferPointer(memory))
                guard verdict != .accepted else { return Violation("a forgery is accepted") }
            }
            finished = finished || step != .challenge
        }
        return nil
    }
}

private func check(_ step: ServerStep, _ response: [UInt8], _ memory: UnsafeRawBufferPointer, _ mechanism: Mechanism)
    -> Violation?
{
    switch step {
    case .challenge, .failed:
        return nil
    case .verifyPassword(let claim):
        let parts = [claim.authorization, claim.user, claim.password]
        guard parts.allSatisfy({ $0.lowerBound >= 0 && $0.upperBound <= memory.count }) else {
            return Violation("a claim outside the memory")
        }
        guard !claim.user.isEmpty, !claim.password.isEmpty else { return Violation("an empty name or password") }
        guard mechanism == .plain else {
            return memory[claim.password].elementsEqual(response) ? nil : Violation("LOGIN's password is not the response")
        }
        let whole = Array(memory[claim.authorization]) + [0] + memory[claim.user] + [0] + memory[claim.password]
        return whole == response ? nil : Violation("PLAIN's parts do not make its message")
    case .verifyCRAMMD5(let claim):
        let inside = claim.challenge.upperBound <= memory.count && claim.user.upperBound <= memory.count
        guard inside, !claim.user.isEmpty, !claim.challenge.isEmpty else { return Violation("a claim outside the memory") }
        return response.starts(with: memory[claim.user]) ? nil : Violation("the name is not the response's")
    case .lookUpSCRAM:
        return Violation("a look-up that is not answered")
    case .acceptedSCRAM(let user):
        return user.upperBound <= memory.count && !user.isEmpty ? nil : Violation("a name outside the memory")
    case .verifyNTLM(let domain, let user, _):
        let inside = domain.upperBound <= response.count && user.upperBound <= response.count && !user.isEmpty
        return inside ? nil : Violation("a name outside the response")
    }
}
