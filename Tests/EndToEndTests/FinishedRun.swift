// How a run of the executable ended, and what its folder says: read as JSON, as other programs read it.

import Foundation
import Testing

/// A run's folder and how the command ended.
struct FinishedRun {
    var outcome: Outcome
    var folder: URL

    init(_ folder: ScratchFolder, _ outcome: Outcome) {
        self.outcome = outcome
        self.folder = folder.url.appendingPathComponent("run")
    }

    var summary: [String: Any] {
        get throws {
            let data = try Data(contentsOf: folder.appendingPathComponent("summary.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    /// Why the verdict is what it is; the deciding reason first.
    var reasons: [String] { get throws { try #require(try summary["reasons"] as? [String]) } }

    /// The five counts, and that they and the errors add up.
    func sessions(_ key: String = "sessions") throws -> [String: Int] {
        let whole = try summary
        let counts = try #require(whole[key] as? [String: Int])
        let parts = ["succeeded", "failed", "cancelled", "in_flight"].map { counts[$0] ?? -1 }
        #expect(counts["planned"] == parts.reduce(0, +))
        if key == "sessions" {
            let errors = try #require(whole["errors"] as? [String: Int])
            #expect(errors.values.reduce(0, +) == counts["failed"])
        }
        return counts
    }
}
