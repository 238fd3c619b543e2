// Who may log on: the accounts of NT domains and, apart from them, the members of one membership instance. A snapshot:
// built once, immutable, shared by all workers without counting references, and never freed while the process lives.
// Invariant: a member is never found as an NT account, nor an account as a member, whatever their names.
// Names compare without regard to ASCII case, other octets exactly.

import Digest
public import NTLM
import PoplarCore

/// An account of the table.
public struct AccountID: Equatable, Sendable {
    let index: Int32
}

/// What the domain part of a name stands for.
public enum Realm: Equatable, Sendable {
    case ntDomain(UInt16)
    case membership
    case unknown
}

/// A mailbox looked up by alias.
public enum MailboxLookup: Equatable, Sendable {
    case found(UInt32)
    case absent
    /// Two mailboxes share the alias (KB181917).
    case ambiguous
}

public struct AccountTable: @unchecked Sendable {
    struct Entry {
        var nameOffset: UInt32
        var nameCount: UInt16
        /// Index of the NT domain; `memberRealm` for members.
        var realm: UInt16
        var mailbox: UInt32
        /// What looking the account's own name up as an alias gives, found once when the table is built.
        var ownAlias: OwnAlias = .other
        /// The next entry of the same bucket, -1 at the end.
        var next: Int32
        /// Index into the table's verifiers.
        var credential: UInt32
    }

    enum OwnAlias: UInt8 {
        /// The account's mailbox, as it should be.
        case own
        case ambiguous
        /// None, or somebody else's.
        case other
    }

    struct Alias {
        var nameOffset: UInt32
        var nameCount: UInt16
        var isAmbiguous: Bool
        var mailbox: UInt32
        var next: Int32
    }

    static let memberRealm = UInt16.max

    let names: UnsafeMutableBufferPointer<UInt8>
    let entries: UnsafeMutableBufferPointer<Entry>
    let buckets: UnsafeMutableBufferPointer<Int32>
    let aliases: UnsafeMutableBufferPointer<Alias>
    let aliasBuckets: UnsafeMutableBufferPointer<Int32>
    let domains: UnsafeMutableBufferPointer<Range<Int>>
    let instance: Range<Int>?
    let verifiers: UnsafeMutableBufferPointer<Verifiers>
    let secrets: UnsafeMutableBufferPointer<UInt8>
    /// What the accounts of NT domains have among them: a method whose kind is missing here lets nobody in.
    public let kinds: CredentialKinds
    /// The clear text of every NT account is kept beside its NT hash and not empty, so that Basic can compare the passwords
    /// themselves. It is of all or of none: were some compared and others hashed, the time taken would tell which is which.
    let comparesClearText: Bool
    /// Digested in place of the secret of an account that has none.
    let decoySecret: Range<UInt32>
    let decoyKey: Digest32
    let decoyIterations: UInt32
    /// The salt of all SCRAM verifiers, where they share one: the decoys must then have it too.
    let commonSalt: Digest16?

    /// What `domain` names.
    public func realm(_ domain: Span<UInt8>) -> Realm {
        if let instance, matches(instance, domain) { return .membership }
        for index in 0..<domains.count where matches(domains[index], domain) {
            return .ntDomain(UInt16(truncatingIfNeeded: index))
        }
        return .unknown
    }

    /// The NT account `name` of one domain; with nil of the first domain that has it.
    public func account(_ name: Span<UInt8>, domain: UInt16?) -> AccountID? {
        guard let domain else {
            var best: Int32 = -1
            each(name) { index in
                guard entries[Int(index)].realm != Self.memberRealm else { return }
                if best < 0 || entries[Int(index)].realm < entries[Int(best)].realm { best = index }
            }
            return best < 0 ? nil : AccountID(index: best)
        }
        return find(name, realm: domain)
    }

    /// The member `name` of the membership instance.
    public func member(_ name: Span<UInt8>) -> AccountID? { find(name, realm: Self.memberRealm) }

    /// What the password of an account is checked against; nil where no such hash is kept.
    public func hash(_ account: AccountID) -> NTHash? { verifiers(of: account).ntHash }

    /// What an LM response of an account is checked against, at the levels that take one.
    public func lmHash(_ account: AccountID) -> LMHash? { verifiers(of: account).lmHash }

    @inline(__always)
    func verifiers(of account: AccountID) -> Verifiers {
        verifiers[Int(truncatingIfNeeded: entries[Int(account.index)].credential)]
    }

    /// The mailbox that belongs to an account: the one with its name.
    public func mailbox(of account: AccountID) -> UInt32 { entries[Int(account.index)].mailbox }

    /// The mailbox that an account opens when it names none: the same as looking its name up.
    func ownMailbox(of account: AccountID) -> LogonResult {
        let entry = entries[Int(account.index)]
        switch entry.ownAlias {
        case .own: return .granted(mailbox: entry.mailbox)
        case .ambiguous: return .ambiguousAlias
        case .other: return .mailboxUnavailable
        }
    }

    public func mailbox(alias: Span<UInt8>) -> MailboxLookup { mailbox(alias: alias, hash: Self.hash(alias)) }

    func mailbox(alias: Span<UInt8>, hash: UInt64) -> MailboxLookup {
        var next = aliasBuckets[Int(truncatingIfNeeded: hash) & (aliasBuckets.count &- 1)]
        while next >= 0 {
            let entry = aliases[Int(next)]
            if matches(Int(entry.nameOffset)..<Int(entry.nameOffset) &+ Int(entry.nameCount), alias) {
                return entry.isAmbiguous ? .ambiguous : .found(entry.mailbox)
            }
            next = entry.next
        }
        return .absent
    }

    private func find(_ name: Span<UInt8>, realm: UInt16) -> AccountID? {
        var next = buckets[Int(truncatingIfNeeded: Self.hash(name)) & (buckets.count &- 1)]
        while next >= 0 {
            let entry = entries[Int(next)]
            if entry.realm == realm, matches(Int(entry.nameOffset)..<Int(entry.nameOffset) &+ Int(entry.nameCount), name) {
                return AccountID(index: next)
            }
            next = entry.next
        }
        return nil
    }

    @inline(__always)
    private func each(_ name: Span<UInt8>, _ body: (Int32) -> Void) {
        var next = buckets[Int(truncatingIfNeeded: Self.hash(name)) & (buckets.count &- 1)]
        while next >= 0 {
            let entry = entries[Int(next)]
            if matches(Int(entry.nameOffset)..<Int(entry.nameOffset) &+ Int(entry.nameCount), name) { body(next) }
            next = entry.next
        }
    }

    private func matches(_ range: Range<Int>, _ name: Span<UInt8>) -> Bool {
        let own = UnsafeMutableBufferPointer(rebasing: names[range])
        return Bytes.equalsIgnoringCase(own.span, name)
    }

    /// The name in upper case, eight octets at a time, multiplied and mixed: the low bits choose the bucket.
    static func hash(_ name: Span<UInt8>) -> UInt64 {
        var value = UInt64(truncatingIfNeeded: name.count)
        var offset = 0
        while offset < name.count {
            let place = max(0, min(offset, name.count &- 8))
            value = (value ^ Bytes.uppercased(word: Bytes.word(name, at: place))) &* 0x9E37_79B9_7F4A_7C15
            value ^= value >> 32
            offset &+= 8
        }
        return SplitMix64.mix(value)
    }
}
