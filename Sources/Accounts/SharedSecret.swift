// APOP (RFC 1939, section 7) and CRAM-MD5 (RFC 2195): a digest over what the server said and the password in clear. Both need
// the clear text, and both do the same work for a name that is not there, against the decoy secret.

public import Digest
import PoplarCore

extension AccountTable {
    /// Checks `digest`, 32 hexadecimal digits in either case: MD5 of the greeting's timestamp, brackets included, and the
    /// password.
    public func apopLogon(name: Span<UInt8>, timestamp: Span<UInt8>, digest: Span<UInt8>) -> LogonResult {
        let account = basicAccount(name)
        let (secret, isReal) = secret(of: account)
        var state = MD5()
        state.update(timestamp)
        state.update(UnsafeRawBufferPointer(secret))
        let expected = state.finalize()
        let given = Digest16(hexDigits: digest)
        guard let given, given == expected, isReal, let account else { return .refused }
        return openNamed(name, account)
    }

    /// Checks `digest`: HMAC-MD5 of `challenge`, as it was sent, under the password.
    public func cramLogon(name: Span<UInt8>, challenge: Span<UInt8>, digest: Digest16) -> LogonResult {
        let account = basicAccount(name)
        let (secret, isReal) = secret(of: account)
        let expected = HMACMD5.authenticate(challenge, key: secret.span)
        guard digest == expected, isReal, let account else { return .refused }
        return openNamed(name, account)
    }

    /// The clear text of an account, or the decoy for one that has none.
    func secret(of account: AccountID?) -> (UnsafeBufferPointer<UInt8>, isReal: Bool) {
        let own = account.flatMap { verifiers(of: $0).secret }
        let range = own ?? decoySecret
        let start = secrets.baseAddress.map { UnsafePointer($0) + Int(range.lowerBound) }
        return (UnsafeBufferPointer(start: start, count: Int(range.upperBound &- range.lowerBound)), own != nil)
    }
}
