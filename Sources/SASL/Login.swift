// LOGIN (draft-murchison-sasl-login): the server asks for the name, then for the password. An initial response is the name.
// The server keeps the name at the start of the memory lent to it, and puts the password behind it.

import PoplarCore

enum Login {
    static let userPrompt: StaticString = "Username:"
    static let passwordPrompt: StaticString = "Password:"
}

extension ServerExchange {
    mutating func login(_ response: Span<UInt8>, memory: UnsafeMutableRawBufferPointer, into writer: inout ByteWriter)
        -> ServerStep
    {
        if state == .password { return loginPassword(response, memory: memory) }
        guard response.count <= Limits.name else { return fail(.tooLong) }
        guard response.count > 0, isCleanName(response) else { return fail(.badName) }
        var kept = ByteWriter(memory)
        kept.append(response)
        guard !kept.overflowed else { return fail(.tooLong) }
        userSize = response.count
        state = .password
        return prompt(Login.passwordPrompt, into: &writer)
    }

    private mutating func loginPassword(_ response: Span<UInt8>, memory: UnsafeMutableRawBufferPointer) -> ServerStep {
        guard response.count <= Limits.password, userSize <= memory.count else { return fail(.tooLong) }
        guard response.count > 0 else { return fail(.badName) }
        var kept = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[userSize...]))
        kept.append(response)
        guard !kept.overflowed else { return fail(.tooLong) }
        state = .finished
        return .verifyPassword(
            PasswordClaim(authorization: 0..<0, user: 0..<userSize, password: userSize..<(userSize &+ response.count)))
    }
}

extension ClientExchange {
    mutating func login(user: Span<UInt8>, password: Span<UInt8>, into writer: inout ByteWriter) -> ClientStep {
        switch state {
        case .initial:
            writer.append(user)
            state = .second
        case .second:
            writer.append(password)
            state = .finished
        case .third, .finished:
            return fail(.outOfSequence)
        }
        return .respond
    }
}
