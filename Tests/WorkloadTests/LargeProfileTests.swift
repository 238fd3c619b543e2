// Files that are large and wrong: the cost stays in proportion to the file, and what is printed stays a page. The cost
// is a ratio, since a busy machine has no absolute times: twice the file, far less than four times the time.

import Configuration
import Glibc
import Testing

@testable import Workload

@Suite("A large wrong profile costs time in proportion to its size", .serialized)
struct LargeProfileTests {
    private static let good = goodProfile

    static func text(_ kind: Kind, _ count: Int) -> String {
        func lines(_ make: (Int) -> String) -> String { (0..<count).map(make).joined(separator: "\n") + "\n" }
        switch kind {
        case .unknownKeys: return good + lines { "unknown\($0): 1" }
        case .equalKeys: return good + lines { _ in "key: 1" }
        case .pairsOfKeys: return good + lines { "key\($0 / 2): 1" }
        case .unknownOnOneLine: return good + "tls: {" + (0..<count).map { "u\($0): 1" }.joined(separator: ", ") + "}\n"
        case .equalPhases:
            return good.replacingFirst("phases:\n", with: "phases:\n" + lines { _ in "  - {name: a, duration: x}" })
        case .unknownWeights: return good + "ntlm_variants: {" + (0..<count).map { "v\($0): 1" }.joined(separator: ", ") + "}\n"
        case .aliases: return good + lines { "a\($0): *x" }
        case .anchors: return good + lines { "a\($0): &x 1" }
        case .tags: return good + lines { "a\($0): !!python/none 1" }
        case .comments: return good + lines { "# [ \($0) " } + "x: 1\n"
        }
    }

    enum Kind: CaseIterable {
        case unknownKeys, equalKeys, pairsOfKeys, unknownOnOneLine, equalPhases, unknownWeights, aliases, anchors, tags, comments
    }

    private func cost(_ kind: Kind, _ count: Int) -> (duration: Duration, printed: Int) { cost(Self.text(kind, count)) }

    /// The time of this thread on a CPU: what others do beside it counts for nothing.
    private func cost(_ text: String) -> (duration: Duration, printed: Int) {
        let start = Self.threadTime()
        var printed = 0
        do throws(ConfigurationErrors) { _ = try ProfileLoader.load(text: text, file: "large.yaml") } catch {
            printed = error.description.utf8.count
        }
        return (Self.threadTime() - start, printed)
    }

    private static func threadTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    @Test("eight times the lines cost no more than some eight times the time, and no more text", arguments: Kind.allCases)
    func proportional(kind: Kind) {
        _ = cost(kind, 100)
        let small = cost(kind, 2_000)
        let large = cost(kind, 16_000)
        #expect(large.duration < max(small.duration, .milliseconds(5)) * 24, "\(kind): \(small.duration) and \(large.duration)")
        #expect((1..<200_000).contains(large.printed), "\(kind): \(large.printed) octets printed")
    }

    /// Lines of an octet or a few, of which 1 MiB holds most, and what stands before them.
    @Test(
        "eight times the short lines cost no more than some eight times the time",
        arguments: [
            ("", "\n"), (goodProfile, "\n"), ("", "\r"), ("", "\r\n"), ("", "#\n"), ("", "  |\n"), ("", "- x\n"),
            ("a: >\n", "  x\n"), ("a: \"\n", " x\n"), ("", "\u{85}"), ("", "%TAG !a! b\n"),
            // On one line, all in one text that is corrected.
            ("a: ", "[::1]:1 "),
        ])
    func shortLines(before: String, line: String) {
        func text(_ octets: Int) -> String { before + String(repeating: line, count: octets / line.utf8.count) }
        _ = cost(text(1_000))
        let small = cost(text(1_000_000 / 8))
        let large = cost(text(1_000_000))
        #expect(
            large.duration < max(small.duration, .milliseconds(5)) * 16,
            "\(line.debugDescription): \(small.duration) and \(large.duration)")
        #expect(large.printed < 200_000, "\(line.debugDescription): \(large.printed) octets printed")
    }

    @Test("more than 16 lines that define tags are refused at the seventeenth")
    func directives() {
        let lines = (0..<20).map { "%TAG !a\($0)! b\n" }.joined()
        let error = #expect(throws: ConfigurationErrors.self) {
            try ProfileLoader.load(text: lines + "---\n" + goodProfile, file: "large.yaml")
        }
        #expect(error?.description.hasPrefix("large.yaml:17:1: error: more than 16 lines begin with %TAG\n") == true)
        #expect(error?.description.hasSuffix("\n    tags are not part of a profile: remove these lines") == true)
    }

    @Test("a hundred errors are printed, the others counted to the last one")
    func counted() {
        let error = #expect(throws: ConfigurationErrors.self) {
            try ProfileLoader.load(text: Self.text(.unknownKeys, 16_000), file: "large.yaml")
        }
        #expect(error?.diagnostics.count == 100)
        #expect(error?.description.hasSuffix("\nlarge.yaml: and 15900 more errors") == true)
    }

    @Test("one scalar of almost a MiB is shown by its beginning")
    func hugeScalar() {
        let text = goodProfile.replacingFirst("rate: 100", with: "rate: " + String(repeating: "x", count: 1_000_000))
        let error = #expect(throws: ConfigurationErrors.self) { try ProfileLoader.load(text: text, file: "large.yaml") }
        #expect((error?.description.utf8.count ?? .max) < 1_000)
    }
}
