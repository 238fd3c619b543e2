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
        case .weak: /\b(?:weak|unowned)\b/
        case .mutex: /\b(?:Mutex|NSLock|pthread_mutex_\w+)\b/
        case .forced: /\btry!|\bas!|[\w)\]>]!(?!=)/
        case .trap: /\b(?:fatalError|preconditionFailure|unsafeBitCast|unsafelyUnwrapped)\b/
        case .foundation: /\bimport\s+Foundation/
        case .print: /\b(?:print|debugPrint|dump)\(/
        case .dispatch: /\b(?:DispatchQueue|Dispatch|Thread\.|Task\s*[.{])/
        }
    }
}

struct Excuse: Sendable, CustomTestStringConvertible {
    let path: String
    let bans: Set<Ban>
    let reason: String
    var testDescription: String { path }
}

private let excuses: [Excuse] = []

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
            for ban in Ban.allCases where line.contains(ban.pattern) { result.append(Hit(ban: ban, line: index + 1, text: line)) }
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
            (.existential, "var p: any Poller"), (.dictionary, "var t: [UInt32: Int] = [:]"), (.string, "let s = String(decoding: b)"),
            (.weak, "weak var owner: Store?"), (.mutex, "let lock = Mutex(0)"), (.forced, "let x = list.first!"),
            (.forced, "let x = table[0]!.name"), (.forced, "let x = try! f()"), (.forced, "let x = y as! Int"), (.trap, "fatalError()"),
            (.foundation, "public import Foundation"), (.print, "print(1)"), (.dispatch, "Task { f() }"),
        ])
    func finds(ban: Ban, code: String) {
        #expect(SwiftText.code(of: code).contains(ban.pattern))
    }

    @Test("comments, literals and operators are no finding", arguments: ["// any Class!", "let s: StaticString = \"try! any X\"", "a != b", "!x"])
    func passes(code: String) {
        let line = SwiftText.code(of: code)
        #expect(Ban.allCases.allSatisfy { !line.contains($0.pattern) })
    }
}
