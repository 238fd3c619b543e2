// Logons by method and by what came of them: a table of plain numbers, one row a method. The names are those of the
// results (contracts.md 5), so that server and generator can be laid side by side.

/// How somebody logged on, as far as it is known when the attempt ends.
enum LogonMethod: UInt8, CaseIterable {
    /// USER and PASS.
    case basic
    case plain
    case login
    case apop
    case cramMD5
    case scramSHA256
    case ntlm
    case membership

    var name: StaticString {
        switch self {
        case .basic: "basic"
        case .plain: "plain"
        case .login: "login"
        case .apop: "apop"
        case .cramMD5: "cram_md5"
        case .scramSHA256: "scram_sha_256"
        case .ntlm: "ntlm"
        case .membership: "membership"
        }
    }

    /// Whether the password itself is sent: Exchange's Basic logon.
    var isClearText: Bool { self == .basic || self == .plain || self == .login }
}

enum LogonOutcome: UInt8, CaseIterable {
    case granted
    /// Unknown account or wrong password, which nobody outside can tell apart.
    case refused
    /// Right credentials, and no mailbox that they open.
    case noMailbox
    /// The alias belongs to several of the account's mailboxes.
    case ambiguousAlias
    case inUse
    /// Again, sooner than the log-on delay allows.
    case tooSoon
    /// The exchange was malformed, cancelled or out of sequence.
    case malformed
    /// Something that the server needed was not to be had.
    case unavailable

    var name: StaticString {
        switch self {
        case .granted: "granted"
        case .refused: "refused"
        case .noMailbox: "no_mailbox"
        case .ambiguousAlias: "ambiguous_alias"
        case .inUse: "in_use"
        case .tooSoon: "too_soon"
        case .malformed: "malformed"
        case .unavailable: "unavailable"
        }
    }
}

struct LogonCounters {
    private static let width = 8
    private var cells = InlineArray<64, UInt64>(repeating: 0)

    private static func index(_ method: LogonMethod, _ outcome: LogonOutcome) -> Int {
        (Int(method.rawValue) &* width &+ Int(outcome.rawValue)) & 63
    }

    mutating func count(_ method: LogonMethod, _ outcome: LogonOutcome) { cells[Self.index(method, outcome)] &+= 1 }

    subscript(method: LogonMethod, outcome: LogonOutcome) -> UInt64 { cells[Self.index(method, outcome)] }

    /// Attempts of a method that were not granted.
    func refused(_ method: LogonMethod) -> UInt64 {
        var sum: UInt64 = 0
        for outcome in LogonOutcome.allCases where outcome != .granted { sum &+= self[method, outcome] }
        return sum
    }
}
