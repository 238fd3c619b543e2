// The fuzz targets by name. A body takes any octets, drives one parser with them and says which of its stated invariants broke.
// The nested package in Tests/Fuzzing runs them under libFuzzer; FuzzReplayTests runs them over Tests/Corpus.
// A new target: a case and its name here, a line in `check`, a body in a file of its own, and seeds in Tests/Corpus/<name>.

/// The invariant that broke.
public struct Violation: Sendable, CustomStringConvertible {
    let text: StaticString
    init(_ text: StaticString) { self.text = text }
    public var description: String { text.description }
}

public enum FuzzTarget: String, Sendable, CaseIterable {
    case ntlmNegotiate = "ntlm-negotiate"
    case ntlmChallenge = "ntlm-challenge"
    case ntlmAuthenticate = "ntlm-authenticate"
    case avPairs = "av-pairs"
    case saslServer = "sasl-server"
    case saslClient = "sasl-client"
    case base64 = "base64"
    case pop3Command = "pop3-command"
    case pop3Reply = "pop3-reply"
    case stlsSplit = "stls-split"
    case httpMetrics = "http-metrics"

    /// nil when every invariant holds for `input`.
    public func check(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
        switch self {
        case .ntlmNegotiate: checkNegotiate(input)
        case .ntlmChallenge: checkChallenge(input)
        case .ntlmAuthenticate: checkAuthenticate(input)
        case .avPairs: checkPairs(input)
        case .saslServer: checkSASL(input)
        case .saslClient: checkSASLClient(input)
        case .base64: checkBase64(input)
        case .pop3Command: checkCommands(input)
        case .pop3Reply: checkReplies(input)
        case .stlsSplit: checkStartTLS(input)
        case .httpMetrics: checkRequest(input)
        }
    }
}
