// The run folder: where a run's files go. Invariants: one run at a time has it (FolderLock). A file appears under its
// name only whole: it is written under a temporary name in the same folder, synced, and renamed; a crash leaves at most
// a file that ends in ".tmp", which the next run in that folder removes.

internal import Foundation
internal import Telemetry
internal import Terminal

/// A file operation that failed, with its errno; 0 where what was to be written is at fault.
public struct FileError: Error, Sendable, CustomStringConvertible {
    public let operation: String
    public let path: String
    public let code: Int32
    private let reason: String

    init(_ operation: String, _ path: String) {
        self.operation = operation
        self.path = path
        code = errno
        let hint = code == ENOLCK ? " (a network file system without locks: give --out on another one)" : ""
        reason = String(cString: strerror(code)) + hint
    }

    /// There is no text to write to `path`.
    init(_ path: String, _ unfit: JSONText.Unfit) {
        operation = "write"
        self.path = path
        code = 0
        reason = unfit.description
    }

    public var description: String { "\(operation) \(TerminalText.line(path)): \(reason)" }
}

public struct RunFolder: Sendable {
    /// The folder, as given or as made.
    public let path: String
    /// Whether it was made by this run.
    let isNew: Bool
    /// Part of this run's temporary names: no other process has it.
    let tag: String
    private let lock: FolderLock?

    init(path: String, isNew: Bool = false, lock: FolderLock? = nil, tag: String? = nil) {
        self.path = path
        self.isNew = isNew
        self.lock = lock
        self.tag = tag ?? "\(getpid())-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    }

    /// Names of the files that a run leaves.
    public enum File {
        public static let manifest = "manifest.json", profile = "profile.yaml", summary = "summary.json"
        public static let series = "series.csv", log = "steps.hlog", errors = "errors.jsonl"
        public static let spectrum = "session.hgrm", markdown = "summary.md"
        public static let junit = "junit.xml", prometheus = "metrics.prom"
        /// With `--trace` alone.
        public static let dialogues = "dialogues.txt"

        static let all = [
            summary, manifest, profile, series, log, errors, spectrum, markdown, junit, prometheus, dialogues,
        ]
    }

    /// Makes `<base>/<UTC time>-<profile>`, with its parents, and locks it; "-2", "-3", ... is added when the name is
    /// taken.
    public static func create(
        base: String = "results/runs", profile: String, epochSeconds: UInt64
    ) throws(FolderError) -> RunFolder {
        let name = UTCTime(epochSeconds: epochSeconds).basic + "-" + plain(profile)
        let stem = "\(base)/\(name)"
        try makeParents(base)
        for attempt in 1...10_000 {
            let path = stem + (attempt == 1 ? "" : "-\(attempt)")
            if mkdir(path, 0o755) == 0 {
                let lock = try FolderLock.take(path) { () throws(FolderError) in try makeParents(path) }
                return RunFolder(path: path, isNew: true, lock: lock)
            }
            if errno != EEXIST { throw .file(FileError("mkdir", path)) }
        }
        throw .file(FileError("mkdir", stem))
    }

    /// Uses `path` itself, made with its parents when it is not there (`--out`), and locks it. Results that it holds
    /// are an error, unless they may be replaced; what a killed run left half written is removed.
    public static func use(_ path: String, replacing: Bool = false) throws(FolderError) -> RunFolder {
        if !replacing { try refuseResults(path) }
        var isNew = false
        let lock = try FolderLock.take(path) { () throws(FolderError) in if try makeParents(path) { isNew = true } }
        let folder = RunFolder(path: path, isNew: isNew, lock: lock)
        // Again: a run may have ended since.
        if !replacing { try refuseResults(path) }
        folder.removeUnfinished()
        return folder
    }

    /// Throws when there are results in `path`, or when it or a parent can be no folder.
    public static func refuseResults(_ path: String) throws(FolderError) {
        for prefix in prefixes(path) { try checkKind(prefix) }
        var status = stat()
        for name in File.all where lstat("\(path)/\(name)", &status) == 0 { throw .holdsResults(path: path, name: name) }
    }

    /// Removes the folder if this run made it and nothing is in it: a run that could write nothing leaves nothing.
    public func discard() {
        release()
        if isNew { rmdir(path) }
    }

    /// Lets others use the folder: the last act of a run in it.
    public func release() { lock?.release() }

    /// Removes files that have a temporary name of ours: nobody else writes here while the lock is held.
    private func removeUnfinished() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasSuffix(".tmp") {
            if File.all.contains(where: { name.hasPrefix(".\($0).") }) { unlink("\(path)/\(name)") }
        }
    }

    func temporary(_ name: String) -> String { "\(path)/.\(name).\(tag).tmp" }

    /// Removes what an older run left here and this one does not write: beside the new summary it would pass for a part of it.
    func removeLeftovers(besides written: Set<String>) {
        for name in [File.dialogues] where !written.contains(name) { unlink("\(path)/\(name)") }
    }

