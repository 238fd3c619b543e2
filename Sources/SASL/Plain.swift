// PLAIN (RFC 4616): [authzid] NUL authcid NUL passwd, in one message. Server and client side by side.
// The password is told to the caller as a range of lent memory and never kept here.

import PoplarCore

extension ServerExchange {
    mutating func plain(_ response: Span<UInt8>, memory: UnsafeMutableRawBufferPointer) -> ServerStep {
        guard let claim = PlainMessage.parse(response) else { return fail(.malformed) }
        guard claim.authorization.count <= Limits.name, claim.user.count <= Limits.name, claim.password.count <= Limits.password
        else { return fail(.tooLong) }
        guard !claim.user.isEmpty, !claim.password.isEmpty, isCleanName(response.extracting(claim.authorization)),
            isCleanName(response.extracting(claim.user))
        else { return fail(.badName) }
        var kept = ByteWriter(memory)
        kept.append(response)
        guard !kept.overflowed else { return fail(.tooLong) }
        state = .finished
        return .verifyPassword(claim)
    }
}

extension ClientExchange {
    mutating func plain(
        authorization: Span<UInt8>, user: Span<UInt8>, password: Span<UInt8>, into writer: inout ByteWriter
    ) -> ClientStep {
        guard state == .initial else { return fail(.outOfSequence) }
        guard !PlainMessage.holdsNUL(authorization), !PlainMessage.holdsNUL(user), !PlainMessage.holdsNUL(password) else {
            return fail(.badName)
        }
        writer.append(authorization)
        writer.append(0)
        writer.append(user)
        writer.append(0)
        writer.append(password)
        state = .finished
        return .respond
    }
}

enum PlainMessage {
    /// Where the three parts stand; nil unless there are exactly two NULs.
    static func parse(_ message: Span<UInt8>) -> PasswordClaim? {
        var first: Int?
        var second: Int?
        for index in 0..<message.count where message[index] == 0 {
            if first == nil {
                first = index
            } else if second == nil {
                second = index
            } else {
                return nil
            }
        }
        guard let first, let second else { return nil }
        return PasswordClaim(
            authorization: 0..<first, user: (first &+ 1)..<second, password: (second &+ 1)..<message.count)
    }

    static func holdsNUL(_ text: Span<UInt8>) -> Bool {
        for index in 0..<text.count where text[index] == 0 { return true }
        return false
    }
}
