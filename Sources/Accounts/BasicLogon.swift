// Basic: a name and a password as they were typed. Every logon ends as an account (KB166620); the mailbox is the
// account's own, or the alias that was named, which must then belong to the account too.

import NTLM
import PoplarCore

/// How a logon ended.
public enum LogonResult: Equatable, Sendable {
    case granted(mailbox: UInt32)
    /// Unknown user or wrong password; which of the two is not said.
    case refused
    /// The credentials are right, the mailbox is not to be had (event 13005).
    case mailboxUnavailable
    case ambiguousAlias
}

extension AccountTable {
    /// Checks a Basic logon against the NT domains. The password is checked for unknown users too, so that the time
    /// taken does not tell who exists.
    public func basicLogon(name: Span<UInt8>, password: Span<UInt8>) -> LogonResult {
        let parts = AccountName.parse(name)
        let account = parts.flatMap { basicAccount(name, $0) }
        guard isPassword(password, of: account), let account, let parts else { return .refused }
        return openNamed(name, parts, account)
    }

    /// Whether `password` is the account's. Nobody's is never right, and takes as long.
    private func isPassword(_ password: Span<UInt8>, of account: AccountID?) -> Bool {
        if comparesClearText {
            let (secret, isReal) = secret(of: account)
            return Bytes.equalsSecret(password, secret.span) && isReal
        }
        let given = NTHash(passwordUTF8: password)
        guard let given, let account else { return false }
        return hash(account) == given
    }

    /// What an account opens that has logged on as `name`.
    func openNamed(_ name: Span<UInt8>, _ account: AccountID) -> LogonResult {
        guard let parts = AccountName.parse(name) else { return .refused }
        return openNamed(name, parts, account)
    }

    private func openNamed(_ name: Span<UInt8>, _ parts: AccountName, _ account: AccountID) -> LogonResult {
        guard let alias = parts.alias else { return ownMailbox(of: account) }
        switch mailbox(alias: name.extracting(alias)) {
        case .ambiguous: return .ambiguousAlias
        case .absent: return .mailboxUnavailable
        case .found(let mailbox): return mailbox == self.mailbox(of: account) ? .granted(mailbox: mailbox) : .mailboxUnavailable
        }
    }

    /// The account that a name of Basic's grammar means.
    func basicAccount(_ name: Span<UInt8>) -> AccountID? {
        guard let parts = AccountName.parse(name) else { return nil }
        return basicAccount(name, parts)
    }

    private func basicAccount(_ name: Span<UInt8>, _ parts: AccountName) -> AccountID? {
        guard let domain = parts.domain else { return account(name.extracting(parts.account), domain: nil) }
        guard case .ntDomain(let number) = realm(name.extracting(domain)) else { return nil }
        return account(name.extracting(parts.account), domain: number)
    }
}
