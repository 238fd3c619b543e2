// What a connection counts and tells of its logons and its lines. The name of an account is the one thing of a client's
// that is ever told.

import NTLM
import POP3
import PoplarCore
import SASL

/// Whose logon was tried: the name as it was sent, where the attempt got that far. It lies in the exchange's memory,
/// and is good until that is given back.
struct Attempt {
    private let name: UnsafeRawBufferPointer
    private let isUTF16: Bool
    /// What came of an NTLM answer.
    private(set) var verdict: Verdict?

    init() {
        name = UnsafeRawBufferPointer(start: nil, count: 0)
        isUTF16 = false
    }

    init(_ name: Span<UInt8>, isUTF16: Bool = false, verdict: Verdict? = nil) {
        self.verdict = verdict
        self.name = name.withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: $0.count) }
        self.isUTF16 = isUTF16
    }

    func copy(to record: inout EventRecord) {
        let octets = name.bindMemory(to: UInt8.self)
        record.keep(octets.span)
        record.isUTF16 = isUTF16
    }
}

extension Connection {
    /// The method of the exchange that is under way.
    var method: LogonMethod {
        switch sasl?.pointee.mechanism {
        case .plain: .plain
        case .login: .login
        case .ntlm: .ntlm
        case .cramMD5: .cramMD5
        case .scramSHA256: .scramSHA256
        case nil: .basic
        }
    }

    /// An attempt is over: counts it, and tells of it.
    mutating func tellLogon(
        _ method: LogonMethod, _ outcome: LogonOutcome, _ attempt: Attempt, _ resources: inout Resources
    ) {
        resources.counters.logons.count(method, outcome)
        let kind: EventKind
        switch outcome {
        case .granted: kind = .logonGranted
        case .inUse: kind = .maildropInUse
        case .refused, .noMailbox, .ambiguousAlias, .tooSoon, .malformed, .unavailable: kind = .logonRefused
        }
        guard resources.events.tells(kind) else { return }
        let origin = resources.origin
        resources.events.record(kind, resources.nowNs) {
            $0.origin = origin
            $0.method = method
            if kind == .logonRefused {
                $0.reason = .outcome(outcome)
                if outcome == .refused, let verdict = attempt.verdict { $0.reason = .verdict(verdict) }
            }
            attempt.copy(to: &$0)
        }
    }

    mutating func tellLongLine(_ limit: Int, _ resources: inout Resources) {
        guard resources.events.tells(.lineTooLong) else { return }
        let origin = resources.origin
        resources.events.record(.lineTooLong, resources.nowNs) {
            $0.origin = origin
            $0.first = UInt64(limit)
        }
    }
}
