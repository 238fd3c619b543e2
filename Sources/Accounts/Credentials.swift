// What is kept of a password, in up to four forms. Each method checks against a form of its own, and an account without it
// is to that method as if it were not there. Accounts that share a password share one entry, so that a population of millions
// does not store it once for each.

public import Digest
public import NTLM

/// The forms that a password may be kept in.
public struct CredentialKinds: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// For Basic, NTLM and the membership system.
    public static let ntHash = CredentialKinds(rawValue: 1)
    /// For NTLM clients that send an LM response alone.
    public static let lmHash = CredentialKinds(rawValue: 2)
    /// For APOP and CRAM-MD5.
    public static let clearText = CredentialKinds(rawValue: 4)
    public static let scramSHA256 = CredentialKinds(rawValue: 8)
}

/// The forms that one password is kept in, as they are handed to the builder; nil for what is not kept.
public struct Credentials: Sendable {
    public var ntHash: NTHash?
    public var lmHash: LMHash?
    /// UTF-8, at most 65,535 octets.
    public var clearText: [UInt8]?
    public var scram: SCRAMVerifier?

    public init(ntHash: NTHash? = nil, lmHash: LMHash? = nil, clearText: [UInt8]? = nil, scram: SCRAMVerifier? = nil) {
        self.ntHash = ntHash
        self.lmHash = lmHash
        self.clearText = clearText
        self.scram = scram
    }

    /// Every form of `password` that there is; an LM hash exists for short ones only. Takes milliseconds.
    public init(password: String, salt: Digest16, iterations: UInt32 = SCRAMVerifier.leastIterations) {
        let octets = Array(password.utf8)
        self.init(
            ntHash: NTHash(passwordUTF8: octets.span), lmHash: LMHash(passwordUTF8: octets.span), clearText: octets,
            scram: SCRAMVerifier(password: octets.span, salt: salt, iterations: iterations))
    }
}

/// Credentials that a builder holds, for any number of accounts.
public struct CredentialID: Equatable, Sendable {
    let index: UInt32
}

extension AccountTable {
    /// Credentials as the table holds them. Trivial: the clear text is a range of the table's secrets.
    struct Verifiers {
        var ntHash: NTHash?
        var lmHash: LMHash?
        var secret: Range<UInt32>?
        var scram: SCRAMVerifier?

        var kinds: CredentialKinds {
            var kinds: CredentialKinds = []
            if ntHash != nil { kinds.insert(.ntHash) }
            if lmHash != nil { kinds.insert(.lmHash) }
            if secret != nil { kinds.insert(.clearText) }
            if scram != nil { kinds.insert(.scramSHA256) }
            return kinds
        }
    }
}
