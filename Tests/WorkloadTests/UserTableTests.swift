// User tables: CSV as people write it, its errors, and the accounts of the embedded population.

import Configuration
import Testing

@testable import Workload

/// The table of a CSV body below the right header.
func table(_ body: String, header: String = UserTable.header + "\n") throws(ConfigurationErrors) -> UserTable {
    try UserTable.load(csv: Array((header + body).utf8), file: "users.csv")
}

func tableErrors(_ body: String, header: String = UserTable.header + "\n") -> [String] {
    do throws(ConfigurationErrors) {
        _ = try table(body, header: header)
        return []
    } catch {
        return error.diagnostics.map { "\($0.position.line):\($0.position.column) \($0.message)" }
    }
}

@Suite("A user table is read exactly, and never shows a password")
struct UserTableTests {
    @Test("cells are what stands in the file, quoting undone; empty cells switch a method off")
    func cells() throws {
        let users = try table("anna,pw,DOM,Anna,\"a,\"\"b\"\"\",m1,pw2\r\n\"b o\",\" x \",,,,,\n\n,,,niño,ñ,,")
        let view = users.view
        func cell(_ user: UInt32, _ column: UserColumn) -> String { String(decoding: view.bytes(user, column), as: UTF8.self) }
        #expect(users.count == 3 && users.warnings.isEmpty)
        #expect(UserColumn.allCases.map { cell(0, $0) } == ["anna", "pw", "DOM", "Anna", "a,\"b\"", "m1", "pw2"])
        #expect(cell(1, .account) == "b o" && cell(1, .password) == " x " && cell(2, .ntUser) == "niño")
        #expect((0..<3).map { users.identities($0) } == [.all, .account, .ntUser])
        #expect(users.count(having: .account) == 2 && users.count(having: .all) == 1)
        #expect(view.bytes(3, .account).isEmpty && view.identities(3) == [])
        #expect(view.credentials(0, .member).password.elementsEqual("pw2".utf8))
    }

    @Test("a byte order mark is taken")
    func mark() throws { #expect(try table("a,b,,,,,\n", header: "\u{FEFF}" + UserTable.header + "\r\n").count == 1) }

    @Test("the embedded table names the accounts of the population")
    func embedded() {
        let view = UserTable.embedded(users: 200_010).view
        let row = UserColumn.allCases.map { String(decoding: view.bytes(7, $0), as: UTF8.self) }
        #expect(row == ["user100012", "secret", "POPLAR", "user00007", "secret", "member00007", "secret"])
        #expect(view.count == 100_005)
    }

    @Test(
        "errors have their place",
        arguments: [
            ("", "2:1 the file has a header and no user"),
            ("a,b,,,,\n", "2:1 6 cells where the header has 7"),
            ("a,b,,,,,,x\n", "2:10 8 cells where the header has 7"),
            ("a,,,,,,\n", "2:3 a POP3 account without password"),
            (",b,,,,,\n", "2:1 a POP3 account without account"),
            ("a,b,D,,,,\n", "2:5 an nt_domain without nt_user"),
            ("a,b,,n,,,\n", "2:8 an NT user without nt_password"),
            ("a,b,,,,m,\n", "2:10 a membership user without membership_password"),
            (",,,,,,\n", "2:1 a user without any identity"),
            ("ok,x,,,,,\né,\"b,,,,,\n", "3:3 a quote that is not closed in its line"),
            ("a,\"b\"c,,,,,\n", "2:6 text behind a closing quote"),
            ("a,b\"c,,,,,\n", "2:4 a quote inside an unquoted cell"),
            ("a,b\tc,,,,,\n", "2:3 a control character"),
            ("a,\"b", "2:3 a quote that is not closed"),
            (String(repeating: "x", count: 256) + ",p,,,,,\n", "2:1 a cell of more than 255 octets"),
        ])
    func places(body: String, error: String) { #expect(tableErrors(body).first == error) }

    @Test("all errors of one pass are found")
    func several() { #expect(tableErrors("a,,,,,,\nok,x,,,,,\n,b,,,,,\n,,\n").map { $0.prefix(2) } == ["2:", "4:", "5:"]) }

    @Test("the header is exact; a file without one does not have its first line repeated")
    func header() {
        #expect(tableErrors("", header: "account,passwort,x\n") == ["1:9 the column 'passwort' is not expected here"])
        #expect(tableErrors("", header: "account,password\n") == ["1:1 the header ends too early"])
        #expect(tableErrors("", header: "hunter2,s3cret,,,,,\n") == ["1:1 this is not the header of a user table"])
        #expect(tableErrors("", header: "") == ["1:1 the file is empty"])
    }

    @Test("a byte that is not UTF-8 is refused at its place, and not shown")
    func encoding() {
        let error = #expect(throws: ConfigurationErrors.self) {
            try UserTable.load(csv: Array((UserTable.header + "\na,é").utf8) + [0xFF, 44, 44, 44, 44, 44], file: "u")
        }
        #expect(error?.diagnostics.first?.message == "a byte that is not UTF-8")
        #expect(error?.diagnostics.first?.position == SourcePosition(line: 2, column: 4))
    }

    @Test("two users with one mailbox are warned of, by the alias that names it")
    func shared() throws {
        let users = try table("a,p,D,n1,p,m,p\nD\\x\\A,p,,,,,\nc,p,D,N1,p,m2,p\nm,p,,,,,\n")
        #expect(
            users.warnings.map { "\($0.position.line):\($0.position.column) \($0.message)" } == [
                "3:1 the maildrop 'A' belongs to the user of line 2 too",
                "4:7 the maildrop 'N1' belongs to the user of line 2 too",
            ])
    }

    @Test("no description, mirror or error holds a password")
    func secrecy() throws {
        let users = try table("a,hunter2,,,,,\nb,hunter2,D,n,hunter2,m,hunter2\n")
        var text = "\(users) \(String(reflecting: users)) \(users.view) \(String(reflecting: users.view))"
        dump(users, to: &text)
        dump(users.view, to: &text)
        for bad in ["a,hunter2,,hunter2,,,\n", "a,\"hunter2\"x,,,,,\n", ",hunter2,,,,,\n", "a,hunter2,b\n"] {
            let error = #expect(throws: ConfigurationErrors.self) { try table(bad) }
            text += error?.description ?? ""
        }
        #expect(!text.contains("hunter2"))
    }
}
