// Starts of sessions recorded elsewhere, to be replayed: when, by whom, and what they do. A CSV (RFC 4180) with the header
// `time,user,script`, read once the users are known, so that each name is a row before the run begins.
// Invariants: times never decrease; each user has what each script of his line needs; no input traps.

public import Configuration
import PoplarCore

/// Where a profile names its trace.
public struct TraceSource: Sendable {
    /// As given: relative to the profile's folder.
    public let path: String
    let position: SourcePosition
}

/// The starts of a trace, as rows of the user table and of the profile's scripts.
public struct Trace: Sendable {
    struct Start: Sendable, Equatable {
        /// Nanoseconds from the run's start.
        let ns: UInt64
        /// Row of the user table.
        let user: UInt32
        /// Index into `choices`: the scripts that its line leaves open.
        let choice: UInt16
    }

    /// Starts of a file.
    public static let startLimit = 10_000_000
    /// Octets of a file.
    public static let fileLimit = 1 << 30
    public static let header = "time,user,script"

    /// Of the file, for the manifest; what is not asked for is empty.
    public internal(set) var sha256 = ""
    var starts: [Start] = []
    var choices: [AliasTable] = []

    /// Sessions that it starts.
    public var count: Int { starts.count }

    /// Starts that come within `withinNs` of the same user's earlier one.
    func closeStarts(withinNs: UInt64, users: Int) -> Int {
        var last = [UInt64?](repeating: nil, count: users)
        return starts.count { start in
            defer { last[Int(start.user)] = start.ns }
            guard let earlier = last[Int(start.user)] else { return false }
            return start.ns - earlier < withinNs
        }
    }
}

extension Profile {
    /// The profile with the starts of its trace; `file` is its name in errors. The phases take the mean rates that it has in
    /// them. Throws all errors of one pass.
    public func replaying(
        csv: [UInt8], file: String, users: UserTable, sha256: String = ""
    ) throws(ConfigurationErrors) -> Profile {
        var reader = TraceReader(csv, file: file, profile: self, users: users)
        var trace = try reader.read()
        trace.sha256 = sha256
        var changed = self
        changed.trace = trace
        var edge: UInt64 = 0
        var at = 0
        for index in phases.indices {
            edge &+= phases[index].durationNs
            let first = at
            while at < trace.starts.count, trace.starts[at].ns < edge { at += 1 }
            let rate = Double(at - first) / (Double(phases[index].durationNs) / 1e9)
            changed.phases[index].startRate = rate
            changed.phases[index].endRate = rate
        }
        return changed
    }

    /// The error of a trace that cannot be read, at the place that names it.
    public func traceError(_ message: String) -> ConfigurationErrors {
        var collector = DiagnosticCollector(source: SourceText(file: file, text: sourceText))
        collector.report(
            message, at: traceSource?.position ?? SourcePosition(line: 1, column: 1),
            remedy: "the name is taken relative to the profile's folder")
        return collector.errors()
    }
}

private struct TraceReader {
    private var records: CSVRecords
    private let byteCount: Int
    private let profile: Profile
    private let users: UserTable
    private let endNs: UInt64
    private var trace = Trace()
    /// Row by account, NT user or membership user, in that order of precedence.
    private var rows: [String: UInt32] = [:]
    /// Index of `Trace.choices` by what the user has and the script's words.
    private var known: [String: UInt16] = [:]
    private var isMeasured = false

    init(_ csv: [UInt8], file: String, profile: Profile, users: UserTable) {
        records = CSVRecords(csv, file: file)
        byteCount = csv.count
        self.profile = profile
        self.users = users
        endNs = profile.durationNs
    }

    mutating func read() throws(ConfigurationErrors) -> Trace {
        let start = SourcePosition(line: 1, column: 1)
        guard byteCount <= Trace.fileLimit else {
            records.errors.report("the file is larger than 1 GiB", at: start)
            throw records.errors.errors()
        }
        guard records.errors.isEmpty else { throw records.errors.errors() }
        let header = records.isAtEnd ? nil : records.next()
        if header?.map(\.text).joined(separator: ",") != Trace.header {
            records.errors.report("this is not the header of a trace", at: start, remedy: "the first line is \(Trace.header)")
            throw records.errors.errors()
        }
        nameRows()
        while !records.isAtEnd, records.errors.diagnostics.count <= DiagnosticCollector.limit {
            let place = records.lineStart
            if trace.count >= Trace.startLimit {
                records.errors.report("more than \(Trace.startLimit) starts", at: place)
                break
            }
            if let cells = records.next() { readStart(cells) }
        }
        records.errors.isCutShort = !records.isAtEnd && records.errors.isCrowded
        if records.errors.isEmpty, !isMeasured {
            records.errors.report("no start lies in a measured phase", at: SourcePosition(line: 2, column: 1))
        }
        guard records.errors.isEmpty else { throw records.errors.errors() }
        return trace
    }

    private mutating func nameRows() {
        let view = users.view
        for column in [UserColumn.account, .ntUser, .membershipUser] {
            for user in 0..<UInt32(users.count) {
                let cell = view.bytes(user, column)
                guard !cell.isEmpty else { continue }
                let name = String(decoding: cell, as: UTF8.self)
                if rows[name] == nil { rows[name] = user }
            }
        }
    }

