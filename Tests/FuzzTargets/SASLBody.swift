// sasl-server: any exchange. The first octet chooses mechanism and opening; then responses follow, each behind its length in two
// octets, little-endian. Ranges lie inside what they point into; nothing follows the last step; no response logs anybody on.

import NTLM
import PoplarCore
import SASL

func checkSASL(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let first = input.first, let settings = Party.settings(.level0), let mechanism = Mechanism(rawValue: first % 3) else {
        return nil
    }
    return withMemory(SASL.ServerExchange.memorySize) { memory in
        var exchange = SASL.ServerExchange(mechanism: mechanism)
        if first & 0x80 != 0 {
            var step = ServerStep.challenge
            _ = written(64) { step = exchange.begin(into: &$0) }
            guard step == .challenge else { return Violation("an exchange does not begin") }
        }
        var rest = input.dropFirst()
        var finished = false
        for _ in 0..<6 {
            let size = min(rest.count - 2, Int(rest.first ?? 0) | Int(rest.dropFirst().first ?? 0) << 8)
            guard size >= 0 else { return nil }
            let response = Array(rest.dropFirst(2).prefix(size))
            rest = rest.dropFirst(2 + size)
            var step = ServerStep.challenge
            let challenge = written(2048) {
                step = exchange.step(
                    response.span, settings: settings, randomChallenge: Party.challenge, nowFileTime: Party.now, memory: memory,
                    into: &$0)
            }
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
    case .verifyNTLM(let domain, let user, _):
        let inside = domain.upperBound <= response.count && user.upperBound <= response.count && !user.isEmpty
        return inside ? nil : Violation("a name outside the response")
    }
}
