// Builds the snapshot: accounts, members and mailbox aliases are added one by one, then laid out in flat tables.
// Invariant: all checks happen here, at set-up; a finished table is immutable, and looking a name up in it allocates nothing.

public import Digest
public import NTLM
import PoplarCore

public struct AccountTableBuilder {
    private var names: [UInt8] = []
    private var entries: [AccountTable.Entry] = []
    private var aliases: [AccountTable.Alias] = []
    private var domains: [Range<Int>] = []
    private var instance: Range<Int>?
    private var verifiers: [AccountTable.Verifiers] = []
    private var secrets: [UInt8] = []

    public init() {}

    /// Keeps what is known of a password, for any number of accounts.
    public mutating func addCredentials(_ credentials: Credentials) -> CredentialID {
        var secret: Range<UInt32>?
        if let clearText = credentials.clearText {
            let start = UInt32(secrets.count)
            secrets.append(contentsOf: clearText.prefix(Int(UInt16.max)))
            secret = start..<UInt32(secrets.count)
        }
        verifiers.append(
            AccountTable.Verifiers(
                ntHash: credentials.ntHash, lmHash: credentials.lmHash, secret: secret, scram: credentials.scram))
        return CredentialID(index: UInt32(verifiers.count - 1))
    }

    /// Adds an NT domain. Domains are searched in the order in which they were added. Returns its number.
    public mutating func addDomain(_ name: String) -> UInt16 {
        domains.append(store(name))
        return UInt16(domains.count - 1)
    }

    /// Names the membership instance.
    public mutating func setInstance(_ name: String) { instance = store(name) }

    /// Adds an account of `domain`, the owner of `mailbox`. Names are at most 65,535 octets of UTF-8.
    public mutating func addAccount(_ name: String, domain: UInt16, credentials: CredentialID, mailbox: UInt32) {
        add(name, domain, credentials, mailbox)
    }

    /// An account of which the hashes alone are kept.
    public mutating func addAccount(_ name: String, domain: UInt16, hash: NTHash, lmHash: LMHash? = nil, mailbox: UInt32) {
        add(name, domain, addCredentials(Credentials(ntHash: hash, lmHash: lmHash)), mailbox)
    }

    /// Adds a member of the instance, the owner of `mailbox`.
    public mutating func addMember(_ name: String, credentials: CredentialID, mailbox: UInt32) {
        add(name, AccountTable.memberRealm, credentials, mailbox)
    }

    /// Names a mailbox. An alias that is added twice becomes ambiguous.
    public mutating func addMailbox(_ alias: String, mailbox: UInt32) {
        let range = store(alias)
        aliases.append(
            AccountTable.Alias(
                nameOffset: UInt32(range.lowerBound), nameCount: UInt16(clamping: range.count), isAmbiguous: false,
                mailbox: mailbox, next: -1))
    }

    /// The table. Its memory is never given back: workers hold it for the life of the process.
    /// - Parameter decoyKey: for tests; otherwise new for each table.
    public func build(decoyKey: Digest32? = nil) -> AccountTable {
        var entries = entries
        var aliases = aliases
        var buckets = [Int32](repeating: -1, count: Self.bucketCount(entries.count))
        for index in entries.indices {
            let entry = entries[index]
            let bucket = bucket(entry.nameOffset, entry.nameCount, buckets.count)
            entries[index].next = buckets[bucket]
            buckets[bucket] = Int32(index)
        }
        var aliasBuckets = [Int32](repeating: -1, count: Self.bucketCount(aliases.count))
        for index in aliases.indices {
            let entry = aliases[index]
            let bucket = bucket(entry.nameOffset, entry.nameCount, aliasBuckets.count)
            var other = aliasBuckets[bucket]
            while other >= 0 {
                if sameName(aliases[Int(other)], entry), aliases[Int(other)].mailbox != entry.mailbox {
                    aliases[Int(other)].isAmbiguous = true
                    aliases[index].isAmbiguous = true
                }
                other = aliases[Int(other)].next
            }
            aliases[index].next = aliasBuckets[bucket]
            aliasBuckets[bucket] = Int32(index)
        }
        let table = AccountTable(
            names: Self.pin(names), entries: Self.pin(entries), buckets: Self.pin(buckets), aliases: Self.pin(aliases),
            aliasBuckets: Self.pin(aliasBuckets), domains: Self.pin(domains), instance: instance,
            verifiers: Self.pin(verifiers), secrets: Self.pin(secrets), kinds: kinds,
            comparesClearText: comparesClearText, decoySecret: verifiers.lazy.compactMap(\.secret).first { !$0.isEmpty } ?? 0..<0,
            decoyKey: decoyKey ?? Self.newKey(),
            decoyIterations: verifiers.lazy.compactMap(\.scram).first?.iterations ?? SCRAMVerifier.leastIterations,
            commonSalt: commonSalt)
        for index in table.entries.indices {
            let range =
                Int(table.entries[index].nameOffset)..<Int(table.entries[index].nameOffset) + Int(table.entries[index].nameCount)
            let name = Array(names[range])
            switch table.mailbox(alias: name.span) {
            case .found(let mailbox): table.entries[index].ownAlias = mailbox == table.entries[index].mailbox ? .own : .other
            case .ambiguous: table.entries[index].ownAlias = .ambiguous
            case .absent: table.entries[index].ownAlias = .other
            }
        }
        return table
    }

