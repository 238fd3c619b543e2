// Settings that are each in range and have a product that is not: the start is refused by the names of the keys, in
// every form, before anything is made. Each server runs under a limit on its memory, so that a refusal that fails hurts
// nobody.

import Foundation
import Testing

@Suite("A start that the machine has no memory for")
struct StartMemoryTests {
    /// The built program with 4 GB of addresses at the most.
    private func limited(_ words: [String]) throws -> Outcome {
        try Program.run("/bin/sh", ["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", Program.poplar] + words)
    }

    @Test(
        "serve refuses a population by the keys of the product, exit 64",
        arguments: [
            ("users=1,messages=65535,bytes=1073741824", "--population messages x --population bytes"),
            ("users=1,messages=65535,bytes=1073741824:1+64:1", "--population messages x --population bytes"),
            (
                "users=2000000,messages=65535,bytes=64,deleted=gone",
                "--population users x --population messages with deleted=gone"
            ),
        ])
    func quickForm(population: String, keys: String) throws {
        let words = ["serve", "--pop3", "127.0.0.1:0", "--workers", "1", "--population", population]
        let outcome = try limited(words)
        #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.contains(keys) && outcome.errors.contains("lower one of them"), "\(outcome.errors)")
        let check = try limited(words + ["--check"])
        #expect(check.status == 0 && check.output.contains("population:"), "\(check)")
        #expect(check.errors.contains("warning: ") && check.errors.contains(keys), "\(check.errors)")
    }

    @Test("serve --config refuses it at the place of its key; --check warns")
    func fullForm() throws {
        let folder = try ScratchFolder()
        let file = try folder.write(
            "server.yaml",
            """
            listen: {pop3: ['127.0.0.1:0']}
            workers: 1
            population:
              messages: 65535
              users: 500000
              bytes: 64
              deleted: gone

            """)
        let outcome = try limited(["serve", "--config", file])
        #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.contains("server.yaml:5:10: error: "), "\(outcome.errors)")
        #expect(
            outcome.errors.contains("population.users x population.messages with deleted=gone"), "\(outcome.errors)")
        let check = try limited(["serve", "--config", file, "--check"])
        #expect(check.status == 0 && check.errors.contains("warning: "), "\(check)")
    }

    @Test("workers whose stacks alone are more than ulimit -v leaves are refused too")
    func addresses() throws {
        let outcome = try limited(["serve", "--pop3", "127.0.0.1:0", "--workers", "1024"])
        #expect(outcome.status == 64 && outcome.errors.contains("--workers"), "\(outcome)")
        #expect(outcome.errors.contains("ulimit -v"), "\(outcome.errors)")
    }

    @Test("run says it of its embedded server, exit 64, and makes no run folder")
    func run() throws {
        let folder = try ScratchFolder()
        let profile = try folder.write(
            "large.yaml",
            """
            name: large
            rate: 1
            phases: [{name: steady, duration: 1s}]
            clients: [{persona: basic}]
            mailbox_work: [{name: look, stat: on}]
            population: {users: 2000000, messages: 30000, bytes: 64, deleted: gone}

            """)
        let runs = folder.url.appendingPathComponent("run").path
        let outcome = try limited(["run", profile, "--out", runs])
        #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome)")
        #expect(
            outcome.errors.contains("population.users x population.messages with deleted=gone"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: runs))
    }

    @Test("what fits starts, also under the limit")
    func fits() throws {
        let words = ["serve", "--pop3", "127.0.0.1:0", "--workers", "1", "--population", "users=1000", "--check"]
        let outcome = try limited(words)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
    }
}
