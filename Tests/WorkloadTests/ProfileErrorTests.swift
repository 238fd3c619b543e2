// What is wrong with a profile is said at its line and column, all of it at once, with what would be right.

import Configuration
import PoplarCore
import Testing

@testable import Workload

/// The errors of `text` as "line:column message | remedy"; empty when it loads.
func errors(of text: String) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try ProfileLoader.load(text: text, file: "bad.yaml")
        return []
    } catch {
        return error.diagnostics.map { found in
            "\(found.position.line):\(found.position.column) \(found.message)"
                + (found.remedy.isEmpty ? "" : " | \(found.remedy)")
        }
    }
}

@Suite("A bad profile gives all its errors, each with its place and its remedy")
struct ProfileErrorTests {
    @Test("the golden cases", arguments: badProfiles)
    func golden(_ bad: BadProfile) {
        #expect(!bad.errors.isEmpty)
        #expect(errors(of: bad.text) == bad.errors)
    }

    @Test("what a remedy proposes is YAML as it stands")
    func remedies() {
        var proposed: Set<String> = []
        for line in badProfiles.flatMap(\.errors) {
            if let match = line.firstMatch(of: /add for example '(.*)'$/) { proposed.insert(String(match.output.1)) }
        }
        #expect(proposed.count >= 5)
        for text in proposed {
            let strange = errors(of: text + "\n").filter { $0.contains("YAML") || $0.contains("anchors") || $0.contains("tags") }
            #expect(strange.isEmpty, "\(text): \(strange)")
        }
    }

    @Test("there are at least sixty of them, and the profile that they change is good")
    func enough() {
        #expect(badProfiles.count >= 60)
        #expect(errors(of: goodProfile).isEmpty)
    }

    @Test("an error is printed with its file, line, column, the line itself, a caret and the remedy")
    func rendering() throws {
        let error = #expect(throws: ConfigurationErrors.self) {
            try ProfileLoader.load(
                text: goodProfile.replacingFirst("    weight: 2", with: "    wieght: 2"), file: "profiles/x.yaml")
        }
        #expect(
            error?.description == """
                profiles/x.yaml:8:5: error: unknown key 'wieght' in clients[]
                    \("    wieght: 2")
                    \("    ^")
                    did you mean 'weight'?
                """)
    }

    @Test(
        "hostile documents are refused, quickly and without a trap",
        arguments: [
            "", "\u{0}", "---", "...", "- ", "? ", ": ", "{", "[", "\"", "'", "|", ">", "!!binary x", "%YAML 9.9\n---\na: b",
            "!<x> {a: b}", "&a", "*a",
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 900),
            String(repeating: "- ", count: 100_000),
            String(repeating: "? ", count: 5_000), String(repeating: "a:\n", count: 2_000),
            String(repeating: "x", count: (1 << 20) + 1),
            String(repeating: "key: value\n", count: 500), "\u{10E026}: 1", "name: \u{100061}", "\u{85}\u{2028}a: [",
            "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n? *c\n: 1", "rate: " + String(repeating: "9", count: 400),
            "phases: [{duration: " + String(repeating: "9", count: 18) + "d}]", "seed: 99999999999999999999999",
        ])
    func hostile(text: String) {
        #expect(!errors(of: text).isEmpty)
    }

    @Test("no mutation of a profile traps the loader")
    func mutations() {
        var random = Xoshiro256(seed: 20)
        let alphabet = Array(" \n\t:-[]{},&*!|>'\"%@`#?.~<=a0é\u{2028}\u{FEFF}\u{1F600}".unicodeScalars)
        for _ in 0..<1_500 {
            var scalars = Array(goodProfile.unicodeScalars)
            for _ in 0...random.next(below: 4) {
                let place = Int(random.next(below: UInt64(scalars.count)))
                let letter = alphabet[Int(random.next(below: UInt64(alphabet.count)))]
                switch random.next(below: 3) {
                case 0: scalars[place] = letter
                case 1: scalars.insert(letter, at: place)
                default: scalars.remove(at: place)
                }
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            _ = errors(of: String(view))
        }
    }
}
