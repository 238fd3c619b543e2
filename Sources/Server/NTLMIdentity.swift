// Whose credentials an NTLM response is checked against (contracts.md 2): a domain that names the membership instance
// means its own table and no other; a known NT domain means that domain; an empty or unknown one means all NT domains,
// or the instance where the membership system alone is on. A method that is switched off finds nobody.

import Accounts
import Administration
import NTLM
import PoplarCore

struct NTLMIdentity {
    /// Nil: unknown, or not to be used on this channel. The response is checked all the same, against nothing.
    let account: AccountID?
    let method: LogonMethod

    /// `domain` and `user` as they stand in the message.
    static func resolve(
        domain: Span<UInt8>, user: Span<UInt8>, isUnicode: Bool, methods: ChannelMethods, accounts: AccountTable
    ) -> NTLMIdentity {
        withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 8) { memory in
            var writer = ByteWriter(memory)
            guard Name.appendUTF8(domain, isUnicode: isUnicode, into: &writer) else { return nobody(methods) }
            let middle = writer.count
            guard Name.appendUTF8(user, isUnicode: isUnicode, into: &writer) else { return nobody(methods) }
            let octets = writer.written.bindMemory(to: UInt8.self)
            let names = octets.span
            return resolve(
                domain: names.extracting(0..<middle), user: names.extracting(middle..<names.count), methods: methods,
                accounts: accounts)
        }
    }

    /// The same for names in UTF-8. `user@domain` with an empty domain is split.
    static func resolve(
        domain: Span<UInt8>, user: Span<UInt8>, methods: ChannelMethods, accounts: AccountTable
    ) -> NTLMIdentity {
        var domain = domain
        var user = user
        if domain.count == 0, let at = lastAt(user) {
            domain = user.extracting((at &+ 1)..<user.count)
            user = user.extracting(0..<at)
        }
        switch accounts.realm(domain) {
        case .membership:
            return NTLMIdentity(account: methods.membership ? accounts.member(user) : nil, method: .membership)
        case .ntDomain(let number):
            return NTLMIdentity(account: methods.ntlm ? accounts.account(user, domain: number) : nil, method: .ntlm)
        case .unknown:
            if methods.ntlm { return NTLMIdentity(account: accounts.account(user, domain: nil), method: .ntlm) }
            return NTLMIdentity(account: methods.membership ? accounts.member(user) : nil, method: .membership)
        }
    }

    private static func nobody(_ methods: ChannelMethods) -> NTLMIdentity {
        NTLMIdentity(account: nil, method: methods.ntlm ? .ntlm : .membership)
    }

    private static func lastAt(_ name: Span<UInt8>) -> Int? {
        var index = name.count &- 1
        while index > 0 {
            if name[index] == 64 { return index }
            index &-= 1
        }
        return nil
    }
}
