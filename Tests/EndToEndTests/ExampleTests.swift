// Every example that is printed works: commands of the documentation and of --help, blocks of YAML, the settings file
// with its commented keys, and what errors propose. A command that would start something is given the switch by which
// it only checks.

import Certificates
import Foundation
import Testing

/// A command line as the documentation shows it, and where.
struct Example: Sendable, CustomTestStringConvertible {
    let place: String
    let line: String
    var testDescription: String { "\(place): \(line)" }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Names and texts of README.md and docs/*.md.
    static let pages: [(name: String, text: String)] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("docs").path)) ?? []
        let names = ["README.md"] + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/" + $0 }
        return names.map { ($0, (try? String(contentsOf: root.appendingPathComponent($0), encoding: .utf8)) ?? "") }
    }()

    static let settings = (try? String(contentsOf: root.appendingPathComponent("docs/server.yaml"), encoding: .utf8)) ?? ""

    /// Indented lines that begin with `poplar `.
    static let commands: [Example] = {
        // The texts of --help, before they are wrapped.
        let sources =
            (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources/poplar").path)) ?? []
        let helps = sources.sorted().map { name in
            (name, (try? String(contentsOf: root.appendingPathComponent("Sources/poplar/" + name), encoding: .utf8)) ?? "")
        }
        let texts = pages + helps
        return texts.flatMap { name, text in
            text.split(separator: "\n").compactMap { line in
                let words = line.drop { $0 == " " }
                guard line.hasPrefix("  "), words.hasPrefix("poplar "), !words.hasPrefix("poplar <") else { return nil }
                // What a pipe or a file is made of it is not ours; a usage line is no example.
                let command = words.split(whereSeparator: { "|>#".contains($0) }).first.map(String.init) ?? ""
                return command.contains("\\(") ? nil : Example(place: name, line: command)
            }
        }
    }()

    /// Fenced blocks of YAML.
    static let blocks: [Example] = pages.flatMap { name, text in
        text.components(separatedBy: "```yaml\n").dropFirst().compactMap { rest in
            rest.components(separatedBy: "```").first.map { Example(place: name, line: $0) }
        }
    }
}

@Suite("Examples that are printed work", .serialized)
struct ExampleTests {
    /// A folder with the files that the examples name.
    private func folder() throws -> ScratchFolder {
        let folder = try ScratchFolder()
        var rows = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n"
        rows += "alice,secret,POPLAR,alice,secret,,\n"
        for index in 0..<30_000 { rows += "user\(index),p,POPLAR,nt\(index),p,member\(index),p\n" }
        _ = try folder.write("users.csv", rows)
        _ = try folder.write("mine.yaml", try Program.run(Program.poplar, ["profile", "show", "smoke"]).output)
        _ = try folder.write("server.yaml", Example.settings)
        return folder
    }

    @Test("there are examples of every command")
    func there() {
        for command in ["run", "serve", "probe", "profile", "doctor"] {
            #expect(Example.commands.count { $0.line.hasPrefix("poplar \(command)") } >= 2, "\(command)")
        }
        #expect(Example.blocks.count >= 2)
    }

    @Test("commands are understood as they stand", arguments: Example.commands)
    func command(example: Example) throws {
        let folder = try folder()
        var words = example.line.split(separator: " ").map(String.init)
        words[0] = "'\(Program.poplar)'"
        var server: ServedPoplar?
        switch words[1] {
        case "run": words += words.contains("--dry-run") ? [] : ["--dry-run"]
        case "serve": words += words.contains("--check") ? [] : ["--check"]
        case "probe":
            let started = try ServedPoplar()
            words = words.map {
                $0.replacingOccurrences(of: ":1110", with: ":\(started.pop3)").replacingOccurrences(
                    of: ":1995", with: ":\(started.pop3s)")
            }
            server = started
        default: break
        }
        let line = "cd '\(folder.url.path)' && exec \(words.joined(separator: " "))"
        let outcome = try Program.run("/bin/sh", ["-c", line])
        // A refused logon (2) or a finding of the doctor's (1) is an answer; a usage error is not.
        let good: Set<Int32> = words[1] == "probe" ? [0, 2] : words[1] == "doctor" ? [0, 1] : [0]
        #expect(good.contains(outcome.status), "\(line): \(outcome.errors)")
        _ = server
    }

    @Test("blocks of YAML are profiles, or parts of one", arguments: Example.blocks)
    func block(example: Example) throws {
        let folder = try folder()
        var base: [String: String] = [
            "name": "base", "rate": "10", "phases": "[{name: a, duration: 1s}]", "clients": "[{persona: basic}]",
            "mailbox_work": "[{name: w}]",
        ]
        for line in example.line.split(separator: "\n") where !line.hasPrefix(" ") {
            if let colon = line.firstIndex(of: ":") { base[String(line[..<colon])] = nil }
        }
        let text = base.map { "\($0.key): \($0.value)\n" }.sorted().joined() + example.line
        let outcome = try Program.run(Program.poplar, ["profile", "check", try folder.write("block.yaml", text)])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test("the settings file holds with every commented key in force, and with the IPv6 address that it shows")
    func settings() throws {
        let folder = try folder()
        let made = try SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost"], days: 1)
        _ = try folder.write("server.crt", String(decoding: made.certificatePEM, as: UTF8.self))
        _ = try folder.write("server.key", String(decoding: made.keyPEM, as: UTF8.self))
        let key = /^( *)# ( *)((?:tls|certificate|key|workers|metrics|dns_domain):.*)$/.anchorsMatchLineEndings()
        let found = Example.settings.matches(of: key)
        #expect(found.count == 6, "\(found.map(\.output.0))")
        let address = try #require(Example.settings.firstMatch(of: /`("\[::1\]:\d+")`/)).output.1
        let text = Example.settings.replacing(key) { "\($0.output.1)\($0.output.2)\($0.output.3)" }
            .replacingOccurrences(of: "pop3: [127.0.0.1:1110]", with: "pop3: [127.0.0.1:1110, \(address)]")
        let outcome = try Program.run(Program.poplar, ["serve", "--check", "--config", try folder.write("all.yaml", text)])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("[::1]:1110") && outcome.output.contains("workers: 2"), "\(outcome.output)")
    }

    @Test("what an error proposes for an address is right as it stands")
    func proposed() throws {
        let folder = try folder()
        for list in [
            "[[::1]:0]", "\n  - [::1]:0\n  - 127.0.0.1:0", "[[fe80::1%lo]:0, 127.0.0.1:0]", "[*:0]", "[:0]", "[1110]", "1110",
            "[::1]",
        ] {
            var text = "listen: {pop3s: [127.0.0.1:0]}\n"
            if list.hasPrefix("\n") { text = "listen:\n pop3:\(list)\n" } else { text = "listen:\n  pop3: \(list)\n" }
            let wrong = try Program.run(Program.poplar, ["serve", "--check", "--config", try folder.write("a.yaml", text)])
            #expect(wrong.status == 64)
            guard let line = wrong.errors.firstMatch(of: /(?:quote it|write): (.*)/)?.output.1 else {
                #expect(
                    wrong.errors.contains("127.0.0.1:1110, or \"[::1]:1110\" in quotes")
                        || wrong.errors.contains("must be a list"), "\(list): \(wrong.errors)")
                continue
            }
            let place = try #require(wrong.errors.firstMatch(of: /a.yaml:(\d+):/)).output.1
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            let index = try #require(Int(place)) - 1
            lines[index] = String(lines[index].prefix { $0 == " " }) + line
            let right = try Program.run(
                Program.poplar, ["serve", "--check", "--config", try folder.write("a.yaml", lines.joined(separator: "\n"))])
            #expect(!right.errors.contains("YAML") && !right.errors.contains("quoted"), "\(list): \(right.errors)")
        }
    }
}
