// The log: rings between two threads, the limit on floods, what a record's line holds, files that are moved away.

import Foundation
import NTLM
import Reactor
import Synchronization
import Terminal
import Testing

@testable import Server

private let second: UInt64 = 1_000_000_000

private func record(_ kind: EventKind, first: UInt64 = 0, timeNs: UInt64 = 0) -> EventRecord {
    var record = EventRecord(kind)
    record.first = first
    record.timeNs = timeNs
    return record
}

/// What a drain writes, as lines.
private func lines(_ drain: inout EventDrain, nowNs: UInt64 = 0, isLast: Bool = false) -> [String] {
    var octets: [UInt8] = []
    drain.collect(nowNs: nowNs, wallOffsetNs: 0, isLast: isLast) { octets += $0 }
    return String(decoding: octets, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite("The ring of a worker's events")
struct EventRingTests {
    @Test("records come out in the order in which they went in; a full ring counts what it does not take")
    func bounds() {
        let ring = EventRing(capacity: 4)
        defer { ring.deallocate() }
        for turn in 0..<3 as Range<UInt64> {
            for number in 0..<6 as Range<UInt64> { #expect(ring.push(record(.logonGranted, first: number)) == (number < 4)) }
            #expect(ring.lost == 2 * (turn + 1))
            for number in 0..<4 as Range<UInt64> { #expect(ring.pop()?.first == number) }
            #expect(ring.pop() == nil)
        }
    }

    @Test("a reader that has announced its sleep is woken by the first record behind it, and by that one alone")
    func sleep() {
        let ring = EventRing(capacity: 8)
        defer { ring.deallocate() }
        #expect(ring.push(record(.logonGranted)) && !ring.mustWake())
        ring.sleep()
        #expect(!ring.isEmpty)
        _ = ring.pop()
        ring.sleep()
        #expect(ring.isEmpty)
        _ = ring.push(record(.logonGranted))
        #expect(ring.mustWake() && !ring.mustWake())
        ring.sleep()
        ring.countSuppressed(.timeout)
        #expect(ring.mustWake())
    }

    @Test("two threads: every record comes once and in order, or is counted as lost")
    func threads() throws {
        let ring = EventRing(capacity: 64)
        let total: UInt64 = 100_000
        let box = Box(isDone: false)
        let writer = try WorkerThread(name: "writer", cpu: nil) {
            for number in 1...total {
                var item = record(.logonGranted, first: number)
                item.second = ~number
                _ = ring.push(item)
            }
            box.finish()
        }
        var (taken, latest) = (UInt64(0), UInt64(0))
        var isOrdered = true
        while true {
            let wasDone = box.isDone
            while let item = ring.pop() {
                isOrdered = isOrdered && item.first > latest && item.second == ~item.first
                latest = item.first
                taken += 1
            }
            if wasDone { break }
        }
        writer.join()
        #expect(isOrdered && taken + ring.lost == total)
        ring.deallocate()
    }

    private final class Box: Sendable {
        private let done: Atomic<Bool>
        init(isDone: Bool) { done = Atomic(isDone) }
        var isDone: Bool { done.load(ordering: .acquiring) }
        func finish() { done.store(true, ordering: .releasing) }
    }

    @Test("what is below the level is not told, and its record not made")
    func level() {
        for level in LogLevel.allCases {
            let ring = EventRing(capacity: 64)
            defer { ring.deallocate() }
            var log = EventLog(ring, level: level)
            for kind in EventKind.allCases {
                var isMade = false
                log.record(kind, 1) { _ in isMade = true }
                #expect(isMade == (kind.level.rawValue <= level.rawValue))
                #expect((ring.pop() != nil) == isMade)
            }
        }
        var silent = EventLog()
        silent.record(.acceptExhausted, 1) { _ in Issue.record("a log without a ring tells nothing") }
    }
}

@Suite("Floods are told ten times a second")
struct EventLimitTests {
    @Test("the eleventh of a kind in a second is counted instead, also over several workers")
    func flood() {
        let rings = [EventRing(capacity: 256), EventRing(capacity: 256)]
        defer { for ring in rings { ring.deallocate() } }
        var drain = EventDrain(rings)
        let logs = rings.map { Unit(EventLog($0, level: .info)) }
        for index in logs.indices { for _ in 0..<100 { logs[index].record(.tlsFailed, 5 * second) } }
        var text = lines(&drain, nowNs: 5 * second + 1)
        #expect(text.filter { $0.contains("event=tls_failed") }.count == 10)
        #expect(text.last?.hasSuffix("level=info event=log_suppressed of=tls_failed count=190") == true)
        for _ in 0..<11 { logs[0].record(.tlsFailed, 6 * second) }
        text = lines(&drain, nowNs: 6 * second, isLast: true)
        #expect(text.filter { $0.contains("event=tls_failed") }.count == 10)
        #expect(text.last?.hasSuffix("of=tls_failed count=1") == true)
        #expect(lines(&drain, nowNs: 9 * second).isEmpty)
    }

    /// A log that an array can hold.
    private final class Unit {
        private var log: EventLog
        init(_ log: consuming EventLog) { self.log = log }
        func record(_ kind: EventKind, _ nowNs: UInt64) { log.record(kind, nowNs) { _ in } }
    }

    @Test("logons are told one by one")
    func logons() {
        let ring = EventRing(capacity: 64)
        defer { ring.deallocate() }
        var log = EventLog(ring, level: .info)
        var drain = EventDrain([ring])
        for _ in 0..<50 { log.record(.logonRefused, second) { $0.method = .basic } }
        #expect(lines(&drain).count == 50)
    }

    @Test("lost records are told with their number, once")
    func lost() {
        let ring = EventRing(capacity: 4)
        defer { ring.deallocate() }
        var drain = EventDrain([ring])
        for _ in 0..<7 { _ = ring.push(record(.logonGranted)) }
        let text = lines(&drain, nowNs: 2 * second)
        #expect(text.count == 5)
        #expect(text.last?.hasSuffix("level=warn event=log_lost count=3") == true)
        #expect(lines(&drain, nowNs: 4 * second).isEmpty)
    }
}

@Suite("Lines of the log")
struct EventLineTests {
    private func line(_ kind: EventKind, _ body: (inout EventRecord) -> Void = { _ in }) -> String {
        var record = record(kind)
        body(&record)
        return EventText.line(record, worker: 1, wallNs: 1_767_225_600_000_001_000)
    }

    private static let head = "time=2026-01-01T00:00:00.000001Z "

    @Test("a refused logon says who, from where, how and why, with the number of the Exchange event")
    func refusal() throws {
        let peer = try SocketAddress(parsing: "127.0.0.1:53211")
        let text = line(.logonRefused) {
            $0.origin = EventOrigin(connection: 123, peer: peer)
            $0.method = .basic
            $0.reason = .outcome(.refused)
            let name = Array("POPLAR\\sue \"x\"".utf8)
            $0.keep(name.span)
        }
        #expect(
            text == Self.head + "level=info event=logon_refused exchange_id=11202 worker=1 connection=123 peer=127.0.0.1:53211 "
                + "method=basic user=\"POPLAR\\\\sue \\\"x\\\"\" reason=credentials")
    }

    @Test(
        "Exchange's numbers: 11202 for Basic, 13003 for the others, 13005 without a mailbox",
        arguments: [
            (LogonMethod.basic, LogonOutcome.refused, 11202), (.plain, .refused, 11202), (.login, .refused, 11202),
            (.ntlm, .refused, 13003), (.membership, .refused, 13003), (.cramMD5, .refused, 13003),
            (.ntlm, .noMailbox, 13005), (.basic, .noMailbox, 13005),
        ])
    func numbers(method: LogonMethod, outcome: LogonOutcome, id: Int) {
        let text = line(.logonRefused) { ($0.method, $0.reason) = (method, .outcome(outcome)) }
        #expect(text.contains(" exchange_id=\(id) "))
    }

    @Test(
        "an NTLM answer that was not accepted says why: the clock is told from a wrong password",
        arguments: [
            (Verdict.wrongResponse, "credentials"), (.clockSkew, "clock"), (.micMismatch, "mic"),
            (.bindingMismatch, "channel_binding"), (.refusedByLevel, "ntlm_level"),
        ])
    func verdicts(verdict: Verdict, reason: String) {
        let text = line(.logonRefused) { ($0.method, $0.reason) = (.ntlm, .verdict(verdict)) }
        #expect(text.contains(" exchange_id=13003 ") && text.hasSuffix(" reason=\(reason)"))
    }

    @Test("a name is cut at 64 octets; one in UTF-16 is shown as text")
    func names() {
        let long = [UInt8](repeating: UInt8(ascii: "a"), count: 200)
        #expect(line(.logonRefused) { $0.keep(long.span) }.hasSuffix(" user=\"" + String(repeating: "a", count: 64) + "\""))
        let wide = Array("Sué".utf16).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        let text = line(.logonGranted) {
            $0.keep(wide.span)
            $0.isUTF16 = true
        }
        #expect(text.hasSuffix(" user=\"Su\\u00e9\""))
    }

    @Test("every kind with every reason is one line of key=value pairs", arguments: EventKind.allCases)
    func everyKind(kind: EventKind) {
        let outcomes = LogonOutcome.allCases.map { EventReason.outcome($0) }
        let verdicts = Verdict.allCases.map { EventReason.verdict($0) }
        for reason in outcomes + verdicts + Ending.allCases.map({ .ending($0) }) + Phase.allCases.map({ .phase($0) }) + [.none] {
            let text = line(kind) { $0.reason = reason }
            #expect(text.hasPrefix(Self.head + "level=\(kind.level.name) event=\(kind.name) "))
            #expect(text.split(separator: " ").allSatisfy { $0.split(separator: "=").count == 2 })
        }
    }
}

@Suite("Where the log goes")
struct LogOutputTests {
    private func folder() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-log-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test("a file that was moved away is opened anew; lines before it stay in the old one")
    func rotation() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (path, old) = (folder.appendingPathComponent("log").path, folder.appendingPathComponent("log.1").path)
        let writer = try EventWriter(try LogOutput(path: path, outlet: TextOutlet(room: 4096)), level: .info, workers: 1)
        writer.note(.info, "first", ["a": "1"])
        try FileManager.default.moveItem(atPath: path, toPath: old)
        writer.note(.info, "second")
        writer.reopen()
        writer.note(.info, "third", quoted: ["text": "a b"])
        writer.note(.debug, "unheard")
        var log = writer.log(0)
        log.record(.logonGranted, 1) { $0.method = .ntlm }
        writer.stop()
        let (before, after) = (
            try String(contentsOfFile: old, encoding: .utf8), try String(contentsOfFile: path, encoding: .utf8)
        )
        #expect(before.contains("event=first a=1\n") && before.contains("event=second\n"))
        #expect(after.contains("event=third text=\"a b\"\n"))
        #expect((before + after).contains("event=logon_granted worker=0 method=ntlm\n"))
        #expect(!before.contains("third") && !after.contains("unheard"))
    }

    @Test("a FIFO without a reader is opened at once, and holds what it has room for until a reader comes")
    func fifo() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("log").path
        try #require(mkfifo(path, 0o600) == 0)
        let writer = try EventWriter(try LogOutput(path: path, outlet: TextOutlet(room: 4096)), level: .info, workers: 1)
        writer.note(.info, "early")
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        writer.stop()
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(reader, &bytes, bytes.count)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).hasSuffix("event=early\n"))
    }

    @Test("lines that a reader does not take are dropped and counted, and the end does not wait for it")
    func unreadPipe() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("log").path
        try #require(mkfifo(path, 0o600) == 0)
        let writer = try EventWriter(try LogOutput(path: path, outlet: TextOutlet(room: 4096)), level: .info, workers: 1)
        let long = String(repeating: "x", count: 1000)
        // A pipe holds 64 KiB.
        for _ in 0..<200 { writer.note(.info, "long", ["text": long]) }
        writer.stop()
        #expect(writer.lost > 0 && writer.lost < 200)
    }

    @Test("a log on standard error goes through the outlet of all messages, whose losses count")
    func standardError() throws {
        let outlet = TextOutlet(room: 0)
        let writer = try EventWriter(try LogOutput(path: nil, outlet: outlet), level: .info, workers: 1)
        writer.note(.info, "start")
        writer.stop()
        #expect(outlet.lost == 1 && writer.lost == 1)
    }

    @Test("a file that cannot be opened is an error that names it")
    func missing() {
        #expect(throws: SystemError.self) { try LogOutput(path: "/nowhere/at/all/log", outlet: TextOutlet(room: 4096)) }
    }
}
