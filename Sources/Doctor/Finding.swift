// What the doctor says of one thing: how it stands, the value, what that means for a load test, and the command that mends it.
// Invariant: what is not ok has a remedy; a bad finding spoils a run, a doubtful one may.

internal import Terminal

public struct Finding: Sendable, Equatable, Codable {
    public enum Status: String, Sendable, Codable, CaseIterable {
        case ok
        case warn
        case bad
    }

    /// Name of the thing, stable for programs: "descriptors", "ports", ...
    public var check: String
    public var status: Status
    public var value: String
    public var meaning: String
    /// A command, or what to do where no command helps; empty when all is well.
    public var remedy: String

    public init(_ check: String, _ status: Status, _ value: String, _ meaning: String, remedy: String = "") {
        self.check = check
        self.status = status
        self.value = value
        self.meaning = meaning
        self.remedy = status == .ok ? "" : remedy
    }
}

/// All findings, as `poplar doctor --json` writes them.
public struct Diagnosis: Sendable, Equatable, Codable {
    public var schemaVersion = 1
    /// The worst of all.
    public var status: Finding.Status
    public var findings: [Finding]

    public init(_ findings: [Finding]) {
        self.findings = findings
        status = findings.contains { $0.status == .bad } ? .bad : findings.contains { $0.status == .warn } ? .warn : .ok
    }

    enum CodingKeys: String, CodingKey {
        case status, findings
        case schemaVersion = "schema_version"
    }

    /// For a person: a line each, the remedy below it. `paint` colours the status.
    public func text(paint: (String, Finding.Status) -> String = { text, _ in text }) -> String {
        let width = findings.map { Columns.width($0.check) }.max() ?? 0
        let values = findings.map { min(Columns.width($0.value), 40) }.max() ?? 0
        var lines: [String] = []
        for finding in findings {
            let word = paint(Columns.left(finding.status == .bad ? "BAD" : finding.status.rawValue, 4), finding.status)
            let value = finding.meaning.isEmpty ? finding.value : Columns.left(finding.value, values) + "  " + finding.meaning
            lines.append("\(word)  \(Columns.left(finding.check, width))  \(value)")
            if !finding.remedy.isEmpty { lines.append("      \(Columns.left("", width))  -> \(finding.remedy)") }
        }
        let counts = Finding.Status.allCases.map { status in "\(findings.count { $0.status == status }) \(status.rawValue)" }
        return (lines + [counts.joined(separator: ", ")]).map { $0 + "\n" }.joined()
    }
}
