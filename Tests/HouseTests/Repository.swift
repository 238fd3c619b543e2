// The repository as the house tests see it: its root, its tracked files, and the sources of a module.
// Invariant: only files that git tracks (or would add) count, so that build products and run folders never do.

import Foundation

struct SourceFile: Sendable {
    /// From the root, with slashes: "Sources/POP3/ServerSession.swift".
    let path: String
    let lines: [String]

    var name: String { String(path.split(separator: "/").last ?? "") }
}

enum Repository {
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { folder.deleteLastPathComponent() }
        return folder
    }()

    /// Paths of all files that are tracked or new, and exist.
    static let files: [String] = {
        let git = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], timeoutSeconds: 30)
        let listed = git.status == 0 ? git.output.split(separator: "\n").map(String.init) : walk()
        return Set(listed).sorted().filter { FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path) }
    }()

    /// All Swift files below `folder`.
    static func swiftFiles(under folder: String) -> [SourceFile] {
        files.filter { $0.hasPrefix(folder + "/") && $0.hasSuffix(".swift") }.compactMap(load)
    }

    static func load(_ path: String) -> SourceFile? {
        guard let text = text(path) else { return nil }
        return SourceFile(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }

    /// Nil for what is not UTF-8.
    static func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs `command` in the root; one that outlives the time-out is killed and has a status other than 0.
    static func run(_ command: [String], timeoutSeconds: Int) -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-house-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let output = folder.appendingPathComponent("output")
            let errors = folder.appendingPathComponent("errors")
            try Data().write(to: output)
            try Data().write(to: errors)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["timeout", "-k", "5", "\(timeoutSeconds)"] + command
            process.currentDirectoryURL = root
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try FileHandle(forWritingTo: output)
            process.standardError = try FileHandle(forWritingTo: errors)
            try process.run()
            process.waitUntilExit()
            return Outcome(
                status: process.terminationStatus, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
                errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
        } catch {
            return Outcome(status: -1, output: "", errors: "\(error)")
        }
    }

    /// For an exported archive, which has no git.
    private static func walk() -> [String] {
        let skipped = ["/.build", "/.git/", "/results/runs", "/.swiftpm"]
        guard let all = FileManager.default.enumerator(atPath: root.path) else { return [] }
        return all.compactMap { $0 as? String }.filter { path in
            var isFolder: ObjCBool = false
            FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder)
            return !isFolder.boolValue && !skipped.contains { "/\(path)".contains($0) }
        }
    }
}
