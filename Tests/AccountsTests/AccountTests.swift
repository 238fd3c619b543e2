// The grammar of account names, and the table behind it, against plain expectations.

import Accounts
import NTLM
import Testing

@Suite("Account names")
struct AccountNameTests {
    /// The parts of a name as text, nil where a part is not given.
    private func parts(_ name: String) -> [String?]? {
        let octets = Array(name.utf8)
        guard let parsed = AccountName.parse(octets.span) else { return nil }
        func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: octets[$0], as: UTF8.self) } }
        return [text(parsed.domain), text(parsed.account), text(parsed.alias)]
    }

    @Test(
        "the three forms, both separators, and aliases with separators in them",
        arguments: [
            ("suzanf", [nil, "suzanf", nil]), ("DOM\\suzanf", ["DOM", "suzanf", nil]), ("DOM/suzanf", ["DOM", "suzanf", nil]),
            ("DOM\\user\\alias", ["DOM", "user", "alias"]), ("dom\\user/mailbox", ["dom", "user", "mailbox"]),
            ("DOM\\userid\\joe\\smith", ["DOM", "userid", "joe\\smith"]), ("D\\\\u\\\\m", ["D", "u", "m"]),
            ("a b", [nil, "a b", nil]),
        ] as [(String, [String?])])
    func forms(name: String, expected: [String?]) {
        #expect(parts(name) == expected)
    }

    @Test("an empty part is no part", arguments: ["", "\\", "\\u", "D\\", "D\\u\\", "D\\\\", "//", "D//u//"])
    func empty(name: String) {
        #expect(parts(name) == nil)
    }
}

@Suite("The account table")
struct AccountTableTests {
    static let secret = Array("secret".utf8)

    private func hash(_ password: String) throws -> NTHash {
        let octets = Array(password.utf8)
        guard let hash = NTHash(passwordUTF8: octets.span) else { throw TableError() }
        return hash
    }

    private struct TableError: Error {}

    private func logOn(_ table: AccountTable, _ name: String, _ password: String) -> LogonResult {
        let (name, password) = (Array(name.utf8), Array(password.utf8))
        return table.basicLogon(name: name.span, password: password.span)
    }

    @Test("without a domain the first domain that holds the account wins, with one that domain alone")
    func searchOrder() throws {
        var builder = AccountTableBuilder()
        let first = builder.addDomain("ONE")
        let second = builder.addDomain("TWO")
        builder.addAccount("both", domain: second, hash: try hash("two"), mailbox: 2)
        builder.addAccount("both", domain: first, hash: try hash("one"), mailbox: 1)
        builder.addAccount("late", domain: second, hash: try hash("late"), mailbox: 3)
        builder.addMailbox("both", mailbox: 1)
        builder.addMailbox("late", mailbox: 3)
        let table = builder.build()
        #expect(logOn(table, "both", "one") == .granted(mailbox: 1))
        #expect(logOn(table, "both", "two") == .refused)
        #expect(logOn(table, "TWO\\both", "two") == .mailboxUnavailable)
        #expect(logOn(table, "late", "late") == .granted(mailbox: 3))
        #expect(logOn(table, "ONE\\late", "late") == .refused)
    }

    @Test("an alias of two mailboxes is ambiguous, and one of none not available")
    func aliases() throws {
        var builder = AccountTableBuilder()
        let domain = builder.addDomain("DOM")
        builder.addAccount("twice", domain: domain, hash: try hash("x"), mailbox: 1)
        builder.addAccount("never", domain: domain, hash: try hash("x"), mailbox: 2)
        builder.addMailbox("twice", mailbox: 1)
        builder.addMailbox("TWICE", mailbox: 5)
        let table = builder.build()
        #expect(logOn(table, "twice", "x") == .ambiguousAlias)
        #expect(logOn(table, "never", "x") == .mailboxUnavailable)
        #expect(logOn(table, "twice", "y") == .refused)
    }

    @Test("every account of a population is found, and nobody else", arguments: [1, 7, 1000])
    func population(users: Int) throws {
        let made = AccountTable.population(users: users)
        let table = try #require(made)
        for index in 0..<users {
            let name = "user" + String(repeating: "0", count: 5 - String(index).count) + String(index)
            #expect(logOn(table, name, "secret") == .granted(mailbox: UInt32(index)))
        }
        #expect(logOn(table, "user99999", "secret") == .refused)
        #expect(logOn(table, "user0000", "secret") == .refused)
        let member = Array("MEMBER00000".utf8)
        let account = table.member(member.span)
        #expect(account.map { table.mailbox(of: $0) } == UInt32(users))
        #expect(table.account(member.span, domain: nil) == nil)
    }
}

@Suite("A population's accounts")
struct PopulationAccountTests {
    private func mailbox(_ table: AccountTable, _ name: String, member: Bool = false) -> UInt32? {
        let octets = Array(name.utf8)
        let account = member ? table.member(octets.span) : table.account(octets.span, domain: nil)
        return account.map { table.mailbox(of: $0) }
    }

    @Test("names have five digits, more where the number needs them, and each opens the mailbox of its name")
    func names() throws {
        let users = 100_002
        let table = try #require(AccountTable.population(users: users))
        for (name, number) in [("user00000", 0), ("user00042", 42), ("USER99999", 99_999), ("user100001", 100_001)] {
            #expect(mailbox(table, name) == UInt32(number))
            let password = Array("secret".utf8)
            let octets = Array(name.utf8)
            #expect(table.basicLogon(name: octets.span, password: password.span) == .granted(mailbox: UInt32(number)))
        }
        #expect(mailbox(table, "member00042", member: true) == UInt32(users + 42))
        for name in ["user0042", "user000042", "user100002", "member00042", ""] { #expect(mailbox(table, name) == nil) }
    }

    @Test("making them ends when it is told to, whatever it is at")
    func stops() {
        var questions = 0
        let whole = AccountTable.population(users: 10_000) {
            questions += 1
            return false
        }
        #expect(whole != nil && questions > 8)
        for last in 1...questions {
            var asked = 0
            let made = AccountTable.population(users: 10_000) {
                asked += 1
                return asked == last
            }
            #expect(made == nil && asked == last)
        }
    }
}
