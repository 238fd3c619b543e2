// The NT hash of every identity of every user, made once before the load starts: a hash costs more than the rest of an
// NTLM response, and the load would measure its own hashing. Immutable; threads read it by pointer.

import Digest
import NTLM
import PoplarCore
import Workload

final class CredentialTable: @unchecked Sendable {
    private let users: UserTable
    private let hashes: UnsafeMutablePointer<NTHash>
    let view: CredentialView

    /// A password that is not UTF-8 has no hash; its user logs on with the hash of the empty one and is refused.
    init(_ users: UserTable, needed: IdentitySet) {
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
        self.view = CredentialView(users: view, hashes: UnsafePointer(hashes))
    }

    deinit { hashes.deallocate() }
}

/// Names, passwords and hashes, for reading; valid while the table lives.
struct CredentialView: @unchecked Sendable {
    let users: UserView
    fileprivate let hashes: UnsafePointer<NTHash>

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
