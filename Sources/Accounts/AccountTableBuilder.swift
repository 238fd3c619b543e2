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
    public mutating func addAccount(
        _ name: String, domain: UInt16, hash: NTHash, lmHash: LMHash? = nil, mailbox: UInt32
    ) {
        add(name, domain, addCredentials(Credentials(ntHash: hash, lmHash: lmHash)), mailbox)
    }

    /// Adds a member of the instance, the owner of `mailbox`.
    public mutating func addMember(_ name: String, credentials: CredentialID, mailbox: UInt32) {
        add(name, AccountTable.memberRealm, credentials, mailbox)
    }

    /// Names a mailbox. An alias that is added twice becomes ambiguous.
    public mutating func addMailbox(_ alias: String, mailbox: UInt32) {
        addAlias(store(alias), mailbox)
    }

    /// The table. Its memory is never given back: workers hold it for the life of the process.
    /// - Parameter decoyKey: for tests; otherwise new for each table.
    public func build(decoyKey: Digest32? = nil) -> AccountTable {
        let table = unlinked(decoyKey)
        _ = table.link { false }
        return table
    }

    /// The same; nil when `shouldStop` said yes, which is asked every few thousand rows.
    public func build(shouldStop: () -> Bool) -> AccountTable? {
        let table = unlinked(nil)
        guard table.link(shouldStop) else {
            table.deallocate()
            return nil
        }
        return table
    }

    /// All but the chains of the buckets, which are empty.
    private func unlinked(_ decoyKey: Digest32?) -> AccountTable {
        let use = credentialUse
        return AccountTable(
            names: Self.pin(names), entries: Self.pin(entries), buckets: Self.buckets(for: entries.count),
            aliases: Self.pin(aliases), aliasBuckets: Self.buckets(for: aliases.count), domains: Self.pin(domains),
            instance: instance, verifiers: Self.pin(verifiers), secrets: Self.pin(secrets), kinds: kinds(use),
            comparesClearText: comparesClearText(use),
            decoySecret: verifiers.lazy.compactMap(\.secret).first { !$0.isEmpty } ?? 0..<0,
            decoyKey: decoyKey ?? Self.newKey(),
            decoyIterations: verifiers.lazy.compactMap(\.scram).first?.iterations ?? SCRAMVerifier.leastIterations,
            commonSalt: commonSalt(use))
    }

    /// How many accounts of NT domains use each of the credentials.
    private var credentialUse: [Int] {
        var use = [Int](repeating: 0, count: verifiers.count)
        for entry in entries where entry.realm != AccountTable.memberRealm { use[Int(entry.credential)] += 1 }
        return use
    }

    /// The kinds that the accounts of NT domains have among them.
    private func kinds(_ use: [Int]) -> CredentialKinds {
        zip(verifiers, use).reduce(into: []) { kinds, entry in if entry.1 > 0 { kinds.formUnion(entry.0.kinds) } }
    }

    /// Whether all accounts of NT domains have a clear text which is what their NT hash was made of.
    private func comparesClearText(_ use: [Int]) -> Bool {
        let used = zip(verifiers, use).filter { $0.1 > 0 }.map(\.0)
        return !used.isEmpty
            && used.allSatisfy { verifier in
                guard let secret = verifier.secret, !secret.isEmpty, let hash = verifier.ntHash else { return false }
                let octets = Array(secrets[Int(secret.lowerBound)..<Int(secret.upperBound)])
                return NTHash(passwordUTF8: octets.span) == hash
            }
    }

    /// The one salt of all SCRAM verifiers that accounts of NT domains use; nil when there are several salts, or not two
    /// accounts to share one.
    private func commonSalt(_ use: [Int]) -> Digest16? {
        var salt: Digest16?
        var users = 0
        for (verifier, count) in zip(verifiers, use) where count > 0 {
            guard let own = verifier.scram?.salt else { continue }
            if let salt, salt != own { return nil }
            salt = own
            users += count
        }
        return users > 1 ? salt : nil
    }

    private static func newKey() -> Digest32 {
        var octets: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: UInt64.random(in: 0...UInt64.max)) { octets.append(contentsOf: $0) } }
        return SHA256.hash(octets.span)
    }

    private mutating func add(_ name: String, _ realm: UInt16, _ credentials: CredentialID, _ mailbox: UInt32) {
        add(store(name), realm, credentials, mailbox)
    }

    private mutating func add(_ name: Range<Int>, _ realm: UInt16, _ credentials: CredentialID, _ mailbox: UInt32) {
        entries.append(
            AccountTable.Entry(
                nameOffset: UInt32(name.lowerBound), nameCount: UInt16(clamping: name.count), realm: realm,
                mailbox: mailbox, next: -1, credential: credentials.index))
    }

    private mutating func addAlias(_ name: Range<Int>, _ mailbox: UInt32) {
        aliases.append(
            AccountTable.Alias(
                nameOffset: UInt32(name.lowerBound), nameCount: UInt16(clamping: name.count), isAmbiguous: false,
                mailbox: mailbox, next: -1))
    }

    private mutating func store(_ name: String) -> Range<Int> {
        let start = names.count
        names.append(contentsOf: name.utf8.prefix(Int(UInt16.max)))
        return start..<names.count
    }

    /// Adds `stem` with a number behind it as an account or a member, and the mailbox of that name: five digits, more
    /// where the number needs them. The name is stored once.
    mutating func addNumbered(
        _ stem: StaticString, _ number: Int, _ realm: UInt16, _ credentials: CredentialID, _ mailbox: UInt32
    ) {
        let start = names.count
        stem.withUTF8Buffer { names.append(contentsOf: $0) }
        let digits = names.count
        var left = number
        repeat {
            names.append(UInt8(ascii: "0") + UInt8(left % 10))
            left /= 10
        } while left > 0 || names.count - digits < 5
        names[digits...].reverse()
        add(start..<names.count, realm, credentials, mailbox)
        addAlias(start..<names.count, mailbox)
    }

    mutating func reserve(rows: Int, nameOctets: Int) {
        names.reserveCapacity(names.count + nameOctets)
        entries.reserveCapacity(entries.count + rows)
        aliases.reserveCapacity(aliases.count + rows)
    }

    /// Empty buckets: a power of two, about half as many again as `entries`.
    private static func buckets(for entries: Int) -> UnsafeMutableBufferPointer<Int32> {
        let buckets = UnsafeMutableBufferPointer<Int32>.allocate(capacity: AccountTable.bucketCount(entries))
        buckets.initialize(repeating: -1)
        return buckets
    }

    private static func pin<Element>(_ array: [Element]) -> UnsafeMutableBufferPointer<Element> {
        let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, array.count))
        _ = memory.initialize(from: array)
        return UnsafeMutableBufferPointer(rebasing: memory[0..<array.count])
    }
}

