// The first failures of a thread, for a person to read: what failed, when, and the server's own words where it spoke.
// Written by the thread, read by anyone: a note is complete before the count that shows it. Bounded per class; holds
// replies of the server alone, never what the client sent, and of a reply that repeats a secret nothing that tells it.

internal import Dialogue
import Glibc
import PoplarCore
import Synchronization
public import TLS
public import Telemetry

/// A failed step, as an example.
public struct FailureNote: Sendable {
    public var kind: ErrorClass
    public var step: Step
    public var auth: AuthMethod
    public var transport: Transport
    /// Since the start of the run.
    public var atNs: UInt64
    /// The start of the server's line, where it answered, with the user's secrets masked, or what two figures of its are that
    /// do not agree, or why TLS failed; else empty.
    public var reply: String
    /// Why TLS failed, where it did.
    public var tlsCause: TLSFailure.Cause?
}

/// The start of a reply, kept inline.
struct ReplyExcerpt {
    private var kept = InlineArray<120, UInt8>(repeating: 0)
    private(set) var count = 0
    /// It is a remark of ours, where no one line was wrong.
    private(set) var isRemark = false
    /// Why TLS failed. What is kept beside it is what a server said in its place.
    private(set) var tls: TLSFailure?

    mutating func keep(_ line: Span<UInt8>) {
        isRemark = false
        tls = nil
        count = min(line.count, kept.count)
        for index in 0..<count { kept[index] = line[index] }
    }

    /// `clear`: what came in the place of TLS, of which the first line is kept.
    mutating func keep(_ failure: TLSFailure, _ clear: UnsafeRawBufferPointer) {
        var end = 0
        while end < clear.count, clear[end] != Bytes.carriageReturn, clear[end] != Bytes.lineFeed { end &+= 1 }
        isRemark = false
        count = min(end, kept.count)
        for index in 0..<count { kept[index] = clear[index] }
        tls = failure
    }

    /// Two figures that should be one, each behind its words.
    mutating func remark(_ first: StaticString, _ one: UInt64, _ second: StaticString, _ other: UInt64) {
        isRemark = true
        tls = nil
        var span = kept.mutableSpan
        count = span.withUnsafeMutableBytes { room in
            var writer = ByteWriter(room)
            writer.append(first)
            writer.append(decimal: one)
            writer.append(second)
            writer.append(decimal: other)
            return writer.count
        }
    }

    /// What is wrong without a figure.
    mutating func remark(_ words: StaticString) {
        isRemark = true
        tls = nil
        count = min(words.utf8CodeUnitCount, kept.count)
        for index in 0..<count { kept[index] = words.utf8Start[index] }
    }

    mutating func clear() {
        count = 0
        tls = nil
    }

    /// What a failure of TLS came to, with the server's own words behind it; nil for other failures.
    func tlsText(_ secrets: Secrets) -> String? {
        guard let tls else { return nil }
        return count > 0 ? "\(tls.description): \(Redactor.text(octets, secrets: secrets, isCut: isCut))" : tls.description
    }

    /// Whether the line may have gone on.
    var isCut: Bool { count == kept.count }
    var octets: [UInt8] { (0..<count).map { kept[$0] } }
}

final class FailureNotes: @unchecked Sendable {
    private struct Entry {
        var kind: ErrorClass
        var step: Step
        var auth: AuthMethod
        var transport: Transport
        var atNs: UInt64
        var user: UInt32
        var reply: ReplyExcerpt
    }

    private static let perClass = 5
    private let entries: UnsafeMutablePointer<Entry>
    private let counts: UnsafeMutablePointer<UInt8>
    private let filled = Atomic<Int>(0)

    init() {
        entries = .allocate(capacity: Self.perClass * ErrorClass.count)
        counts = .allocate(capacity: ErrorClass.count)
        counts.initialize(repeating: 0, count: ErrorClass.count)
    }

    deinit {
        entries.deallocate()
        counts.deallocate()
    }

    /// By the thread alone. `user`: the row of who is logging on.
    func add(
        _ kind: ErrorClass, _ step: Step, _ auth: AuthMethod, _ transport: Transport, atNs: UInt64, user: UInt32,
        _ reply: ReplyExcerpt
    ) {
        let place = Int(kind.rawValue)
        guard Int(counts[place]) < Self.perClass else { return }
        counts[place] &+= 1
        let next = filled.load(ordering: .relaxed)
        (entries + next).initialize(
            to: Entry(kind: kind, step: step, auth: auth, transport: transport, atNs: atNs, user: user, reply: reply))
        filled.store(next &+ 1, ordering: .releasing)
    }

    /// `users` are those of the run: a server may repeat what the client sent. What it sent is not kept, so a refused logon's
    /// words lose whatever looks like a digest or a response.
    func read(_ users: CredentialView) -> [FailureNote] {
        (0..<filled.load(ordering: .acquiring)).map { index in
            let entry = entries[index]
            return FailureNote(
                kind: entry.kind, step: entry.step, auth: entry.auth, transport: entry.transport, atNs: entry.atNs,
                reply: Self.text(entry, ShownUsers(users).secrets(of: entry.user)), tlsCause: entry.reply.tls?.cause)
        }
    }

    private static func text(_ entry: Entry, _ secrets: Secrets) -> String {
        entry.reply.tlsText(secrets)
            ?? Redactor.text(
                entry.reply.octets, secrets: secrets, isCut: entry.reply.isCut, hidesRuns: isLogon(entry.step))
    }

    private static func isLogon(_ step: Step) -> Bool {
        switch step {
        case .auth, .ntlmNegotiate, .ntlmAuthenticate: true
        case .connect, .tlsFull, .tlsResumed, .greeting, .capa, .stls, .stat, .list, .uidl, .top, .retr, .dele, .quit, .noop:
            false
        }
    }
}
