// What each kind of stored password lets in: APOP, CRAM-MD5 and SCRAM against tables whose accounts have some kinds and lack
// others. A name without the kind is to the method as a name that is not there.

import Accounts
import Digest
import NTLM
import Testing

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

private func hex(_ digest: Digest16, uppercase: Bool = false) -> [UInt8] {
    (0..<16).flatMap { index -> [UInt8] in
        let digits = String(digest[index], radix: 16, uppercase: uppercase)
        return octets(String(repeating: "0", count: 2 - digits.count) + digits)
    }
}

private let salt = Digest16(low: 1, high: 2)
private let otherSalt = Digest16(low: 3, high: 4)
private let key = SHA256.hash(octets("decoys").span)

/// One account per kind, `every` with all of them and `none` with none, in domain ONE; `late` in TWO.
private func table() -> AccountTable {
    var builder = AccountTableBuilder()
    let one = builder.addDomain("ONE")
    let two = builder.addDomain("TWO")
    builder.setInstance("MEMBERS")
    let every = Credentials(password: "secret", salt: salt)
    let forms: [(String, Credentials)] = [
        ("every", every), ("none", Credentials()), ("hash", Credentials(ntHash: every.ntHash)),
        ("clear", Credentials(clearText: every.clearText)), ("scram", Credentials(scram: every.scram)),
        ("late", Credentials(password: "later", salt: otherSalt)),
    ]
    for (index, (name, credentials)) in forms.enumerated() {
        let id = builder.addCredentials(credentials)
        builder.addAccount(name, domain: name == "late" ? two : one, credentials: id, mailbox: UInt32(index))
        builder.addMailbox(name, mailbox: UInt32(index))
    }
    builder.addMember("member", credentials: builder.addCredentials(every), mailbox: 9)
    builder.addMailbox("member", mailbox: 9)
    return builder.build(decoyKey: key)
}

private let timestamp = octets("<1896.697170952@dbc.mtview.ca.us>")

private func apop(_ table: AccountTable, _ name: String, _ password: String, uppercase: Bool = false) -> LogonResult {
    let digest = hex(MD5.hash((timestamp + octets(password)).span), uppercase: uppercase)
    return table.apopLogon(name: octets(name).span, timestamp: timestamp.span, digest: digest.span)
}

private func cram(_ table: AccountTable, _ name: String, _ password: String) -> LogonResult {
    let digest = HMACMD5.authenticate(timestamp.span, key: octets(password).span)
    return table.cramLogon(name: octets(name).span, challenge: timestamp.span, digest: digest)
}

private func scram(_ table: AccountTable, _ name: String) -> LogonResult { table.scramLogon(name: octets(name).span) }

@Suite("A method lets in whom its kind of password is kept for")
struct CredentialKindTests {
    @Test(
        "each account, with the right password",
        arguments: [
            ("every", true, true, true), ("none", false, false, false), ("hash", true, false, false),
            ("clear", false, true, false), ("scram", false, false, true), ("nobody", false, false, false),
            ("member", false, false, false),
        ])
    func kinds(name: String, basic: Bool, clearText: Bool, scramSHA256: Bool) {
        let table = table()
        let password = table.basicLogon(name: octets(name).span, password: octets("secret").span)
        #expect((password != .refused) == basic)
        #expect((apop(table, name, "secret") != .refused) == clearText)
        #expect((cram(table, name, "secret") != .refused) == clearText)
        #expect((scram(table, name) != .refused) == scramSHA256)
    }

    @Test("a wrong password is refused", arguments: ["every", "clear", "nobody", "none"], ["", "Secret", "secret ", "later"])
    func wrong(name: String, password: String) {
        #expect(apop(table(), name, password) == .refused)
        #expect(cram(table(), name, password) == .refused)
    }

    @Test(
        "Basic lets in the same with the clear text kept and without, and where an account's clear text is not its hash's",
        arguments: ["secret", "Secret", "secre", "secrets", "secrett", "", "s", "pass", "s\u{F6}cret"])
    func sameBasic(password: String) {
        let answers = [true, false].flatMap { keepsClearText in
            [nil, "other"].map { (other: String?) in
                var builder = AccountTableBuilder()
                let domain = builder.addDomain("ONE")
                for (index, own) in ["secret", "pass", "s\u{F6}cret"].enumerated() {
                    var credentials = Credentials(password: own, salt: salt)
                    if !keepsClearText { credentials.clearText = nil }
                    if let other, index == 1 { credentials.clearText = octets(other) }
                    let id = builder.addCredentials(credentials)
                    builder.addAccount("user\(index)", domain: domain, credentials: id, mailbox: UInt32(index))
                    builder.addMailbox("user\(index)", mailbox: UInt32(index))
                }
                let table = builder.build(decoyKey: key)
                return ["user0", "user1", "user2", "nobody", "\\"].map {
                    table.basicLogon(name: octets($0).span, password: octets(password).span)
                }
            }
        }
        let expected: [LogonResult] = ["secret", "pass", "s\u{F6}cret"].enumerated().map {
            $0.element == password ? .granted(mailbox: UInt32($0.offset)) : .refused
        }
        #expect(answers == Array(repeating: expected + [.refused, .refused], count: 4))
    }

