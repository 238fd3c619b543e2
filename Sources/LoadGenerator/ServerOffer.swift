// What a server says it can do, as far as a client goes by it: rows of CAPA (RFC 2449, section 6; RFC 5034, section 6) and of
// a bare AUTH (MS-POP3 2.2.1). Words that are not known are passed over; nothing of the text is kept.

import PoplarCore
import Telemetry
import Workload

struct ServerOffer: OptionSet {
    let rawValue: UInt16

    /// USER and PASS.
    static let user = ServerOffer(rawValue: 1)
    static let plain = ServerOffer(rawValue: 2)
    static let login = ServerOffer(rawValue: 4)
    static let ntlm = ServerOffer(rawValue: 8)
    static let cramMD5 = ServerOffer(rawValue: 16)
    static let scramSHA256 = ServerOffer(rawValue: 32)
    /// Distributed Password Authentication, Outlook Express's first choice.
    static let dpa = ServerOffer(rawValue: 64)
    static let stls = ServerOffer(rawValue: 128)
    static let uidl = ServerOffer(rawValue: 256)
    static let pipelining = ServerOffer(rawValue: 512)

    /// Takes one row of the answer to `probe`.
    mutating func note(_ row: Span<UInt8>, of probe: CapabilityProbe) {
        var cursor = 0
        guard let first = Self.word(row, &cursor) else { return }
        if probe == .bareAuth { return formUnion(Self.mechanism(row.extracting(first))) }
        let tag = row.extracting(first)
        if Bytes.equals(tag, "SASL") {
            while let name = Self.word(row, &cursor) { formUnion(Self.mechanism(row.extracting(name))) }
        } else if Bytes.equals(tag, "USER") {
            insert(.user)
        } else if Bytes.equals(tag, "STLS") {
            insert(.stls)
        } else if Bytes.equals(tag, "UIDL") {
            insert(.uidl)
        } else if Bytes.equals(tag, "PIPELINING") {
            insert(.pipelining)
        }
    }

    /// Whether `method` is listed. APOP never is: the greeting's timestamp offers it.
    func lists(_ method: AuthMethod) -> Bool {
        switch method {
        case .basic: contains(.user)
        case .plain: contains(.plain)
        case .login: contains(.login)
        case .ntlm, .membership: contains(.ntlm)
        case .cramMD5: contains(.cramMD5)
        case .scramSHA256: contains(.scramSHA256)
        case .apop: false
        }
    }

    private static func mechanism(_ name: Span<UInt8>) -> ServerOffer {
        if Bytes.equals(name, "NTLM") { return .ntlm }
        if Bytes.equals(name, "PLAIN") { return .plain }
        if Bytes.equals(name, "LOGIN") { return .login }
        if Bytes.equals(name, "CRAM-MD5") { return .cramMD5 }
        if Bytes.equals(name, "SCRAM-SHA-256") { return .scramSHA256 }
        if Bytes.equals(name, "DPA") { return .dpa }
        return []
    }

    /// The next word of `row`, between blanks.
    private static func word(_ row: Span<UInt8>, _ cursor: inout Int) -> Range<Int>? {
        while cursor < row.count, row[cursor] == Bytes.space { cursor &+= 1 }
        let start = cursor
        while cursor < row.count, row[cursor] != Bytes.space { cursor &+= 1 }
        return cursor > start ? start..<cursor : nil
    }
}

/// The timestamp of a greeting (RFC 1939, section 7), for APOP.
enum GreetingTimestamp {
    /// Octets of it that are taken, brackets included.
    static let limit = 512

    /// Where it stands: from `<` to `>`, printable ASCII with one `@` inside, nothing empty beside that. Anything laxer has
    /// served attacks on the digest (CVE-2007-1558).
    static func find(in line: Span<UInt8>) -> Range<Int>? {
        var start = 0
        while start < line.count, line[start] != 60 { start &+= 1 }
        var end = start &+ 1
        var at = -1
        while end < line.count, line[end] != 62 {
            let byte = line[end]
            guard byte > 32, byte < 127, byte != 60 else { return nil }
            if byte == 64 {
                guard at < 0 else { return nil }
                at = end
            }
            end &+= 1
        }
        guard end < line.count, at > start &+ 1, at < end &- 1, end &+ 1 &- start <= limit else { return nil }
        return start..<(end &+ 1)
    }
}
