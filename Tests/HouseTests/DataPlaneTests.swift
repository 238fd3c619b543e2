// The bans of design.md 2.2 and 2.7 as a scan of the data plane's sources. It reads words, not types, so it is kept strict:
// what a set-up or control file needs is excused by file, with the reason, and an excuse that excuses nothing is an error.
// What the compiler adds behind the source's back is the business of scripts/hot-path.sh.

import Testing

enum Ban: String, CaseIterable, Sendable {
    case `class`, actor, async, existential, dictionary, string, weak, mutex, forced, trap, foundation, print, dispatch

    var pattern: Regex<Substring> {
        switch self {
        case .class: /\bclass\s+\w+/
        case .actor: /\bactor\s+\w+/
        case .async: /\b(?:async|await)\b/
        case .existential: /\bany\s+[A-Z(~]/
        case .dictionary: /\bDictionary\b|\[:\]|[:>(]\s*\[\w+\s*:\s*[\w\[]/
        case .string: /\bString\(|\bNSString\b|\bString\.init\b/
        case .weak: /\b(?:weak|unowned)(?:\(\w+\))?\s+(?:var|let|self)\b/
        case .mutex: /\b(?:Mutex|NSLock|pthread_mutex_\w+)\b/
        case .forced: /\btry!|\bas!|[\w)\]>]!(?!=)/
        case .trap: /\b(?:fatalError|preconditionFailure|unsafeBitCast|unsafelyUnwrapped)\b/
        case .foundation: /\bimport\s+Foundation/
        case .print: /\b(?:print|debugPrint|dump)\(/
        case .dispatch: /\b(?:DispatchQueue|Dispatch|Thread\.|Task\s*[.{])/
        }
    }
}

extension Ban {
    /// Cheap to look for, and in every line that the pattern can match: regular expressions are slow in a debug build.
    private var hints: [String] {
        switch self {
        case .class: ["class"]
        case .actor: ["actor"]
        case .async: ["async", "await"]
        case .existential: ["any"]
        case .dictionary: ["Dictionary", ":"]
        case .string: ["String"]
        case .weak: ["weak", "unowned"]
        case .mutex: ["Mutex", "Lock", "mutex"]
        case .forced: ["!"]
        case .trap: ["fatal", "Failure", "unsafe"]
        case .foundation: ["Foundation"]
        case .print: ["print(", "Print(", "dump("]
        case .dispatch: ["Dispatch", "Thread.", "Task"]
        }
    }

    func isIn(_ code: String) -> Bool {
        hints.contains { code.utf8.firstRange(of: $0.utf8) != nil } && code.contains(pattern)
    }
}

struct Excuse: Sendable, CustomTestStringConvertible {
    let path: String
    let bans: Set<Ban>
    let reason: String
    var testDescription: String { path }
}

private let excuses: [Excuse] = [
    Excuse(path: "Sources/Reactor/Guarded.swift", bans: [.class, .mutex], reason: "for threads that may wait"),
    Excuse(path: "Sources/Reactor/SocketAddress.swift", bans: [.string], reason: "addresses are read and shown at set-up"),
    Excuse(path: "Sources/Reactor/System.swift", bans: [.string], reason: "the text of an error that ends set-up"),
    Excuse(path: "Sources/Reactor/Thread.swift", bans: [.class], reason: "hands a closure to a new thread, once"),
    Excuse(path: "Sources/TLS/OpenSSLVersion.swift", bans: [.string], reason: "for --version"),
    Excuse(path: "Sources/TLS/TicketKeys.swift", bans: [.class], reason: "owns the keys; rotated by the control thread"),
    Excuse(path: "Sources/TLS/TLSContext.swift", bans: [.class, .string], reason: "one context per server; errors of set-up"),
    Excuse(path: "Sources/TLS/TLSFailure.swift", bans: [.string], reason: "why a session failed, for reports of a few"),
    Excuse(path: "Sources/Server/EventText.swift", bans: [.string], reason: "a record as a line, on the thread of the log"),
    Excuse(path: "Sources/Server/EventWriter.swift", bans: [.class, .dictionary], reason: "the thread of the log"),
    Excuse(
        path: "Sources/Server/FigureCollector.swift", bans: [.class], reason: "asks the workers, from threads that may wait"),
    Excuse(path: "Sources/Server/FigureExchange.swift", bans: [.class], reason: "shared by a worker and the metrics thread"),
    Excuse(path: "Sources/Server/LogOutput.swift", bans: [.class], reason: "a file that several control threads write to"),
    Excuse(path: "Sources/Server/MetricFamilies.swift", bans: [.class], reason: "the page, made on the metrics thread"),
    Excuse(path: "Sources/Server/MetricsEndpoint.swift", bans: [.class], reason: "a thread of its own beside the workers"),
    Excuse(path: "Sources/Server/Limits.swift", bans: [.string], reason: "reads --limit at set-up"),
    Excuse(path: "Sources/Server/ProcessFigures.swift", bans: [.string], reason: "reads /proc, on the metrics thread"),
    Excuse(path: "Sources/Server/ServerInstance.swift", bans: [.class], reason: "starts and stops the workers"),
    Excuse(path: "Sources/Server/WorkerControl.swift", bans: [.class], reason: "shared with the control thread"),
    Excuse(path: "Sources/LoadGenerator/CredentialTable.swift", bans: [.class], reason: "immutable, shared by all threads"),
    Excuse(path: "Sources/LoadGenerator/StartLog.swift", bans: [.class], reason: "read by the control thread"),
    Excuse(path: "Sources/LoadGenerator/FailureNotes.swift", bans: [.class], reason: "read by the control thread"),
    Excuse(path: "Sources/LoadGenerator/HiccupMonitor.swift", bans: [.class], reason: "a thread of its own beside the load"),
    Excuse(path: "Sources/LoadGenerator/LoadRun.swift", bans: [.class], reason: "starts and stops the threads"),
    Excuse(path: "Sources/LoadGenerator/ProbeSurvey.swift", bans: [.string], reason: "the control thread's words of an errno"),
    Excuse(path: "Sources/LoadGenerator/TraceBook.swift", bans: [.class], reason: "read by the control thread, after the run"),
    Excuse(path: "Sources/LoadGenerator/ThreadControl.swift", bans: [.class], reason: "shared with the control thread"),
    Excuse(path: "Sources/Telemetry/Collector.swift", bans: [.class], reason: "the control thread's side"),
    Excuse(path: "Sources/Telemetry/RecorderExchange.swift", bans: [.class], reason: "shared by a recorder and the collector"),
    Excuse(path: "Sources/Telemetry/Labels.swift", bans: [.string], reason: "names for reports"),
    Excuse(path: "Sources/Telemetry/DecimalText.swift", bans: [.string], reason: "text of result files"),
    Excuse(path: "Sources/Telemetry/HistogramLog.swift", bans: [.string], reason: "text of result files"),
    Excuse(path: "Sources/Telemetry/HistogramV2.swift", bans: [.string], reason: "text of result files"),
    Excuse(path: "Sources/Telemetry/PercentileSpectrum.swift", bans: [.string], reason: "text of result files"),
]

@Suite("The data plane keeps its bans")
struct DataPlaneTests {
    private static let modules = House.rooms.filter(\.value.isDataPlane).map(\.key).sorted()

    private struct Hit {
        let ban: Ban
        let line: Int
        let text: String
    }

    private static func hits(in file: SourceFile) -> [Hit] {
        var result: [Hit] = []
        for (index, line) in SwiftText.code(of: file.lines).enumerated() {
            for ban in Ban.allCases where ban.isIn(line) { result.append(Hit(ban: ban, line: index + 1, text: line)) }
        }
        return result
    }

    @Test("no banned construct outside the excused files", arguments: modules)
    func bans(module: String) {
        for file in Repository.swiftFiles(under: "Sources/\(module)") {
            let excused = excuses.first { $0.path == file.path }?.bans ?? []
            for hit in Self.hits(in: file) where !excused.contains(hit.ban) {
                Issue.record("\(file.path):\(hit.line): \(hit.ban.rawValue): \(hit.text)")
            }
        }
    }

    @Test("an excuse still excuses something", arguments: excuses)
    func excuseIsNeeded(excuse: Excuse) throws {
        let file = try #require(Repository.load(excuse.path), "the excused file is gone")
        let found = Set(Self.hits(in: file).map(\.ban))
        #expect(excuse.bans.isSubset(of: found), "\(excuse.bans.subtracting(found)) is not used there any more")
    }

    @Test(
        "each ban finds what it is for",
        arguments: [
            (Ban.class, "final class Store {"), (.actor, "actor Store {"), (.async, "let x = await f()"),
            (.existential, "var p: any Poller"), (.dictionary, "var t: [UInt32: Int] = [:]"),
            (.string, "let s = String(decoding: b)"),
            (.weak, "weak var owner: Store?"), (.mutex, "let lock = Mutex(0)"), (.forced, "let x = list.first!"),
            (.forced, "let x = table[0]!.name"), (.forced, "let x = try! f()"), (.forced, "let x = y as! Int"),
            (.trap, "fatalError()"),
            (.foundation, "public import Foundation"), (.print, "print(1)"), (.dispatch, "Task { f() }"),
        ])
    func finds(ban: Ban, code: String) {
        #expect(ban.isIn(SwiftText.code(of: code)))
    }

    @Test(
        "comments, literals and operators are no finding",
        arguments: ["// any Class!", "let s: StaticString = \"try! any X\"", "a != b", "!x"])
    func passes(code: String) {
        let line = SwiftText.code(of: code)
        #expect(!Ban.allCases.contains { $0.isIn(line) })
    }
}
