// NTLM as a SASL mechanism (MS-POP3, MS-NLMP): type 1, type 2, type 3. The messages are the NTLM module's; what stands here
// is their order.

import NTLM
import PoplarCore

extension ServerExchange {
    mutating func ntlmStep(
        _ response: Span<UInt8>, settings: borrowing NTLM.ServerSettings, randomChallenge: UInt64, nowFileTime: UInt64,
        memory: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter
    ) -> ServerStep {
        if state == .initial {
            let outcome = ntlm.negotiate(
                response, settings: settings, challenge: randomChallenge, nowFileTime: nowFileTime, transcript: memory,
                into: &writer)
            if case .refused(let fault) = outcome { return fail(.ntlm(fault)) }
            state = .password
            return .challenge
        }
        state = .finished
        switch ntlm.authenticate(response) {
        case .identity(let domain, let user, let isUnicode):
            return .verifyNTLM(domain: domain, user: user, isUnicode: isUnicode)
        case .anonymous:
            return .failed(.anonymous)
        case .malformed(let fault):
            return .failed(.ntlm(fault))
        }
    }
}

extension ClientExchange {
    mutating func ntlmStep(
        challenge: Span<UInt8>, domain: Span<UInt8>, user: Span<UInt8>, workstation: Span<UInt8>,
        servicePrincipalName: Span<UInt8>, secrets: ClientSecrets, into writer: inout ByteWriter
    ) -> ClientStep {
        switch state {
        case .initial:
            guard ntlm.negotiate(into: &writer) else { return fail(.noRoom) }
            state = .second
            return .respond
        case .second:
            state = .finished
            let outcome = ntlm.authenticate(
                challenge: challenge, domain: domain, user: user, workstation: workstation,
                servicePrincipalName: servicePrincipalName, secrets: secrets, into: &writer)
            switch outcome {
            case .answered: return .respond
            case .refused(.noRoom): return .failed(.noRoom)
            case .refused(let fault): return .failed(.ntlm(fault))
            }
        case .third, .finished:
            return fail(.outOfSequence)
        }
    }
}
