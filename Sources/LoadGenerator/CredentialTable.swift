// The NT hash of every identity of every user, made once before the load starts: a hash costs more than the rest of an
// NTLM response, and the load would measure its own hashing. Immutable; threads read it by pointer. Beside them room for
// the SCRAM keys of every POP3 account: they hang on the server's salt, so a thread puts them there when it first derived
// them. Invariant: a user belongs to one thread, and so does his room.

import Digest
import NTLM
import PoplarCore
import Workload

final class CredentialTable: @unchecked Sendable {
    private let users: UserTable
    private let hashes: UnsafeMutablePointer<NTHash>
    /// Two of a user, for the right password and for the wrong one; nil where no session uses SCRAM.
    private let scram: UnsafeMutablePointer<SCRAMClientKeys?>?
    let view: CredentialView

    /// A password that is not UTF-8 has no hash; its user logs on with the hash of the empty one and is refused.
    init(_ users: UserTable, needed: IdentitySet, usesSCRAM: Bool = true) {
        self.users = users
        let columns = 3
        let count = max(1, users.count &* columns)
        hashes = .allocate(capacity: count)
        let empty = [UInt8]()
        let none = NTHash(passwordUTF8: empty.span) ?? NTHash(.zero)
        hashes.initialize(repeating: none, count: count)
        let view = users.view
        for identity in Identity.allCases where needed.contains(IdentitySet(identity)) {
            for user in 0..<users.count {
                let password = view.credentials(UInt32(truncatingIfNeeded: user), identity).password
                let octets = password.assumingMemoryBound(to: UInt8.self).span
                if let hash = NTHash(passwordUTF8: octets) { hashes[user &* columns &+ Int(identity.rawValue)] = hash }
            }
        }
        scram = usesSCRAM ? .allocate(capacity: max(1, users.count &* 2)) : nil
        scram?.initialize(repeating: nil, count: max(1, users.count &* 2))
        self.view = CredentialView(users: view, hashes: UnsafePointer(hashes), scram: scram)
    }

    deinit {
        hashes.deallocate()
        scram?.deallocate()
    }
}

/// Names, passwords and hashes, for reading; valid while the table lives.
struct CredentialView: @unchecked Sendable {
    let users: UserView
    fileprivate let hashes: UnsafePointer<NTHash>
    fileprivate let scram: UnsafeMutablePointer<SCRAMClientKeys?>?

    func scramKeys(_ user: UInt32, isWrong: Bool) -> SCRAMClientKeys? {
        guard let scram, Int(user) < users.count else { return nil }
        return scram[Int(user) &* 2 &+ (isWrong ? 1 : 0)]
    }

    func keep(_ keys: SCRAMClientKeys, _ user: UInt32, isWrong: Bool) {
        guard let scram, Int(user) < users.count else { return }
        scram[Int(user) &* 2 &+ (isWrong ? 1 : 0)] = keys
    }

    /// Row `user` must exist.
    func hash(_ user: UInt32, _ identity: Identity) -> NTHash {
        guard Int(user) < users.count else { return NTHash(.zero) }
        return hashes[Int(user) &* 3 &+ Int(identity.rawValue)]
    }

    func name(_ user: UInt32, _ identity: Identity) -> UnsafeRawBufferPointer { users.credentials(user, identity).name }
    func password(_ user: UInt32, _ identity: Identity) -> UnsafeRawBufferPointer { users.credentials(user, identity).password }

    /// What an NTLM logon names as its domain: the NT domain, or the membership instance.
    func domain(_ user: UInt32, _ identity: Identity) -> UnsafeRawBufferPointer {
        switch identity {
        case .ntUser: return users.bytes(user, .ntDomain)
        case .member:
            let instance = UserTable.membershipInstance
            return UnsafeRawBufferPointer(start: instance.utf8Start, count: instance.utf8CodeUnitCount)
        case .account: return UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }
}
