// How the server presents itself, beside what it lets through: the settings that concern texts and forms alone.
// What they let a client do is in no way different (see `Channel` for what is offered).

public import POP3

public struct ServerBehaviour: Sendable, Equatable {
    public var personality: Personality
    /// The answer to AUTH NTLM without an initial response.
    public var ntlmReply: NTLMReply

    public init(personality: Personality = .modern, ntlmReply: NTLMReply = .plus) {
        self.personality = personality
        self.ntlmReply = ntlmReply
    }
}
