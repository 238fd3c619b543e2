// The users of a run: up to three identities each, all octets in one arena. Invariants: immutable once made; a view
// keeps the arena alive and reads it through plain pointers, without allocation; nothing here ever prints a password.
//
// One row is one user, and at most one session of a row is open at a time. In the embedded population no two rows share a
// maildrop: the first half of the server's users are NT identities, the second half POP3 accounts, so that a fallback of
// internet-mail-3 opens a maildrop other than the NT user's which belongs to the same row, hence to the same thread.

public import Configuration

/// The columns of a user table, in their order.
public enum UserColumn: Int, Sendable, CaseIterable {
    case account, password, ntDomain, ntUser, ntPassword, membershipUser, membershipPassword

    /// The header's word.
    public var name: String {
        switch self {
        case .account: "account"
        case .password: "password"
        case .ntDomain: "nt_domain"
        case .ntUser: "nt_user"
        case .ntPassword: "nt_password"
        case .membershipUser: "membership_user"
        case .membershipPassword: "membership_password"
        }
    }
}

/// Users with their credentials. A copy shares the memory.
public struct UserTable: Sendable {
    /// Longest cell, octets.
    public static let cellLimit = 255
    /// Most rows.
    public static let rowLimit = 10_000_000
    /// NT domain of the embedded population.
    public static let embeddedDomain = "POPLAR"
    /// Membership instance: the domain that a membership logon names.
    public static let membershipInstance: StaticString = "MEMBERSHIP"
    static let embeddedPassword = "secret"

    private let arena: UserArena
    /// Findings that do not forbid a run: two rows that name one maildrop. Without passwords.
    public let warnings: [Diagnostic]

    init(_ builder: consuming UserTableBuilder, warnings: [Diagnostic] = []) {
        arena = UserArena(builder)
        self.warnings = warnings
    }

    /// Rows.
    public var count: Int { arena.rows }

    /// What threads read; it keeps the memory alive.
    public var view: UserView { UserView(arena) }

    /// The identities that row `user` has; none when there is no such row.
    public func identities(_ user: Int) -> IdentitySet { view.identities(UInt32(clamping: user)) }

    /// Rows that have all of `identities`.
    public func count(having identities: IdentitySet) -> Int {
        let view = view
        return (0..<count).count { identities.isSubset(of: view.identities(UInt32($0))) }
    }

    /// Rows by what they have, at the value of each identity set.
    var countsBySet: [Int] {
        let view = view
        return (0..<UInt32(count)).reduce(into: [Int](repeating: 0, count: 8)) { $0[Int(view.identities($1).rawValue & 7)] += 1 }
    }

    /// Rows of the embedded server's table: half its users, since each row has an NT user and another POP3 account.
    public static func embeddedRows(users: Int) -> Int { max(1, users / 2) }

    /// The table that fits a server started with `--population users=...`: row i is NT user `POPLAR\user<i>`, POP3 account
    /// `user<i + rows>` (the same user when there is but one) and member `member<i>`, every password `secret`.
    public static func embedded(users: Int) -> UserTable {
        let rows = min(embeddedRows(users: users), rowLimit)
        let shift = users > 1 ? rows : 0
        var builder = UserTableBuilder()
        for row in 0..<rows {
            builder.append(numbered("user", row + shift))
            builder.append(embeddedPassword)
            builder.append(embeddedDomain)
            builder.append(numbered("user", row))
            builder.append(embeddedPassword)
            builder.append(numbered("member", row))
            builder.append(embeddedPassword)
        }
        return UserTable(builder)
    }

