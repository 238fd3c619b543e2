// SCRAM-SHA-256 asks for the verifier long before it knows whether the client has the password, and shows the salt to whoever
// asks. So a name without a verifier gets a decoy: a salt that is the same each time while the process lives, and keys that no
// proof fits. Invariant: to one who does not know the decoy key, a decoy behaves as the verifier of an account of the first
// domain does.

public import Digest
import PoplarCore

extension AccountTable {
    /// What the exchange of `name` runs on, known or not.
    public func scramVerifier(name: Span<UInt8>) -> SCRAMVerifier {
        let decoy = decoyVerifier(name)
        guard let account = basicAccount(name), let own = verifiers(of: account).scram else { return decoy }
        return own
    }

    /// Ends the logon of a client whose proof was right for `scramVerifier(name:)`.
    public func scramLogon(name: Span<UInt8>) -> LogonResult {
        guard let account = basicAccount(name), verifiers(of: account).scram != nil else { return .refused }
        return openNamed(name, account)
    }

    /// The decoy of an account name. Names that mean one account where there is one (in either case, with the first domain or
    /// without, with an alias or without) have one decoy.
    private func decoyVerifier(_ name: Span<UInt8>) -> SCRAMVerifier {
        var state = HMACSHA256(key: decoyKey)
        if let parts = AccountName.parse(name) {
            var number: UInt16 = 0
            if let domain = parts.domain {
                if case .ntDomain(let found) = realm(name.extracting(domain)) {
                    number = found
                } else {
                    number = AccountTable.memberRealm
                    Self.update(&state, uppercase: name.extracting(domain))
                }
            }
            withUnsafeBytes(of: number.littleEndian) { state.update(UnsafeRawBufferPointer($0)) }
            Self.update(&state, uppercase: name.extracting(parts.account))
        } else {
            Self.update(&state, uppercase: name)
        }
        let digest = state.finalize()
        return SCRAMVerifier(
            salt: commonSalt ?? digest.prefix16, iterations: decoyIterations, storedKey: digest, serverKey: digest)
    }

    private static func update(_ state: inout HMACSHA256, uppercase name: Span<UInt8>) {
        var chunk = InlineArray<64, UInt8>(repeating: 0)
        var index = 0
        while index < name.count {
            let size = min(64, name.count &- index)
            for place in 0..<size { chunk[place] = Bytes.uppercased(name[index &+ place]) }
            state.update(chunk.span.extracting(0..<size))
            index &+= size
        }
    }
}