    private mutating func readStart(_ cells: [CSVRecords.Cell]) {
        guard cells.count == 3 else {
            records.errors.report(
                "\(cells.count) cells where the header has 3", at: cells[min(cells.count - 1, 3)].position,
                remedy: "an empty script is an empty cell: any script of the profile")
            return
        }
        guard let ns = readTime(cells[0]), let user = readUser(cells[1]), let choice = readScript(cells[2], user) else { return }
        trace.starts.append(Trace.Start(ns: ns, user: user, choice: choice))
    }

    // MARK: Cells

    /// Seconds with a fraction, exact to the nanosecond: no number of a file goes through a floating point.
    private mutating func readTime(_ cell: CSVRecords.Cell) -> UInt64? {
        guard let ns = Self.nanoseconds(cell.bytes) else {
            records.errors.report(
                "'\(cell.text.shown(limit: 60))' is no time", at: cell.position,
                remedy: "seconds from the run's start, with a fraction: 12.0625")
            return nil
        }
        if ns >= endNs {
            records.errors.report(
                "a start at or behind the end of the last phase", at: cell.position,
                remedy: "lengthen the phases, which end at \(Double(endNs) / 1e9) s, or cut the trace")
            return nil
        }
        if let last = trace.starts.last, ns < last.ns {
            records.errors.report(
                "a start before that of an earlier line", at: cell.position, remedy: "sort the trace by its times")
            return nil
        }
        if !isMeasured { isMeasured = phase(at: ns) }
        return ns
    }

    private static func nanoseconds(_ text: [UInt8]) -> UInt64? {
        let parts = text.split(separator: 46, maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, (1...8).contains(whole.count), parts.count == 1 || !parts[1].isEmpty,
            parts.allSatisfy({ $0.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        var ns = whole.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 48) }
        let fraction = parts.count > 1 ? Array(parts[1].prefix(9)) : []
        for place in 0..<9 { ns = ns * 10 + (place < fraction.count ? UInt64(fraction[place] - 48) : 0) }
        return ns
    }

    private func phase(at ns: UInt64) -> Bool {
        var edge: UInt64 = 0
        for phase in profile.phases {
            edge &+= phase.durationNs
            if ns < edge { return phase.isMeasured }
        }
        return false
    }

    private mutating func readUser(_ cell: CSVRecords.Cell) -> UInt32? {
        let name = cell.text
        if let user = rows[name] { return user }
        if let row = ScalarText.integer(name), row < UInt64(users.count) { return UInt32(row) }
        records.errors.report(
            "there is no user '\(name.shown(limit: 60))'", at: cell.position,
            remedy: "an account, an NT user or a membership user of the user table, or a row of it from 0 to \(users.count - 1)")
        return nil
    }

    private mutating func readScript(_ cell: CSVRecords.Cell, _ user: UInt32) -> UInt16? {
        let identities = users.identities(Int(user))
        let key = "\(identities.rawValue) \(cell.text)"
        if let choice = known[key] { return choice }
        guard let matching = matches(cell) else { return nil }
        let weights = matching.map { profile.scripts.rows[$0].needs.isSubset(of: identities) ? profile.scripts.shares[$0] : 0 }
        guard weights.contains(where: { $0 > 0 }) else {
            records.errors.report(
                "no session of '\(cell.text.shown(limit: 60))' can be this user's: he has \(identities.text)", at: cell.position,
                remedy: "name another user or another script, or fill his line of the user table")
            return nil
        }
        let choice = UInt16(clamping: trace.choices.count)
        var all = [Double](repeating: 0, count: profile.scripts.rows.count)
        for (row, weight) in zip(matching, weights) { all[row] = weight }
        trace.choices.append(AliasTable(weights: all))
        known[key] = choice
        return choice
    }

    /// The scripts that a cell means: those of a client, of a mailbox work, of both as `client/work`, or all where it is empty.
    private mutating func matches(_ cell: CSVRecords.Cell) -> [Int]? {
        let name = cell.text
        func rows(client: String?, work: String?) -> [Int] {
            profile.scripts.rows.indices.filter { index in
                let row = profile.scripts.rows[index]
                return client.map { $0 == profile.clients[Int(row.client)].name } ?? true
                    && work.map { $0 == profile.workNames[Int(row.work.index)] } ?? true
            }
        }
        if name.isEmpty { return rows(client: nil, work: nil) }
        let clients = rows(client: name, work: nil)
        let works = rows(client: nil, work: name)
        if !clients.isEmpty, !works.isEmpty {
            records.errors.report(
                "'\(name.shown(limit: 60))' is both a client and a mailbox work", at: cell.position,
                remedy: "write '\(name.shown(limit: 60))/' for the client, '/\(name.shown(limit: 60))' for the work")
            return nil
        }
        var found = clients + works
        if found.isEmpty, let slash = name.firstIndex(of: "/") {
            let (client, work) = (String(name[..<slash]), String(name[name.index(after: slash)...]))
            found = rows(client: client.isEmpty ? nil : client, work: work.isEmpty ? nil : work)
        }
        if found.isEmpty {
            records.errors.report(
                "no session of the profile is called '\(name.shown(limit: 60))'", at: cell.position,
                remedy: Spelling.advice(for: name, among: profile.clients.map(\.name) + profile.workNames, noun: "valid"))
            return nil
        }
        return found
    }
}