    @Test("the kinds of a table are those of its NT accounts")
    func union() {
        #expect(table().kinds == [.ntHash, .lmHash, .clearText, .scramSHA256])
        var builder = AccountTableBuilder()
        let domain = builder.addDomain("ONE")
        #expect(builder.build().kinds == [])
        let every = Credentials(password: "secret", salt: salt)
        builder.addMember("member", credentials: builder.addCredentials(every), mailbox: 0)
        #expect(builder.build().kinds == [])
        builder.addAccount(
            "hash", domain: domain, credentials: builder.addCredentials(Credentials(ntHash: every.ntHash)), mailbox: 1)
        #expect(builder.build().kinds == [.ntHash])
    }

    @Test("names follow Basic's grammar, aliases included")
    func names() {
        let table = table()
        for name in ["every", "EVERY", "ONE\\every", "one/every", "ONE\\every\\every"] {
            #expect(apop(table, name, "secret") == .granted(mailbox: 0))
            #expect(cram(table, name, "secret") == .granted(mailbox: 0))
            #expect(scram(table, name) == .granted(mailbox: 0))
        }
        for name in ["TWO\\every", "NONE\\every", "MEMBERS\\member", "ONE\\", ""] {
            #expect(apop(table, name, "secret") == .refused && cram(table, name, "secret") == .refused)
            #expect(scram(table, name) == .refused)
        }
        #expect(scram(table, "ONE\\every\\late") == .mailboxUnavailable)
    }
}

@Suite("APOP (RFC 1939, section 7)")
struct APOPTests {
    @Test("the RFC's example, its digits in either case")
    func example() {
        var builder = AccountTableBuilder()
        let domain = builder.addDomain("ONE")
        let credentials = builder.addCredentials(Credentials(clearText: octets("tanstaaf")))
        builder.addAccount("mrose", domain: domain, credentials: credentials, mailbox: 7)
        builder.addMailbox("mrose", mailbox: 7)
        let table = builder.build()
        for digest in ["c4c9334bac560ecc979e58001b3e22fb", "C4C9334BAC560ECC979E58001B3E22FB"] {
            let result = table.apopLogon(name: octets("mrose").span, timestamp: timestamp.span, digest: octets(digest).span)
            #expect(result == .granted(mailbox: 7))
        }
        for bad in [
            "", "c4c9334bac560ecc979e58001b3e22f", "c4c9334bac560ecc979e58001b3e22fb0", "g4c9334bac560ecc979e58001b3e22fb",
        ] {
            let result = table.apopLogon(name: octets("mrose").span, timestamp: timestamp.span, digest: octets(bad).span)
            #expect(result == .refused)
        }
    }

    @Test("one digit changed is refused", arguments: 0..<32)
    func changed(place: Int) {
        var digest = hex(MD5.hash((timestamp + octets("secret")).span))
        digest[place] = digest[place] == 48 ? 49 : 48
        let result = table().apopLogon(name: octets("every").span, timestamp: timestamp.span, digest: digest.span)
        #expect(result == .refused)
    }
}

@Suite("SCRAM's decoys")
struct DecoyTests {
    private func salt(_ name: String, _ table: AccountTable) -> SCRAMVerifier { table.scramVerifier(name: octets(name).span) }

    @Test("an account's verifier is its own; a name without one gets the same decoy each time")
    func stable() {
        let table = table()
        #expect(salt("every", table).salt == Digest16(low: 1, high: 2))
        #expect(salt("late", table).salt == otherSalt)
        for name in ["ghost", "none", "hash", "member", "", "NONE\\every"] {
            #expect(salt(name, table) == salt(name, table))
            #expect(salt(name, table).iterations == 4096)
            #expect(salt(name, table).salt != Digest16(low: 1, high: 2))
        }
        #expect(salt("ghost", table).salt != salt("wraith", table).salt)
        #expect(salt("none", table).salt != salt("hash", table).salt)
    }

    @Test("the spellings that mean one account have one salt, whether there is an account or not")
    func spellings() {
        let table = table()
        for name in ["every", "ghost"] {
            let own = salt(name, table).salt
            for same in [name.uppercased(), "ONE\\" + name, "one/" + name, "ONE\\" + name + "\\alias"] {
                #expect(salt(same, table).salt == own)
            }
            for other in ["TWO\\" + name, "NONE\\" + name, name + "x"] { #expect(salt(other, table).salt != own) }
        }
    }

    @Test("another key gives other decoys; without one each table has its own")
    func keyed() {
        var builder = AccountTableBuilder()
        _ = builder.addDomain("ONE")
        let first = builder.build(decoyKey: key)
        let second = builder.build()
        let third = builder.build()
        #expect(salt("ghost", first) != salt("ghost", second))
        #expect(salt("ghost", second) != salt("ghost", third))
    }

    @Test("where all accounts share a salt, the decoys share it too")
    func common() throws {
        let made = AccountTable.population(users: 3)
        let table = try #require(made)
        #expect(salt("ghost", table).salt == salt("user00001", table).salt)
        #expect(salt("ghost", table).storedKey != salt("user00001", table).storedKey)
        #expect(scram(table, "user00001") == .granted(mailbox: 1) && scram(table, "ghost") == .refused)
        #expect(table.kinds == [.ntHash, .lmHash, .clearText, .scramSHA256])
        #expect(apop(table, "user00002", "secret") == .granted(mailbox: 2))
        #expect(cram(table, "POPLAR\\user00002", "secret") == .granted(mailbox: 2))
    }
}
