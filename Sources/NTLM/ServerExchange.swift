// One NTLM logon as the server sees it (MS-NLMP 3.2.5): negotiate, authenticate, then verify against the hash that the
// caller looked up in between. A trivial value; the two messages that the MIC covers are kept in memory that the caller lends.
// Invariant: a challenge serves one authenticate message, and whatever is refused leaves the exchange as new.

public import Digest
public import PoplarCore

public enum NegotiateOutcome: Sendable, Equatable {
    /// The challenge has been appended.
    case challenged
    case refused(MessageFault)
}

public enum AuthenticateOutcome: Sendable, Equatable {
    /// Who the client says it is: offsets into the message. See `Name.appendUTF8`.
    case identity(domain: Range<Int>, user: Range<Int>, isUnicode: Bool)
    /// No name and no response; there is no anonymous logon to a mailbox.
    case anonymous
    case malformed(MessageFault)
}

public enum Verdict: UInt8, Sendable, CaseIterable {
    case accepted
    case wrongResponse
    /// A kind of response that the level does not take.
    case refusedByLevel
    /// The response is right and its MIC is wrong, or promised and not there.
    case micMismatch
    /// The response is right and is bound to another channel, or to none where the policy asks for one.
    case bindingMismatch
    /// The response is right and too old, or from the future.
    case clockSkew
}

public struct ServerExchange: Sendable {
    private enum State: UInt8 { case idle, challenged, answered }

    private var state = State.idle
    private var negotiateSize: UInt16 = 0
    private var challengeSize: UInt16 = 0
    private var challenge: UInt64 = 0
    private var negotiated = NegotiateFlags()
    private var answer: AuthenticateMessage?

    /// Octets of memory to lend for the transcript.
    public static let transcriptSize = Limits.negotiate + Limits.challenge

    public init() {}

    /// Takes a type 1 and appends a type 2.
    /// - Parameters:
    ///   - challenge: eight octets from a secure random source, never used before.
    ///   - nowFileTime: 100 ns since 1601, for MsvAvTimestamp.
    ///   - transcript: `transcriptSize` octets, the same for the whole exchange.
    public mutating func negotiate(
        _ message: Span<UInt8>, settings: borrowing ServerSettings, challenge: UInt64, nowFileTime: UInt64,
        transcript: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter
    ) -> NegotiateOutcome {
        guard state == .idle else {
            self = ServerExchange()
            return .refused(.outOfSequence)
        }
        let mark = writer.count
        do throws(MessageFault) {
            let request = try NegotiateMessage(message)
            let flags = try ChallengeMessage.granted(request.flags, settings: settings)
            var memory = ByteWriter(transcript)
            memory.append(message)
            ChallengeMessage.write(
                flags: flags, challenge: challenge, nowFileTime: nowFileTime, settings: settings, into: &memory)
            guard !memory.overflowed else { throw .noRoom }
            writer.append(UnsafeRawBufferPointer(rebasing: memory.written[message.count...]))
            guard !writer.overflowed else { throw .noRoom }
            begin(negotiateSize: message.count, transcriptSize: memory.count, challenge: challenge, flags: flags)
            return .challenged
        } catch {
            writer.truncate(to: mark)
            return .refused(error)
        }
    }

    /// Takes up an exchange whose first two messages were sent elsewhere, or come from a published vector.
    public mutating func resume(
        negotiate: Span<UInt8>, challenge: Span<UInt8>, transcript: UnsafeMutableRawBufferPointer
    ) -> NegotiateOutcome {
        do throws(MessageFault) {
            guard state == .idle else { throw .outOfSequence }
            let request = try NegotiateMessage(negotiate)
            let sent = try ChallengeMessage(challenge)
            // A challenge that names both encodings leaves the client the one that it asked for; of both, Unicode
            // (MS-NLMP 2.2.2.5).
            let isOEM = sent.flags.contains(.oem) && !request.flags.contains(.unicode)
            let flags = isOEM ? sent.flags.subtracting(.unicode) : sent.flags
            var memory = ByteWriter(transcript)
            memory.append(negotiate)
            memory.append(challenge)
            guard !memory.overflowed, memory.count <= Self.transcriptSize else { throw .noRoom }
            begin(
                negotiateSize: negotiate.count, transcriptSize: memory.count, challenge: sent.serverChallenge, flags: flags)
            return .challenged
        } catch {
            self = ServerExchange()
            return .refused(error)
        }
    }

