// No text from outside steers a terminal, whichever command shows it, on standard output and standard error.

import Foundation
import Testing

@Suite("What is written can be read", .serialized)
struct TerminalOutputTests {
    private let hostile = """
        name: hostile
        description: "harmless \\e]0;owned\\a\\e[31mRED\\e[0m \\u202Etxt.exe \\x9b31m\\nline two"
        rate: 20
        phases: [{name: "測試階段名稱很長很長很長很長很長很長\\u202Eb\\u200B", duration: 1200ms}]
        clients: [{persona: basic, name: "x\\u202Ey"}]
        mailbox_work: [{name: "w\\u2066"}]
        population: {users: 200, messages: 2, bytes: 64}

        """

    /// Scalars of `text` that a terminal would obey or hide.
    private func obeyed(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control: scalar != "\n" && scalar != "\t"
            case .format, .lineSeparator, .paragraphSeparator: true
            default: false
            }
        }
    }

    @Test("profile list, show and check, plans, errors that quote words, files and options, help")
    func commands() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("hostile\u{1B}[31m\u{202E}.yaml", hostile)
        let bad = try folder.write("bad\u{1B}[31m.yaml", hostile + "k\u{202E}: 1\nlimits: {drain_timeout: \"\\e[2J\"}\n")
        let plain = try folder.write("plain.yaml", hostile)
        for words in [
            ["profile", "list", file], ["profile", "list", bad], ["profile", "check", file, bad],
            ["profile", "show", "--path", file],
            ["run", file, "--dry-run"], ["run", "\u{1B}[31mno\u{9B}ne"], ["run", plain, "--\u{1B}[31mx"],
            ["run", plain, "--dry-run", "--users", "\u{1B}]0;x\u{7}"],
            ["run", plain, "--dry-run", "--pop3", "\u{1B}[31m\u{202E}:1"],
            ["run", plain, "--source", "\u{1B}[31m"], ["\u{1B}[31m"], ["serve", "--pop3", "\u{1B}[31m:1"],
            ["serve", "--config", bad],
            ["serve", "--pop3", "127.0.0.1:0", "--limit", "\u{1B}[31m=1"], ["probe", "\u{1B}[31m:1"], ["--help"], ["doctor"],
        ] {
            let outcome = try Program.run(Program.poplar, words)
            let found = obeyed(outcome.output + outcome.errors)
            #expect(found.isEmpty, "\(words): \(found)")
            #expect(!(outcome.output + outcome.errors).isEmpty)
        }
    }

    @Test("a run, its report, its objects and every file of its folder")
    func run() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("hostile.yaml", hostile)
        for (name, options) in [("a\u{1B}[31m", ["--trace", "3"]), ("b\u{202E}", ["--json-lines"])] {
            let out = folder.url.path + "/" + name
            let outcome = try Program.run(Program.poplar, ["run", file, "--out", out] + options)
            #expect([0, 4].contains(outcome.status), "\(outcome.errors)")
            #expect(obeyed(outcome.output + outcome.errors).isEmpty)
            for entry in try FileManager.default.contentsOfDirectory(atPath: out) where entry != "profile.yaml" {
                let found = obeyed(try String(contentsOfFile: "\(out)/\(entry)", encoding: .utf8))
                #expect(found.isEmpty, "\(entry): \(found)")
            }
        }
        let objects = try Program.run(
            Program.poplar, ["run", file, "--out", folder.url.path + "/c", "--json-lines"]
        ).output.split(separator: "\n").filter { $0.hasPrefix("{") }
        let phases = try objects.compactMap { line in
            (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["phase"] as? String
        }
        #expect(phases.contains("測試階段名稱很長很長很長很長很長很長\u{202E}b\u{200B}"), "programs get the name as it is")
    }

    @Test(
        "on a terminal our own sequences pass alone, and no line is wider than the terminal",
        .enabled(if: Program.exists("script")))
    func terminal() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("hostile.yaml", hostile)
        let command =
            "stty cols 80; '\(Program.poplar)' run '\(file)' --out '\(folder.url.path)/run'; '\(Program.poplar)' profile show '\(file)'"
        let outcome = try Program.run(
            Program.path("script") ?? "", ["-qec", command, "/dev/null"], environment: ["TERM": "xterm"])
        let text = outcome.output.replacingOccurrences(of: "\r\n", with: "\n")
            .replacing(#/\r?\u{1b}\[[0-9]*[mAKJ]/#, with: "")
        #expect(obeyed(text).isEmpty, "\(text)")
        let titles = text.split(separator: "\n").filter { $0.hasPrefix("hostile  ") }
        #expect(!titles.isEmpty)
        for title in titles {
            let columns = title.unicodeScalars.reduce(0) { $0 + ((0x2E80...0x9FFF).contains($1.value) ? 2 : 1) }
            #expect(columns <= 80, "\(title)")
        }
        #expect(text.contains("\\u{202E}"))
    }
}
