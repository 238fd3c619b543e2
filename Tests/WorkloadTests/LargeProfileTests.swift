// Files that are large and wrong: what is printed of them stays a few pages. What they cost in time is measured by
// `python3 Tests/Attack profiles`, with the release build.

import Configuration
import Testing

@testable import Workload

@Suite("A large wrong profile")
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

    private func printed(_ text: String) -> Int {
        do throws(ConfigurationErrors) { _ = try ProfileLoader.load(text: text, file: "large.yaml") } catch {
            return error.description.utf8.count
        }
        return 0
    }

    @Test("16,000 wrong lines print no more than a few pages", arguments: Kind.allCases)
    func bounded(kind: Kind) {
        let count = printed(Self.text(kind, 16_000))
        #expect((1..<200_000).contains(count), "\(kind): \(count) bytes printed")
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
