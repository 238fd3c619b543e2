// Comparing the responses of one authenticate message with what the account's hash gives. The same work is done for a user who
// does not exist: a hash of zeros stands in, and its verdict is thrown away.

import Digest

struct ResponseCheck {
    let answer: AuthenticateMessage
    let challenge: UInt64
    let isKnown: Bool
    let hash: NTHash
    let lmHash: LMHash?

    init(answer: AuthenticateMessage, challenge: UInt64, hash: NTHash?, lmHash: LMHash?) {
        self.answer = answer
        self.challenge = challenge
        isKnown = hash != nil
        self.hash = hash ?? NTHash(.zero)
        self.lmHash = lmHash
    }

    /// NTLMv1 or NTLM2 session. Where the latter was granted a client may still answer with the former, as Samba's
    /// server allows: the level that takes one takes both.
    func ntlm1(_ message: Span<UInt8>) -> Bool {
        func matches(_ nonce: UInt64) -> Bool {
            Responses.desl(hash.digest, challenge: nonce).equals(message, at: answer.nt.start)
        }
        var isRight = matches(challenge)
        if answer.kind == .ntlm2Session {
            guard let client = try? MessageReader.word64(message, at: answer.lm.start) else { return false }
            isRight = matches(Responses.sessionChallenge(server: challenge, client: client)) || isRight
        }
        return isRight && isKnown
    }

    /// NTLMv2. The session base key when the proof is right under the domain as sent, under none, or in upper case: clients
    /// disagree on what they hash (MS-NLMP 3.2.5.1.2).
    func ntlm2(_ message: Span<UInt8>) -> Digest16? {
        guard answer.nt.end <= message.count, answer.nt.count >= AuthenticateMessage.proofSize else { return nil }
        if let key = ntlm2(message, form: .asSent) { return key }
        guard !answer.domain.isEmpty else { return nil }
        if let key = ntlm2(message, form: .empty) { return key }
        return ntlm2(message, form: .uppercase)
    }

    private func ntlm2(_ message: Span<UInt8>, form: Responses.DomainForm) -> Digest16? {
        let key = ownerKey(message, form: form)
        let blob = message.extracting((answer.nt.start &+ AuthenticateMessage.proofSize)..<answer.nt.end)
        let proof = Responses.proof(key, challenge: challenge, blob: blob)
        guard proof.equals(message, at: answer.nt.start), isKnown else { return nil }
        return Responses.sessionKey(key, proof: proof)
    }

    /// No NT response: LMv2 at every level, LM where the level takes it. An LMv2 response carries neither time nor MIC nor
    /// binding, so that under a binding policy it may be what a relay left of a better one, and is refused.
    func lanManager(_ message: Span<UInt8>, level: CompatibilityLevel, policy: ChannelBindingPolicy) -> Verdict {
        let matchesV2 = lm2(message)
        var matchesV1 = false
        if level.acceptsLM {
            let response = Responses.desl(lmHash?.digest ?? .zero, challenge: challenge)
            let matches = response.equals(message, at: answer.lm.start)
            matchesV1 = matches && isKnown && lmHash != nil
        }
        guard matchesV1 || matchesV2 else { return level.acceptsLM ? .wrongResponse : .refusedByLevel }
        return policy == .none ? .accepted : .bindingMismatch
    }

    private func lm2(_ message: Span<UInt8>) -> Bool {
        guard answer.lm.count == 24, let client = try? MessageReader.word64(message, at: answer.lm.start &+ 16) else {
            return false
        }
        func matches(_ form: Responses.DomainForm) -> Bool {
            let key = ownerKey(message, form: form)
            return Responses.lm2(key, server: challenge, client: client).equals(message, at: answer.lm.start)
        }
        let matched = matches(.asSent) || matches(.empty) || matches(.uppercase)
        return matched && isKnown
    }

    private func ownerKey(_ message: Span<UInt8>, form: Responses.DomainForm) -> Digest16 {
        let user = message.extracting(MessageReader.octets(of: answer.user, in: message))
        let domain = message.extracting(MessageReader.octets(of: answer.domain, in: message))
        return Responses.ntowf2(hash, user: user, domain: domain, isUnicode: answer.isUnicode, form: form)
    }
}
