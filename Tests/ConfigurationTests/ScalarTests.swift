// What a scalar is, which word was meant, and how an error is shown: the parts of reading that every file shares.

import Testing

@testable import Configuration

@Suite("Scalars are exactly of their form, or nothing")
struct ScalarTextTests {
    @Test(
        "durations",
        arguments: [
            ("15s", 15_000_000_000), ("250ms", 250_000_000), ("1.5m", 90_000_000_000), ("2 h", 7_200_000_000_000),
            ("10us", 10_000), ("7ns", 7), ("0", 0), ("1d", 86_400_000_000_000),
        ] as [(String, UInt64)])
    func durations(text: String, ns: UInt64) { #expect(ScalarText.durationNs(text) == ns) }

    @Test(
        "what is no duration",
        arguments: ["", "s", "15", "-1s", "1:30", "1e3s", "1..5s", ".5s", "5.s", "15 sec", "inf", "nans", "0x1s", "１s"])
    func notDurations(text: String) { #expect(ScalarText.durationNs(text) == nil) }

    @Test("sizes")
    func sizes() {
        #expect(
            ["2048", "2KiB", "1.5KiB", "1MiB", "3GiB", "7B"].map { ScalarText.size($0) } == [
                2048, 2048, 1536, 1 << 20, 3 << 30, 7,
            ])
        #expect(
            ["", "2K", "2KB", "0.3KiB", "-1", "1.5", "KiB", "99999999999999999GiB"].allSatisfy { ScalarText.size($0) == nil })
    }

    @Test("shares and flags")
    func shares() {
        #expect(["10%", "0%", "100%", "0", "12.5 %"].map { ScalarText.share($0) } == [0.1, 0, 1, 0, 0.125])
        #expect(["10", "101%", "-1%", "%", "1e1%", "0.1"].allSatisfy { ScalarText.share($0) == nil })
        #expect(
            ["on", "true", "yes", "off", "false", "no"].map { ScalarText.flag($0) } == [true, true, true, false, false, false])
        #expect(["On", "1", "y", ""].allSatisfy { ScalarText.flag($0) == nil })
    }

    @Test("the nearest word: one slip in a short word, a third of a long one, neighbours swapped, hyphens and case aside")
    func spelling() {
        let keys = ["duration", "measure", "rate", "name", "ntlm_variants"]
        #expect(
            ["duratoin", "Measure", "rat", "nmae", "ntlm-variant"].map { Spelling.nearest(to: $0, among: keys) } == [
                "duration", "measure", "rate", "name", "ntlm_variants",
            ])
        #expect(
            ["", "xyz", "colour", String(repeating: "a", count: 10_000)].allSatisfy {
                Spelling.nearest(to: $0, among: keys) == nil
            })
    }
}

@Suite("An error shows its line")
struct RenderingTests {
    @Test("the caret stands under the place behind tabs and wide lines too")
    func caret() {
        let long = Diagnostic(
            position: .init(line: 1, column: 151), message: "m", remedy: "", sourceLine: String(repeating: "a", count: 150) + "X")
        let lines = long.rendered(file: "f").split(separator: "\n")
        #expect(lines[1].last == "X" && lines[1].count == lines[2].count)
        let tab = Diagnostic(position: .init(line: 1, column: 3), message: "m", remedy: "", sourceLine: "\t\tX")
        #expect(tab.rendered(file: "f").hasSuffix("\n    \t\tX\n    \t\t^"))
    }

    @Test("control characters of a profile never reach the terminal")
    func terminal() {
        #expect("a\u{1B}[31mb\u{202E}c\u{9B}".shown() == "a\\u{1B}[31mb\\u{202E}c\\u{9B}")
    }
}