    /// The kinds that the accounts of NT domains have among them.
    private var kinds: CredentialKinds {
        entries.reduce(into: []) { kinds, entry in
            if entry.realm != AccountTable.memberRealm { kinds.formUnion(verifiers[Int(entry.credential)].kinds) }
        }
    }

    /// See the table's: each clear text must be what its NT hash was made of.
    private var comparesClearText: Bool {
        let proves = verifiers.map { verifier in
            guard let secret = verifier.secret, !secret.isEmpty, let hash = verifier.ntHash else { return false }
            let octets = Array(secrets[Int(secret.lowerBound)..<Int(secret.upperBound)])
            return NTHash(passwordUTF8: octets.span) == hash
        }
        let accounts = entries.lazy.filter { $0.realm != AccountTable.memberRealm }
        return !accounts.isEmpty && accounts.allSatisfy { proves[Int($0.credential)] }
    }

    /// The one salt of all SCRAM verifiers that accounts of NT domains use; nil when there are several salts, or not two
    /// accounts to share one.
    private var commonSalt: Digest16? {
        var salt: Digest16?
        var users = 0
        for entry in entries where entry.realm != AccountTable.memberRealm {
            guard let own = verifiers[Int(entry.credential)].scram?.salt else { continue }
            if let salt, salt != own { return nil }
            salt = own
            users += 1
        }
        return users > 1 ? salt : nil
    }

    private static func newKey() -> Digest32 {
        var octets: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: UInt64.random(in: 0...UInt64.max)) { octets.append(contentsOf: $0) } }
        return SHA256.hash(octets.span)
    }

    private mutating func add(_ name: String, _ realm: UInt16, _ credentials: CredentialID, _ mailbox: UInt32) {
        let range = store(name)
        entries.append(
            AccountTable.Entry(
                nameOffset: UInt32(range.lowerBound), nameCount: UInt16(clamping: range.count), realm: realm,
                mailbox: mailbox, next: -1, credential: credentials.index))
    }

    private mutating func store(_ name: String) -> Range<Int> {
        let start = names.count
        names.append(contentsOf: name.utf8.prefix(Int(UInt16.max)))
        return start..<names.count
    }

    private func bucket(_ offset: UInt32, _ count: UInt16, _ buckets: Int) -> Int {
        let name = Array(names[Int(offset)..<Int(offset) + Int(count)])
        return Int(truncatingIfNeeded: AccountTable.hash(name.span)) & (buckets - 1)
    }

    private func sameName(_ a: AccountTable.Alias, _ b: AccountTable.Alias) -> Bool {
        let left = Array(names[Int(a.nameOffset)..<Int(a.nameOffset) + Int(a.nameCount)])
        let right = Array(names[Int(b.nameOffset)..<Int(b.nameOffset) + Int(b.nameCount)])
        return Bytes.equalsIgnoringCase(left.span, right.span)
    }

    /// A power of two, about half as many buckets again as entries.
    private static func bucketCount(_ entries: Int) -> Int {
        var count = 16
        while count < entries + entries / 2 { count *= 2 }
        return count
    }

    private static func pin<Element>(_ array: [Element]) -> UnsafeMutableBufferPointer<Element> {
        let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, array.count))
        _ = memory.initialize(from: array)
        return UnsafeMutableBufferPointer(rebasing: memory[0..<array.count])
    }
}

extension AccountTable {
    /// Any sixteen octets: a salt is no secret.
    private static let populationSalt = Digest16(low: 0x4944_3DF1_6B5C_A7E2, high: 0xB08E_27D5_F913_604A)

    /// The population of contracts.md 2: `user00000`... in NT domain POPLAR and `member00000`... of MEMBERSHIP, `users` of
    /// each, every one with `password` and a mailbox of its own name: mailboxes 0..<users, then users..<2 * users.
    public static func population(users: Int, password: String = "secret") -> AccountTable? {
        // One salt for all: they share the password too, and a client that plays them all derives its keys once.
        let everyForm = Credentials(password: password, salt: populationSalt)
        guard everyForm.ntHash != nil else { return nil }
        var builder = AccountTableBuilder()
        let credentials = builder.addCredentials(everyForm)
        let domain = builder.addDomain("POPLAR")
        builder.setInstance("MEMBERSHIP")
        for index in 0..<users {
            let name = "user" + padded(index)
            builder.addAccount(name, domain: domain, credentials: credentials, mailbox: UInt32(index))
            builder.addMailbox(name, mailbox: UInt32(index))
        }
        for index in 0..<users {
            let name = "member" + padded(index)
            builder.addMember(name, credentials: credentials, mailbox: UInt32(users + index))
            builder.addMailbox(name, mailbox: UInt32(users + index))
        }
        return builder.build()
    }

    private static func padded(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