    private mutating func begin(negotiateSize: Int, transcriptSize: Int, challenge: UInt64, flags: NegotiateFlags) {
        state = .challenged
        self.negotiateSize = UInt16(truncatingIfNeeded: negotiateSize)
        challengeSize = UInt16(truncatingIfNeeded: transcriptSize &- negotiateSize)
        self.challenge = challenge
        negotiated = flags
    }

    /// Takes a type 3 and says who it is from. On `.identity`, look the user up and call `verify` with the same message.
    public mutating func authenticate(_ message: Span<UInt8>) -> AuthenticateOutcome {
        guard state == .challenged else {
            self = ServerExchange()
            return .malformed(.outOfSequence)
        }
        do throws(MessageFault) {
            let parsed = try AuthenticateMessage(message, negotiated: negotiated)
            guard !parsed.isAnonymous else {
                self = ServerExchange()
                return .anonymous
            }
            state = .answered
            answer = parsed
            return .identity(domain: parsed.domain.range, user: parsed.user.range, isUnicode: parsed.isUnicode)
        } catch {
            self = ServerExchange()
            return .malformed(error)
        }
    }

    /// Checks the response of the message that `authenticate` took.
    /// - Parameters:
    ///   - hash: nil for an unknown user: the same work is done, and the verdict is `.wrongResponse`.
    ///   - lmHash: for clients that send an LM response alone; nil refuses those.
    ///   - channelBinding: `ChannelBindings.serverEndPoint` of the connection's certificate; nil without TLS.
    public func verify(
        _ message: Span<UInt8>, hash: NTHash?, lmHash: LMHash? = nil, channelBinding: Digest16? = nil,
        settings: borrowing ServerSettings, nowFileTime: UInt64, transcript: UnsafeRawBufferPointer
    ) -> Verdict {
        guard state == .answered, let answer, Int(answer.size) == message.count else { return .wrongResponse }
        let check = ResponseCheck(answer: answer, challenge: challenge, hash: hash, lmHash: lmHash)
        switch answer.kind {
        case .lanManager:
            return check.lanManager(message, level: settings.level, policy: settings.channelBindingPolicy)
        case .ntlm1, .ntlm2Session:
            guard settings.level.acceptsNTLM1 else { return .refusedByLevel }
            guard check.ntlm1(message) else { return .wrongResponse }
            return settings.channelBindingPolicy == .require ? .bindingMismatch : .accepted
        case .ntlm2:
            guard let sessionKey = check.ntlm2(message) else { return .wrongResponse }
            guard isFresh(answer.timestamp, now: nowFileTime, windowSeconds: settings.timestampWindowSeconds) else {
                return .clockSkew
            }
            guard hasRightMIC(message, answer, sessionKey: sessionKey, transcript: transcript) else { return .micMismatch }
            let bound = Self.isBound(answer.pairs.channelBindings, to: channelBinding, policy: settings.channelBindingPolicy)
            return bound ? .accepted : .bindingMismatch
        }
    }

    private func isFresh(_ time: UInt64, now: UInt64, windowSeconds: UInt64?) -> Bool {
        guard let windowSeconds else { return true }
        let (window, overflow) = windowSeconds.multipliedReportingOverflow(by: 10_000_000)
        let distance = time > now ? time &- now : now &- time
        return overflow || distance <= window
    }

    /// True also when the client does not claim to have sent a MIC; the claim stands under the proof.
    private func hasRightMIC(
        _ message: Span<UInt8>, _ answer: AuthenticateMessage, sessionKey: Digest16, transcript: UnsafeRawBufferPointer
    ) -> Bool {
        guard let flags = answer.pairs.flags, flags & AVPairs.hasMIC != 0 else { return true }
        let first = Int(negotiateSize)
        let both = first &+ Int(challengeSize)
        guard answer.hasMICField, both <= transcript.count,
            let key = MessageIntegrity.exportedKey(answer, in: message, sessionBaseKey: sessionKey)
        else { return false }
        let code = MessageIntegrity.code(
            key, before: UnsafeRawBufferPointer(rebasing: transcript[..<first]),
            challenge: UnsafeRawBufferPointer(rebasing: transcript[first..<both]), message: message)
        return code.equals(message, at: AuthenticateMessage.micRange.lowerBound)
    }

    private static func isBound(_ sent: Digest16?, to binding: Digest16?, policy: ChannelBindingPolicy) -> Bool {
        let offered = sent.flatMap { $0 == .zero ? nil : $0 }
        switch policy {
        case .none: return true
        case .allow: return offered == nil || offered == binding
        case .require: return offered != nil && offered == binding
        }
    }
}
