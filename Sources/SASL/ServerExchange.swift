// One SASL exchange as the server sees it. A trivial value that keeps its place; what must outlive a step (LOGIN's user name,
// the transcript under NTLM's MIC, SCRAM's first messages) stands in memory that the caller lends, the same for every step.
// Invariant: after `.verify...`, `.accepted...` or `.failed` every further step is `.outOfSequence`; a new logon takes a new
// value.

public import Digest
public import NTLM
public import PoplarCore

public struct ServerExchange: Sendable {
    enum State: UInt8 { case initial, user, password, lookUp, proven, finished }

    public let mechanism: Mechanism
    var state = State.initial
    var userSize = 0
    var challengeSize: UInt16 = 0
    var scramPlaces = ScramPlaces()
    var ntlm = NTLM.ServerExchange()

    /// Octets of memory to lend.
    public static let memorySize = NTLM.ServerExchange.transcriptSize

    public init(mechanism: Mechanism) { self.mechanism = mechanism }

    /// Whether the next step, or `begin`, will use its random challenge. Where it is false any number will do.
    public var needsRandom: Bool { (mechanism == .ntlm || mechanism == .cramMD5) && state == .initial }

    /// Opens an exchange whose client sent no initial response: appends the first challenge.
    /// - Parameters:
    ///   - randomChallenge, nowFileTime, host: what CRAM-MD5's challenge is made of; `host` is the server's name.
    ///   - memory: as in `step`.
    public mutating func begin(
        randomChallenge: UInt64, nowFileTime: UInt64, host: Span<UInt8>, memory: UnsafeMutableRawBufferPointer,
        into writer: inout ByteWriter
    ) -> ServerStep {
        guard state == .initial else { return fail(.outOfSequence) }
        switch mechanism {
        case .login:
            state = .user
            return prompt(Login.userPrompt, into: &writer)
        case .cramMD5:
            return cramChallenge(
                random: randomChallenge, nowFileTime: nowFileTime, host: host, memory: memory, into: &writer)
        case .plain, .ntlm, .scramSHA256:
            return .challenge
        }
    }

    /// Takes a response, or the initial response as the first one.
    /// - Parameters:
    ///   - settings, randomChallenge, nowFileTime: for NTLM; see `NTLM.ServerExchange.negotiate`.
    ///   - memory: `memorySize` octets, the same in every step.
    public mutating func step(
        _ response: Span<UInt8>, settings: borrowing NTLM.ServerSettings, randomChallenge: UInt64, nowFileTime: UInt64,
        memory: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter
    ) -> ServerStep {
        guard state != .finished else { return .failed(.outOfSequence) }
        switch mechanism {
        case .plain:
            return plain(response, memory: memory)
        case .login:
            return login(response, memory: memory, into: &writer)
        case .ntlm:
            return ntlmStep(
                response, settings: settings, randomChallenge: randomChallenge, nowFileTime: nowFileTime, memory: memory,
                into: &writer)
        case .cramMD5:
            return cramResponse(response, memory: memory)
        case .scramSHA256:
            return scram(response, memory: memory, into: &writer)
        }
    }

    /// The verdict on the response that led to `.verifyNTLM`; see `NTLM.ServerExchange.verify`.
    public func verifyNTLM(
        _ response: Span<UInt8>, hash: NTHash?, lmHash: LMHash? = nil, channelBinding: Digest16? = nil,
        settings: borrowing NTLM.ServerSettings, nowFileTime: UInt64, memory: UnsafeRawBufferPointer
    ) -> Verdict {
        ntlm.verify(
            response, hash: hash, lmHash: lmHash, channelBinding: channelBinding, settings: settings, nowFileTime: nowFileTime,
            transcript: memory)
    }

    mutating func fail(_ failure: ServerFailure) -> ServerStep {
        state = .finished
        return .failed(failure)
    }

    mutating func prompt(_ text: StaticString, into writer: inout ByteWriter) -> ServerStep {
        let mark = writer.count
        writer.append(text)
        guard !writer.overflowed else {
            writer.truncate(to: mark)
            return fail(.tooLong)
        }
        return .challenge
    }
}
