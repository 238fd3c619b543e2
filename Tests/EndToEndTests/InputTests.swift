// Profiles, user tables and settings as people hand them over: by a pipe, from a FIFO, in an old encoding.

import Foundation
import Glibc
import Testing

@Suite("Files that poplar reads", .serialized)
struct InputTests {
    private let profile = """
        name: piped
        rate: 20
        phases: [{name: steady, duration: 300ms}]
        clients: [{persona: basic}]
        mailbox_work: [{name: look}]
        population: {users: 200, messages: 1, bytes: 100}

        """

    private func shell(_ text: String) throws -> Outcome {
        try Program.run("/bin/bash", ["-c", text.replacingOccurrences(of: "POPLAR", with: "'\(Program.poplar)'")])
    }

    @Test("a profile and a user table come out of pipes, FIFOs and /dev/stdin")
    func pipes() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("piped.yaml", profile)
        let header = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password"
        let users = "<(echo \(header); seq -f 'u%g,p,,,,,' 800)"
        for words in [
            "POPLAR profile check <(cat \(file))", "cat \(file) | POPLAR profile check /dev/stdin",
            "POPLAR profile check /dev/stdin <\(file)",
            "POPLAR profile list <(cat \(file))", "POPLAR profile show <(cat \(file)) | cmp - \(file)",
            "POPLAR run <(cat \(file)) --dry-run --users \(users)",
            "mkfifo \(file).fifo; (sleep 0.1; cat \(file) >\(file).fifo) & POPLAR profile check \(file).fifo",
        ] {
            let outcome = try shell(words)
            #expect(outcome.status == 0, "\(words): \(outcome.errors)")
        }
        #expect(try shell("POPLAR run <(true) --dry-run").errors.contains(":1:1: error: the file is empty"))
        #expect(try shell("POPLAR run \(file) --users <(head -c 100 /dev/zero) --dry-run").status == 64)
        #expect(try shell("head -c 20M /dev/zero | POPLAR profile check /dev/stdin").errors.contains("it is larger than 16 MiB"))
    }

    @Test("settings come out of a pipe too")
    func settings() throws {
        let outcome = try shell("POPLAR serve --check --config <(echo 'listen: {pop3: [127.0.0.1:0]}')")
        #expect(outcome.status == 0 && outcome.output.contains("127.0.0.1:0"), "\(outcome.errors)")
    }

    @Test(
        "a signal ends the wait for a FIFO that nobody writes",
        arguments: ["profile check", "run", "run smoke --users", "serve --config"])
    func interrupted(command: String) throws {
        let folder = try ScratchFolder()
        let file = folder.url.path + "/fifo"
        let outcome = try shell("mkfifo \(file); POPLAR \(command) \(file) & sleep 0.3; kill -TERM $!; wait $!; echo $?")
        #expect(outcome.output == "143\n", "\(outcome.output)\(outcome.errors)")
    }

    @Test("profile.yaml is the file's own bytes, and its hash is theirs: byte order mark, CRLF and all")
    func bytes() throws {
        let folder = try ScratchFolder()
        let text = "\u{FEFF}# é\r\n" + profile.replacingOccurrences(of: "\n", with: "\r\n")
        let file = try folder.write("piped.yaml", text)
        let outcome = try shell("sha256sum \(file); POPLAR run <(cat \(file)) --quiet --out \(folder.url.path)/run")
        #expect([0, 4].contains(outcome.status), "\(outcome.errors)")
        #expect(try Data(contentsOf: folder.url.appendingPathComponent("run/profile.yaml")) == Data(text.utf8))
        let hash = String(outcome.output.prefix(64))
        #expect(try folder.read("run/summary.json").contains("\"sha256\" : \"\(hash)\""))
    }

    @Test(
        "an old encoding is refused with 64 and its place, by every command", arguments: ["run", "profile check", "profile show"])
    func latin1(command: String) throws {
        let folder = try ScratchFolder()
        let file = folder.url.appendingPathComponent("old.yaml")
        try (Data(profile.utf8) + Data("description: caf".utf8) + Data([0xE9, 0x0A])).write(to: file)
        let outcome = try Program.run(Program.poplar, command.split(separator: " ").map(String.init) + [file.path])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("\(file.path):7:17: error: the byte 0xE9 is not UTF-8 text"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }
}
