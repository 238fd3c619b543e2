// The run folder: where a run's files go. Invariant: a file appears under its name only whole: it is written under a
// temporary name in the same folder, synced, and renamed; a crash leaves at most a file that ends in ".tmp".

internal import Foundation
internal import Telemetry

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
        reason = String(cString: strerror(code))
    }

    /// There is no text to write to `path`.
    init(_ path: String, _ unfit: JSONText.Unfit) {
        operation = "write"
        self.path = path
        code = 0
        reason = unfit.description
    }

    public var description: String { "\(operation) \(path): \(reason)" }
}

public struct RunFolder: Sendable {
    /// The folder, as given or as made.
    public let path: String
    /// Whether it was made by this run.
    let isNew: Bool

    init(path: String, isNew: Bool = false) {
        self.path = path
        self.isNew = isNew
    }

    /// Names of the files that a run leaves.
    public enum File {
        public static let manifest = "manifest.json", profile = "profile.yaml", summary = "summary.json"
        public static let series = "series.csv", log = "steps.hlog", errors = "errors.jsonl"
        public static let spectrum = "session.hgrm", markdown = "summary.md"
        public static let junit = "junit.xml", prometheus = "metrics.prom"
        /// With `--trace` alone.
        public static let dialogues = "dialogues.txt"
    }

    /// Makes `<base>/<UTC time>-<profile>`, with its parents; "-2", "-3", ... is added when the name is taken.
    public static func create(base: String = "results/runs", profile: String, epochSeconds: UInt64) throws(FileError) -> RunFolder
    {
        try makeParents(base)
        let name = UTCTime(epochSeconds: epochSeconds).basic + "-" + plain(profile)
        for attempt in 1...10_000 {
            let path = "\(base)/\(name)" + (attempt == 1 ? "" : "-\(attempt)")
            if mkdir(path, 0o755) == 0 { return RunFolder(path: path, isNew: true) }
            if errno != EEXIST { throw FileError("mkdir", path) }
        }
        throw FileError("mkdir", "\(base)/\(name)")
    }

    /// Uses `path` itself, made with its parents when it is not there (`--out`).
    public static func use(_ path: String) throws(FileError) -> RunFolder {
        RunFolder(path: path, isNew: try makeParents(path))
    }

    /// Removes the folder if this run made it and nothing is in it: a run that could write nothing leaves nothing.
    public func discard() {
        if isNew { rmdir(path) }
    }

    /// Removes what an older run left here and this one does not write: beside the new summary it would pass for a part of it.
    func removeLeftovers(besides written: Set<String>) {
        for name in [File.dialogues] where !written.contains(name) { unlink("\(path)/\(name)") }
    }

    /// Whether the last of them had to be made.
    @discardableResult
    private static func makeParents(_ path: String) throws(FileError) -> Bool {
        var prefix = path.hasPrefix("/") ? "/" : ""
        var isNew = false
        for part in path.split(separator: "/") {
            prefix += (prefix.isEmpty || prefix == "/" ? "" : "/") + part
            isNew = mkdir(prefix, 0o755) == 0
            if !isNew, errno != EEXIST { throw FileError("mkdir", prefix) }
        }
        return isNew
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
    private let folder: String
    private let name: String
    private var descriptor: Int32
    private var temporary: String { "\(folder)/.\(name).tmp" }

    public init(_ folder: RunFolder, _ name: String) throws(FileError) {
        self.folder = folder.path
        self.name = name
        let path = "\(folder.path)/.\(name).tmp"
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
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
        unlink("\(folder)/.\(name).tmp")
    }
}

/// A whole file that still has its temporary name. Several of them appear together: all are written before one is named.
public struct PendingFile: Sendable {
    let folder: String
    let name: String
    private var temporary: String { "\(folder)/.\(name).tmp" }

    /// Gives it its name, in place of what had that name, and syncs the folder.
    public func publish() throws(FileError) {
        guard rename(temporary, "\(folder)/\(name)") == 0 else { throw FileError("rename", temporary) }
        let directory = Foundation.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw FileError("open", folder) }
        defer { close(directory) }
        // Some file systems cannot sync a folder; the rename holds all the same.
        _ = fsync(directory)
    }

    public func remove() { unlink(temporary) }
}
