// The CSV of `--users` (RFC 4180): the header exactly as the contracts name it, one user a line, an empty cell switching
// that method off. Invariants: no input traps; every error has a line and a column; no error shows a line, since lines
// hold passwords.

public import Configuration

extension UserTable {
    /// Octets of a file.
    public static let fileLimit = 1 << 30
    public static let header = UserColumn.allCases.map(\.name).joined(separator: ",")

    /// The table of a CSV. A byte order mark and CRLF are taken as they come. Throws all errors of one pass.
    public static func load(csv: [UInt8], file: String) throws(ConfigurationErrors) -> UserTable {
        var reader = CSVReader(csv, file: file)
        return try reader.read()
    }
}

private struct CSVReader {
    private typealias Cell = CSVRecords.Cell

    private var records: CSVRecords
    private let byteCount: Int
    private var warnings: DiagnosticCollector
    private var builder = UserTableBuilder()
    private var owners: [String: (row: Int, line: Int)] = [:]

    init(_ bytes: [UInt8], file: String) {
        records = CSVRecords(bytes, file: file)
        byteCount = bytes.count
        warnings = DiagnosticCollector(source: SourceText(file: file, text: ""), showsLines: false)
    }

    mutating func read() throws(ConfigurationErrors) -> UserTable {
        let start = SourcePosition(line: 1, column: 1)
        guard byteCount <= UserTable.fileLimit else {
            records.errors.report("the file is larger than 1 GiB", at: start)
            throw records.errors.errors()
        }
        guard records.errors.isEmpty else { throw records.errors.errors() }
        if !records.isAtEnd {
            readHeader(records.next())
        } else {
            records.errors.report("the file is empty", at: start, remedy: "its first line is \(UserTable.header)")
        }
        while !records.isAtEnd, records.errors.diagnostics.count <= DiagnosticCollector.limit {
            if let cells = records.next() { readRow(cells) }
            if builder.isFull {
                records.errors.report(
                    "more than \(UserTable.rowLimit) users, or 4 GiB of them", at: records.lineStart)
                break
            }
        }
        records.errors.isCutShort = !records.isAtEnd && records.errors.isCrowded
        if records.errors.isEmpty, builder.rows == 0 {
            records.errors.report("the file has a header and no user", at: SourcePosition(line: 2, column: 1))
        }
        guard records.errors.isEmpty else { throw records.errors.errors() }
        return UserTable(builder, warnings: warnings.errors().diagnostics)
    }

    // MARK: Rows

    private mutating func readHeader(_ cells: [Cell]?) {
        guard cells != nil || records.errors.isEmpty else { return }
        let expected = UserColumn.allCases.map(\.name)
        let names = (cells ?? []).map { String(decoding: $0.bytes, as: UTF8.self) }
        guard names != expected else { return }
        for (index, name) in names.enumerated() where index >= expected.count || name != expected[index] {
            // Without a header the first line may be a user: do not repeat what could be a password.
            let near = Spelling.nearest(to: name, among: expected) != nil || expected.contains(name)
            records.errors.report(
                near ? "the column '\(name.shown(limit: 40))' is not expected here" : "this is not the header of a user table",
                at: cells?[index].position ?? SourcePosition(line: 1, column: 1),
                remedy: "the first line must be \(UserTable.header)")
            return
        }
        records.errors.report(
            "the header ends too early", at: SourcePosition(line: 1, column: 1),
            remedy: "the first line must be \(UserTable.header)")
    }

    private mutating func readRow(_ cells: [Cell]) {
        guard cells.count == UserColumn.allCases.count else {
            let place = cells.count > UserColumn.allCases.count ? cells[UserColumn.allCases.count].position : cells[0].position
            records.errors.report(
                "\(cells.count) cells where the header has \(UserColumn.allCases.count)", at: place,
                remedy: "an absent value is an empty cell; quote a value that holds a comma")
            return
        }
        check(cells, .account, .password, noun: "a POP3 account")
        check(cells, .ntUser, .ntPassword, noun: "an NT user")
        check(cells, .membershipUser, .membershipPassword, noun: "a membership user")
        if cells[UserColumn.ntUser.rawValue].bytes.isEmpty, !cells[UserColumn.ntDomain.rawValue].bytes.isEmpty {
            records.errors.report(
                "an nt_domain without nt_user", at: cells[UserColumn.ntDomain.rawValue].position,
                remedy: "fill nt_user and nt_password, or leave all three empty")
        }
        if cells.allSatisfy({ $0.bytes.isEmpty }) {
            records.errors.report("a user without any identity", at: cells[0].position, remedy: "remove the line")
        }
        noteOwner(cells[UserColumn.account.rawValue], namespace: "nt")
        noteOwner(cells[UserColumn.ntUser.rawValue], namespace: "nt")
        noteOwner(cells[UserColumn.membershipUser.rawValue], namespace: "member")
        for cell in cells { builder.append(cell.bytes) }
    }

    private mutating func check(_ cells: [Cell], _ name: UserColumn, _ password: UserColumn, noun: String) {
        let hasName = !cells[name.rawValue].bytes.isEmpty
        let hasPassword = !cells[password.rawValue].bytes.isEmpty
        guard hasName != hasPassword else { return }
        let missing = hasName ? password : name
        records.errors.report(
            "\(noun) without \(missing.name)", at: cells[missing.rawValue].position,
            remedy: "fill \(name.name) and \(password.name), or leave both empty to switch the method off for this user")
    }

    /// Two rows with one maildrop would lock each other out. The last part of `DOMAIN\account\alias` names the maildrop.
    private mutating func noteOwner(_ cell: Cell, namespace: String) {
        guard !cell.bytes.isEmpty else { return }
        let text = String(decoding: cell.bytes, as: UTF8.self)
        let alias = text.split(whereSeparator: { $0 == "\\" || $0 == "/" }).last.map(String.init) ?? text
        let key = "\(namespace) \(alias.lowercased())"
        if let first = owners[key], first.row != builder.rows {
            if warnings.diagnostics.count < DiagnosticCollector.limit {
                warnings.report(
                    "the maildrop '\(alias.shown(limit: 60))' belongs to the user of line \(first.line) too", at: cell.position,
                    remedy: "a maildrop takes one session at a time (RFC 1939): give it to one user only")
            }
        } else {
            owners[key] = (builder.rows, cell.position.line)
        }
    }
}
