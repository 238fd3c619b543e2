// Records of a CSV file (RFC 4180), one after the other: what user tables and traces are read with. A byte order mark and
// CRLF are taken as they come. Invariants: no input traps; every error has a line and a column; no error shows a line, since
// lines may hold passwords.

import Configuration

struct CSVRecords {
    struct Cell {
        var bytes: [UInt8]
        let position: SourcePosition
        var isQuoted = false

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var column = 1
    var errors: DiagnosticCollector

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        errors = DiagnosticCollector(source: SourceText(file: file, text: ""), showsLines: false)
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            errors.report(
                "the file is UTF-16 text, not UTF-8", at: SourcePosition(line: 1, column: 1),
                remedy: "save it as UTF-8, for example by `iconv -f utf-16 -t utf-8`")
            at = bytes.count
        }
    }

    var isAtEnd: Bool { at >= bytes.count }
    /// The beginning of the line that comes next.
    var lineStart: SourcePosition { SourcePosition(line: line, column: 1) }

    /// The cells of the next record, past its line break; nil for a blank line, and for one with errors.
    mutating func next() -> [Cell]? {
        var cells: [Cell] = []
        var isGood = true
        while true {
            let place = SourcePosition(line: line, column: column)
            var cell = Cell(bytes: [], position: place, isQuoted: at < bytes.count && bytes[at] == 34)
            isGood = (cell.isQuoted ? quoted(&cell) : plain(&cell)) && isGood
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
            // The byte itself may be one of a password's: its place must do.
            let before = SourceText.validPrefix(of: cell.bytes)
            let column = cell.position.column + before + (cell.isQuoted ? 1 : 0)
            errors.report(
                "a byte that is not UTF-8", at: SourcePosition(line: cell.position.line, column: column),
                remedy: "save the file as UTF-8, from Latin-1 by `iconv -f latin1 -t utf-8`")
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