extension AccountTable {
    /// Rows between two questions whether to stop.
    private static let rowsPerQuestion = 4096

    /// A power of two, about half as many buckets again as entries.
    static func bucketCount(_ entries: Int) -> Int {
        var count = 16
        while count < entries + entries / 2 { count *= 2 }
        return count
    }

    private func hash(_ offset: UInt32, _ count: UInt16) -> UInt64 {
        let name = UnsafeMutableBufferPointer(rebasing: names[Int(offset)..<Int(offset) + Int(count)])
        return Self.hash(name.span)
    }

    private func sameName(_ a: Alias, _ b: Alias) -> Bool {
        let left = UnsafeMutableBufferPointer(rebasing: names[Int(a.nameOffset)..<Int(a.nameOffset) + Int(a.nameCount)])
        let right = UnsafeMutableBufferPointer(
            rebasing: names[Int(b.nameOffset)..<Int(b.nameOffset) + Int(b.nameCount)])
        return Bytes.equalsIgnoringCase(left.span, right.span)
    }

    /// Puts aliases and accounts into their buckets. False: `shouldStop` said yes.
    fileprivate func link(_ shouldStop: () -> Bool) -> Bool { linkAliases(shouldStop) && linkEntries(shouldStop) }

    private func linkAliases(_ shouldStop: () -> Bool) -> Bool {
        for index in 0..<aliases.count {
            if index % Self.rowsPerQuestion == 0, shouldStop() { return false }
            let entry = aliases[index]
            let bucket = Int(truncatingIfNeeded: hash(entry.nameOffset, entry.nameCount)) & (aliasBuckets.count - 1)
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
        return true
    }

    /// Also finds out what the own name of each account is as an alias.
    private func linkEntries(_ shouldStop: () -> Bool) -> Bool {
        for index in 0..<entries.count {
            if index % Self.rowsPerQuestion == 0, shouldStop() { return false }
            let entry = entries[index]
            let range = Int(entry.nameOffset)..<Int(entry.nameOffset) + Int(entry.nameCount)
            let name = UnsafeMutableBufferPointer(rebasing: names[range])
            let hash = Self.hash(name.span)
            let bucket = Int(truncatingIfNeeded: hash) & (buckets.count - 1)
            entries[index].next = buckets[bucket]
            buckets[bucket] = Int32(index)
            switch mailbox(alias: name.span, hash: hash) {
            case .found(let mailbox): entries[index].ownAlias = mailbox == entry.mailbox ? .own : .other
            case .ambiguous: entries[index].ownAlias = .ambiguous
            case .absent: entries[index].ownAlias = .other
            }
        }
        return true
    }

    /// Gives the memory of a table back that nobody has seen.
    fileprivate func deallocate() {
        names.deallocate()
        entries.deallocate()
        buckets.deallocate()
        aliases.deallocate()
        aliasBuckets.deallocate()
        domains.deallocate()
        verifiers.deallocate()
        secrets.deallocate()
    }

    /// Any sixteen octets: a salt is no secret.
    private static let populationSalt = Digest16(low: 0x4944_3DF1_6B5C_A7E2, high: 0xB08E_27D5_F913_604A)

    /// The accounts of a server that is started with a population: `user00000`... in NT domain POPLAR and
    /// `member00000`... of MEMBERSHIP, `users` of each, every one with `password` and a mailbox of its own name:
    /// mailboxes 0..<users, then users..<2 * users. Nil: the password cannot be hashed, or `shouldStop` said yes, which
    /// is asked every few thousand rows.
    public static func population(
        users: Int, password: String = "secret", shouldStop: () -> Bool = { false }
    ) -> AccountTable? {
        // One salt for all: they share the password too, and a client that plays them all derives its keys once.
        let everyForm = Credentials(password: password, salt: populationSalt)
        guard everyForm.ntHash != nil else { return nil }
        var builder = AccountTableBuilder()
        let credentials = builder.addCredentials(everyForm)
        let domain = builder.addDomain("POPLAR")
        builder.setInstance("MEMBERSHIP")
        builder.reserve(rows: 2 * users, nameOctets: users * 2 * longestName)
        for index in 0..<users {
            if index % rowsPerQuestion == 0, shouldStop() { return nil }
            builder.addNumbered("user", index, domain, credentials, UInt32(index))
        }
        for index in 0..<users {
            if index % rowsPerQuestion == 0, shouldStop() { return nil }
            builder.addNumbered("member", index, memberRealm, credentials, UInt32(users + index))
        }
        return builder.build(shouldStop: shouldStop)
    }

    /// Of a population: `member1999999`.
    private static let longestName = 13

    /// Octets that a population of `users` takes while it is made, which is when it takes the most.
    public static func populationBytes(users: Int) -> Int {
        let rows = 2 * users
        let flat = longestName + MemoryLayout<Entry>.stride + MemoryLayout<Alias>.stride
        return 2 * rows * flat + 2 * bucketCount(rows) * MemoryLayout<Int32>.stride
    }
}
