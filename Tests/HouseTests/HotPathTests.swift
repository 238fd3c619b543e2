// The release binary, disassembled (design.md 2.8). `make test` builds it and runs the same script before this test; a
// bare `swift test` may have none, and then says so instead of passing silently.

import Foundation
import Testing

@Suite("The hot path in the release binary")
struct HotPathTests {
    private static let binary = Repository.root.appendingPathComponent(".build/release/poplar").path

    @Test(
        "hot functions make no call into the runtime that counts, allocates or looks up",
        .enabled(if: FileManager.default.isExecutableFile(atPath: binary), "no release binary: make build"))
    func calls() {
        let check = Repository.run(["scripts/hot-path.sh", Self.binary], timeoutSeconds: 300)
        #expect(check.status == 0, "\(check.output)\(check.errors)")
    }

    @Test(
        "a pattern that matches nothing fails",
        .enabled(if: FileManager.default.isExecutableFile(atPath: binary), "no release binary: make build"))
    func staleName() throws {
        let list = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-hot-\(UUID().uuidString).txt")
        try "^Server\\.Worker\\.noSuchFunction\\(\n".write(to: list, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: list) }
        let check = Repository.run(["scripts/hot-path.sh", Self.binary, list.path], timeoutSeconds: 300)
        #expect(check.status != 0 || check.output.contains("SKIPPED"))
    }
}
