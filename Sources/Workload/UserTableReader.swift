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
    private struct Cell {
        var bytes: [UInt8]
        let position: SourcePosition
    }

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var column = 1
    private var errors: DiagnosticCollector
    private var warnings: DiagnosticCollector
    private var builder = UserTableBuilder()
    private var owners: [String: (row: Int, line: Int)] = [:]

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let source = SourceText(file: file, text: "")
        errors = DiagnosticCollector(source: source, showsLines: false)
        warnings = DiagnosticCollector(source: source, showsLines: false)
    }

    mutating func read() throws(ConfigurationErrors) -> UserTable {
        let start = SourcePosition(line: 1, column: 1)
        guard bytes.count <= UserTable.fileLimit else {
            errors.report("the file is larger than 1 GiB", at: start)
            throw errors.errors()
        }
        if at < bytes.count {
            readHeader(record())
        } else {
            errors.report("the file is empty", at: start, remedy: "its first line is \(UserTable.header)")
        }
        while at < bytes.count, errors.diagnostics.count <= DiagnosticCollector.limit {
            if let cells = record() { readRow(cells) }
            if builder.isFull {
                errors.report(
                    "more than \(UserTable.rowLimit) users, or 4 GiB of them", at: SourcePosition(line: line, column: 1))
                break
            }
        }
        if errors.isEmpty, builder.rows == 0 {
            errors.report("the file has a header and no user", at: SourcePosition(line: 2, column: 1))
        }
        guard errors.isEmpty else { throw errors.errors() }
        return UserTable(builder, warnings: warnings.errors().diagnostics)
    }

    // MARK: Rows

    private mutating func readHeader(_ cells: [Cell]?) {
        guard cells != nil || errors.isEmpty else { return }
        let expected = UserColumn.allCases.map(\.name)
        let names = (cells ?? []).map { String(decoding: $0.bytes, as: UTF8.self) }
        guard names != expected else { return }
        for (index, name) in names.enumerated() where index >= expected.count || name != expected[index] {
            // Without a header the first line may be a user: do not repeat what could be a password.
            let near = Spelling.nearest(to: name, among: expected) != nil || expected.contains(name)
            errors.report(
                near ? "the column '\(name.shown(limit: 40))' is not expected here" : "this is not the header of a user table",
                at: cells?[index].position ?? SourcePosition(line: 1, column: 1),
                remedy: "the first line must be \(UserTable.header)")
            return
        }
        errors.report(
            "the header ends too early", at: SourcePosition(line: 1, column: 1),
            remedy: "the first line must be \(UserTable.header)")
    }

    private mutating func readRow(_ cells: [Cell]) {
        guard cells.count == UserColumn.allCases.count else {
            let place = cells.count > UserColumn.allCases.count ? cells[UserColumn.allCases.count].position : cells[0].position
            errors.report(
                "\(cells.count) cells where the header has \(UserColumn.allCases.count)", at: place,
                remedy: "an absent value is an empty cell; quote a value that holds a comma")
            return
        }
        check(cells, .account, .password, noun: "a POP3 account")
        check(cells, .ntUser, .ntPassword, noun: "an NT user")
        check(cells, .membershipUser, .membershipPassword, noun: "a membership user")
        if cells[UserColumn.ntUser.rawValue].bytes.isEmpty, !cells[UserColumn.ntDomain.rawValue].bytes.isEmpty {
            errors.report(
                "an nt_domain without nt_user", at: cells[UserColumn.ntDomain.rawValue].position,
                remedy: "fill nt_user and nt_password, or leave all three empty")
        }
        if cells.allSatisfy({ $0.bytes.isEmpty }) {
            errors.report("a user without any identity", at: cells[0].position, remedy: "remove the line")
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
        errors.report(
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

    // MARK: Records

    /// The cells of the next record, past its line break; nil for a blank line, and for one with errors.
    private mutating func record() -> [Cell]? {
        var cells: [Cell] = []
        var isGood = true
        while true {
            let place = SourcePosition(line: line, column: column)
            var cell = Cell(bytes: [], position: place)
            isGood = (at < bytes.count && bytes[at] == 34 ? quoted(&cell) : plain(&cell)) && isGood
            isGood = checkText(cell) && isGood
            cells.append(cell)
            guard at < bytes.count, bytes[at] == 44 else { break }
            advance()
        }
        skipLineBreak()
        if cells.count == 1, cells[0].bytes.isEmpty { return nil }
        return isGood ? cells : nil
    }

    private mutating func plain(_ cell: inout Cell) -> Bool {
        var isGood = true
        while at < bytes.count, bytes[at] != 44, bytes[at] != 10, bytes[at] != 13 {
            if bytes[at] == 34, isGood {
                errors.report(
                    "a quote inside an unquoted cell", at: SourcePosition(line: line, column: column),
                    remedy: "quote the whole cell and double the quotes in it (RFC 4180)")
                isGood = false
            }
            cell.bytes.append(bytes[at])
            advance()
        }
        return isGood
    }

    private mutating func quoted(_ cell: inout Cell) -> Bool {
        advance()
        while at < bytes.count {
            let byte = bytes[at]
            if byte == 34 {
                advance()
                guard at < bytes.count, bytes[at] == 34 else {
                    guard at >= bytes.count || bytes[at] == 44 || bytes[at] == 10 || bytes[at] == 13 else {
                        errors.report(
                            "text behind a closing quote", at: SourcePosition(line: line, column: column),
                            remedy: "a quote inside a quoted cell is doubled (RFC 4180)")
                        skipCell()
                        return false
                    }
                    return true
                }
            } else if byte == 10 || byte == 13 {
                errors.report(
                    "a quote that is not closed in its line", at: cell.position, remedy: "names and passwords hold no line break")
                return false
            }
            cell.bytes.append(byte)
            advance()
        }
        errors.report("a quote that is not closed", at: cell.position)
        return false
    }

    /// What no name and no password may hold: it would become a command, or no UTF-16.
    private mutating func checkText(_ cell: Cell) -> Bool {
        if cell.bytes.count > UserTable.cellLimit {
            errors.report("a cell of more than \(UserTable.cellLimit) octets", at: cell.position)
            return false
        }
        if cell.bytes.contains(where: { $0 < 32 || $0 == 127 }) {
            errors.report("a control character", at: cell.position)
            return false
        }
        if String(validating: cell.bytes, as: UTF8.self) == nil {
            errors.report("octets that are not UTF-8", at: cell.position, remedy: "save the file as UTF-8")
            return false
        }
        return true
    }

    private mutating func skipCell() {
        while at < bytes.count, bytes[at] != 44, bytes[at] != 10, bytes[at] != 13 { advance() }
    }

    private mutating func skipLineBreak() {
        guard at < bytes.count else { return }
        if bytes[at] == 13 { at += 1 }
        if at < bytes.count, bytes[at] == 10 { at += 1 }
        line += 1
        column = 1
    }

    private mutating func advance() {
        at += 1
        // Columns count scalars: octets that continue one are not counted.
        if at >= bytes.count || bytes[at] & 0xC0 != 0x80 { column += 1 }
    }
}
