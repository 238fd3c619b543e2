// One run at a time in a folder, and results that nobody said may be replaced.

import Foundation
import Glibc
import Testing

@testable import Results

@Suite("The folder of a run") struct FolderLockTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-lock-\(UInt64.random(in: 0 ... .max))")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    @Test("a folder in use is refused and says by whom; it is free again after the release")
    func inUse() throws {
        try withFolder { path in
            let first = try RunFolder.use(path)
            let error = #expect(throws: FolderError.self) { try RunFolder.use(path) }
            #expect(error?.description.contains("\(path) is in use by another run (process \(getpid()), since 20") == true)
            first.release()
            let second = try RunFolder.use(path)
            #expect(names(path) == [FolderLock.name])
            second.discard()
            #expect(names(path) == [])
        }
    }

    @Test("a name that a file or a link to nowhere has is refused as that, alone and as a parent, with or without replacing")
    func otherKinds() throws {
        try withFolder { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: "\(path)/file"))
            symlink("\(path)/missing", "\(path)/dangling")
            symlink("circle", "\(path)/circle")
            for name in ["file", "dangling", "circle"] {
                let words = name == "file" ? "is no folder: give" : "is a link to nowhere: make"
                for used in [name, "\(name)/run"] {
                    #expect(throws: FolderError.self) { try RunFolder.refuseResults("\(path)/\(used)") }
                    for replacing in [false, true] {
                        let error = #expect(throws: FolderError.self) {
                            try RunFolder.use("\(path)/\(used)", replacing: replacing)
                        }
                        #expect(error?.description.contains("\(path)/\(name) \(words)") == true, "\(used): \(error as Any)")
                    }
                }
            }
            #expect(names(path) == ["circle", "dangling", "file"])
        }
    }

    @Test("a link to a folder is one")
    func link() throws {
        try withFolder { path in
            try FileManager.default.createDirectory(atPath: "\(path)/real", withIntermediateDirectories: true)
            symlink("real", "\(path)/link")
            let folder = try RunFolder.use("\(path)/link")
            #expect(names("\(path)/real") == [FolderLock.name])
            folder.discard()
        }
    }

    @Test("a line break in the name of a folder is spelled out in every error of it")
    func lineBreak() throws {
        let path = "/tmp/a\nb"
        let errors: [FolderError] = [
            .file(FileError("open", path)), .inUse(path: path, holder: "c\nd"), .holdsResults(path: path, name: "summary.json"),
            .noFolder(path: path), .danglingLink(path: path),
        ]
        for error in errors {
            #expect(!error.description.contains("\n"))
            #expect(error.description.contains("/tmp/a\\u{A}b"))
        }
    }

    @Test("the lock file of a run that was killed does not hold up the next")
    func leftBehind() throws {
        try withFolder { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data("process 1, since 1970".utf8).write(to: URL(fileURLWithPath: "\(path)/\(FolderLock.name)"))
            try RunFolder.use(path).release()
        }
    }

    @Test("of many that take a folder which is not there yet, one gets it")
    func race() throws {
        try withFolder { path in
            let winners = Winners()
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                if let folder = try? RunFolder.use(path) { winners.add(folder) }
            }
            #expect(winners.folders.count == 1)
        }
    }

    private final class Winners: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var folders: [RunFolder] = []
        func add(_ folder: RunFolder) { lock.withLock { folders.append(folder) } }
    }

    @Test("any file of a run makes the folder one with results", arguments: RunFolder.File.all)
    func holdsResults(name: String) throws {
        try withFolder { path in
            let made = try RunFolder.use(path)
            try made.write(name, "old")
            made.release()
            let error = #expect(throws: FolderError.self) { try RunFolder.use(path) }
            guard case .holdsResults(path, name)? = error else { throw try #require(error) }
            try RunFolder.use(path, replacing: true).release()
            #expect(names(path) == [name])
        }
    }

    @Test("files that a killed run left half written are removed, files of others stay")
    func unfinished() throws {
        try withFolder { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for name in [".steps.hlog.12-ab.tmp", ".series.csv.tmp", ".notes.tmp", "mine.tmp"] {
                try Data().write(to: URL(fileURLWithPath: "\(path)/\(name)"))
            }
            try RunFolder.use(path).release()
            #expect(names(path) == [".notes.tmp", "mine.tmp"])
        }
    }

    @Test("two runs never share a temporary name")
    func temporaryNames() throws {
        try withFolder { path in
            let first = try RunFolder.use(path)
            first.release()
            let second = try RunFolder.use(path)
            #expect(first.temporary("x") != second.temporary("x"))
            second.release()
        }
    }

    @Test("what is no folder, and what is a link in the lock's place, are errors with the name")
    func noFolder() throws {
        try withFolder { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: "\(path)/file"))
            let error = #expect(throws: FolderError.self) { try RunFolder.use("\(path)/file") }
            #expect(error?.description.contains("\(path)/file") == true)
            symlink("\(path)/elsewhere", "\(path)/\(FolderLock.name)")
            #expect(throws: FolderError.self) { try RunFolder.use(path) }
            #expect(!FileManager.default.fileExists(atPath: "\(path)/elsewhere"))
        }
    }
}