    /// Whether the last of them had to be made.
    @discardableResult
    private static func makeParents(_ path: String) throws(FolderError) -> Bool {
        var isNew = false
        for prefix in prefixes(path) {
            isNew = mkdir(prefix, 0o755) == 0
            guard !isNew else { continue }
            guard errno == EEXIST else { throw .file(FileError("mkdir", prefix)) }
            try checkKind(prefix)
        }
        return isNew
    }

    /// `/a`, `/a/b`, `/a/b/c` of the last.
    private static func prefixes(_ path: String) -> [String] {
        var prefix = path.hasPrefix("/") ? "/" : ""
        return path.split(separator: "/").map { part in
            prefix += (prefix.isEmpty || prefix == "/" ? "" : "/") + part
            return prefix
        }
    }

    /// Throws when `path` is there and can be no folder. One that has gone meanwhile is none of this one's cares.
    private static func checkKind(_ path: String) throws(FolderError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw .noFolder(path: path) }
        } else if errno == ENOENT || errno == ELOOP, lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
            throw .danglingLink(path: path)
        }
    }

    /// A profile's name as part of a file name: letters, digits, '.', '_' and '-'; the rest becomes '-'.
    static func plain(_ name: String) -> String {
        let kept = name.unicodeScalars.map { scalar -> Character in
            let fits =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "._-".unicodeScalars.contains(scalar))
            return fits ? Character(scalar) : "-"
        }
        let text = String(String(kept).drop { $0 == "." }.prefix(80))
        return text.isEmpty ? "run" : text
    }

    /// Writes a whole file.
    public func write(_ name: String, _ text: String) throws(FileError) {
        let file = try prepare(name, text)
        do { try file.publish() } catch {
            file.remove()
            throw error
        }
    }

    /// Writes a whole file under its temporary name.
    func prepare(_ name: String, _ text: String) throws(FileError) -> PendingFile {
        var file = try StreamedFile(self, name)
        try file.append(text)
        return try file.seal()
    }

    public func write(_ summary: RunSummary) throws(FileError) { try write(File.summary, text(File.summary, summary)) }

    public func write(_ manifest: Manifest) throws(FileError) { try write(File.manifest, text(File.manifest, manifest)) }

    /// What is to stand in a JSON file, or the error of that file.
    func text(_ name: String, _ value: some Encodable) throws(FileError) -> String {
        do throws(JSONText.Unfit) { return try JSONText.pretty(value) } catch { throw FileError("\(path)/\(name)", error) }
    }

    func text(_ name: String, _ examples: ErrorExamples) throws(FileError) -> String {
        do throws(JSONText.Unfit) { return try examples.text } catch { throw FileError("\(path)/\(name)", error) }
    }

    /// Reads summary.json.
    public func readSummary() throws -> RunSummary {
        try JSONDecoder().decode(RunSummary.self, from: Data(contentsOf: URL(fileURLWithPath: "\(path)/\(File.summary)")))
    }
}

/// A file that grows under its temporary name and gets its own when it is whole. Dropped unfinished, it is removed.
public struct StreamedFile: ~Copyable {
    private let folder: RunFolder
    private let name: String
    private var descriptor: Int32
    private var temporary: String { folder.temporary(name) }

    public init(_ folder: RunFolder, _ name: String) throws(FileError) {
        self.folder = folder
        self.name = name
        let path = folder.temporary(name)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    public mutating func append(_ text: String) throws(FileError) {
        var text = text
        let status = text.withUTF8 { octets -> Int in
            var written = 0
            while written < octets.count {
                let step = Foundation.write(descriptor, octets.baseAddress.map { $0 + written }, octets.count - written)
                if step < 0, errno == EINTR { continue }
                if step <= 0 { return -1 }
                written += step
            }
            return written
        }
        if status < 0 { throw FileError("write", temporary) }
    }

    /// Syncs the file and closes it; it keeps its temporary name until it is published.
    public mutating func seal() throws(FileError) -> PendingFile {
        guard fsync(descriptor) == 0 else { throw FileError("fsync", temporary) }
        let open = descriptor
        descriptor = -1
        let file = PendingFile(folder: folder, name: name)
        guard close(open) == 0 else {
            let error = FileError("close", temporary)
            file.remove()
            throw error
        }
        return file
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(temporary)
    }
}

/// A whole file that still has its temporary name. Several of them appear together: all are written before one is named.
public struct PendingFile: Sendable {
    let folder: RunFolder
    let name: String
    private var temporary: String { folder.temporary(name) }

    /// Gives it its name, in place of what had that name, and syncs the folder.
    public func publish() throws(FileError) {
        guard rename(temporary, "\(folder.path)/\(name)") == 0 else { throw FileError("rename", temporary) }
        let directory = Foundation.open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw FileError("open", folder.path) }
        defer { close(directory) }
        // Some file systems cannot sync a folder; the rename holds all the same.
        _ = fsync(directory)
    }

    public func remove() { unlink(temporary) }
}
