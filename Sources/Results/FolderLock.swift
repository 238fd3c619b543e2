// One run at a time in a folder: an exclusive flock(2) on a file in it, held from before the first session until the
// results have their names. The kernel gives the lock up with the process, so a run that was killed leaves the folder
// free.
// Invariant: the file that is locked is the one that has the name. Who ends removes it while the lock is held, so who
// locked a file that has lost its name meanwhile tries again.

internal import Foundation
internal import Telemetry
internal import Terminal

/// Why a folder cannot take a run.
public enum FolderError: Error, Sendable, CustomStringConvertible {
    /// A file operation failed.
    case file(FileError)
    /// Another run writes there; `holder` is what it says of itself.
    case inUse(path: String, holder: String)
    /// There are results, and nobody said that they may be replaced; `name` is one of their files.
    case holdsResults(path: String, name: String)
    /// A file, a pipe or a device has the name.
    case noFolder(path: String)
    /// A symbolic link has the name, and what it points to is not there.
    case danglingLink(path: String)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .inUse(let path, let holder):
            "\(TerminalText.line(path)) is in use by \(TerminalText.line(holder)): give another folder, or wait for its end"
        case .holdsResults(let path, let name):
            "\(TerminalText.line(path)) holds \(name) already: give another folder with --out, or --force to replace the "
                + "results in this one"
        case .noFolder(let path):
            "\(TerminalText.line(path)) is no folder: give another name with --out, or move what has this one"
        case .danglingLink(let path):
            "\(TerminalText.line(path)) is a link to nowhere: make the folder that it points to, or give another one with --out"
        }
    }
}

final class FolderLock: @unchecked Sendable {
    static let name = ".poplar-lock"
    private static let attempts = 100

    private let path: String
    private var descriptor: Int32

    private init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Takes the lock of `folder`, which `make` makes where it is not there. Never waits.
    static func take(_ folder: String, make: () throws(FolderError) -> Void) throws(FolderError) -> FolderLock {
        let path = "\(folder)/\(name)"
        for _ in 0..<attempts {
            try make()
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
            guard descriptor >= 0 else {
                // The folder was removed by a run that could not begin.
                if errno == ENOENT { continue }
                throw .file(FileError("open", path))
            }
            if let lock = try lock(descriptor, path, folder) { return lock }
        }
        throw .inUse(path: folder, holder: "runs that come and go")
    }

    /// Nil where the file has lost its name meanwhile.
    private static func lock(_ descriptor: Int32, _ path: String, _ folder: String) throws(FolderError) -> FolderLock? {
        var status = flock(descriptor, LOCK_EX | LOCK_NB)
        while status != 0, errno == EINTR { status = flock(descriptor, LOCK_EX | LOCK_NB) }
        guard status == 0 else {
            let isHeld = errno == EWOULDBLOCK
            let error = FileError("lock", path)
            let holder = isHeld ? holder(descriptor) : ""
            close(descriptor)
            throw isHeld ? .inUse(path: folder, holder: holder) : .file(error)
        }
        var own = stat()
        var named = stat()
        guard fstat(descriptor, &own) == 0, stat(path, &named) == 0, own.st_ino == named.st_ino, own.st_dev == named.st_dev else {
            close(descriptor)
            return nil
        }
        let lock = FolderLock(path, descriptor)
        lock.sign()
        return lock
    }

    /// Says who holds the lock, for the message of who does not get it. A full disk costs no more than this word.
    private func sign() {
        let text = "process \(getpid()), since \(UTCTime(epochSeconds: UInt64(max(0, time(nil)))).extended)"
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count else {
            _ = ftruncate(descriptor, 0)
            return
        }
    }

    private static func holder(_ descriptor: Int32) -> String {
        var octets = [UInt8](repeating: 0, count: 100)
        let count = max(0, pread(descriptor, &octets, octets.count, 0))
        let text = String(decoding: octets[..<count], as: UTF8.self)
        return text.isEmpty ? "another run" : "another run (\(text))"
    }

    /// Removes the file and gives the lock up. Further calls do nothing.
    func release() {
        guard descriptor >= 0 else { return }
        unlink(path)
        close(descriptor)
        descriptor = -1
    }

    deinit { release() }
}