    /// `user00042`: five digits, more where the number needs them.
    static func numbered(_ stem: String, _ number: Int) -> String {
        let digits = String(number)
        return stem + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
}

extension UserTable: CustomStringConvertible, CustomReflectable {
    public var description: String { "UserTable(\(count) users)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A view of a table: pointers into its arena, and a reference that keeps it. Hold one for each thread; reading counts nothing.
@frozen
public struct UserView: @unchecked Sendable {
    @usableFromInline let owner: UserArena
    @usableFromInline let cells: UnsafeRawPointer
    @usableFromInline let ends: UnsafePointer<UInt32>
    @usableFromInline let capabilities: UnsafePointer<UInt8>
    /// Rows.
    public let count: Int

    init(_ arena: UserArena) {
        owner = arena
        cells = arena.cells
        ends = arena.ends
        capabilities = arena.identities
        count = arena.rows
    }

    /// The octets of one cell; empty when the cell is, or there is no such row.
    @inlinable
    public func bytes(_ user: UInt32, _ column: UserColumn) -> UnsafeRawBufferPointer {
        guard Int(user) < count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let cell = Int(user) &* 7 &+ column.rawValue
        let start = Int(ends[cell])
        return UnsafeRawBufferPointer(start: cells + start, count: Int(ends[cell &+ 1]) &- start)
    }

    /// Name and password of one identity; the NT domain and the membership instance stand apart.
    @inlinable
    public func credentials(_ user: UInt32, _ identity: Identity) -> (
        name: UnsafeRawBufferPointer, password: UnsafeRawBufferPointer
    ) {
        switch identity {
        case .account: (bytes(user, .account), bytes(user, .password))
        case .ntUser: (bytes(user, .ntUser), bytes(user, .ntPassword))
        case .member: (bytes(user, .membershipUser), bytes(user, .membershipPassword))
        }
    }

    @inlinable
    public func identities(_ user: UInt32) -> IdentitySet {
        Int(user) < count ? IdentitySet(rawValue: capabilities[Int(user)]) : []
    }
}

extension UserView: CustomStringConvertible, CustomReflectable {
    public var description: String { "UserView(\(count) users)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Gathers cells row by row before the arena is made.
struct UserTableBuilder {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [UInt32] = [0]

    /// Whether the arena's 32-bit offsets still reach.
    var isFull: Bool { bytes.count > Int(UInt32.max) - 7 * UserTable.cellLimit || ends.count > 7 * UserTable.rowLimit }
    var rows: Int { (ends.count - 1) / 7 }

    mutating func append(_ cell: String) { append(Array(cell.utf8)) }

    mutating func append(_ cell: [UInt8]) {
        bytes.append(contentsOf: cell)
        ends.append(UInt32(bytes.count))
    }
}

/// The memory of a table: written once in `init`, read by every thread, wiped and freed with its last holder.
@usableFromInline
final class UserArena: @unchecked Sendable {
    let rows: Int
    let cells: UnsafeRawPointer
    let ends: UnsafePointer<UInt32>
    let identities: UnsafePointer<UInt8>
    private let storage: UnsafeMutableRawBufferPointer

    init(_ builder: UserTableBuilder) {
        rows = builder.rows
        storage = .allocate(byteCount: max(1, builder.bytes.count), alignment: 8)
        storage.copyBytes(from: builder.bytes)
        let ends = UnsafeMutablePointer<UInt32>.allocate(capacity: builder.ends.count)
        ends.initialize(from: builder.ends, count: builder.ends.count)
        let sets = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, rows))
        for row in 0..<rows {
            var set: IdentitySet = []
            if ends[row * 7 + 1] > ends[row * 7] { set.insert(.account) }
            if ends[row * 7 + 4] > ends[row * 7 + 3] { set.insert(.ntUser) }
            if ends[row * 7 + 6] > ends[row * 7 + 5] { set.insert(.member) }
            (sets + row).initialize(to: set.rawValue)
        }
        cells = UnsafeRawPointer(storage.baseAddress ?? UnsafeMutableRawPointer(ends))
        self.ends = UnsafePointer(ends)
        identities = UnsafePointer(sets)
    }

    @usableFromInline
    deinit {
        for index in storage.indices { storage[index] = 0 }
        storage.deallocate()
        ends.deallocate()
        identities.deallocate()
    }
}
