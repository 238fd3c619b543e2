// Where a run's sessions go: addresses resolved once and pinned, loopback or asked for, and answering before the first
// session is planned. A dead target is one clear line within the connect deadline (contracts, section 1: exit code 1).

import Foundation
import LoadGenerator
import PoplarCore
import Reactor
import Telemetry
import Workload

struct RunTarget {
    var pop3: SocketAddress?
    var pop3s: SocketAddress?
    /// As given, with the pinned address.
    var names: [String] = []
    var tlsHost: String?

    var isLoopback: Bool { [pop3, pop3s].allSatisfy { $0?.isLoopback ?? true } }

    /// The problem with a target, for one line on standard error.
    struct Unreachable: Error, CustomStringConvertible {
        let description: String
    }

    /// Resolves `host:port` texts.
    static func resolve(pop3: String?, pop3s: String?) throws -> RunTarget {
        var target = RunTarget()
        func pin(_ name: String, _ text: String?) throws -> SocketAddress? {
            guard let text else { return nil }
            let address = try SocketAddress(parsing: text)
            target.names.append(address.text == text ? "\(name) \(text)" : "\(name) \(text) (\(address.text))")
            return address
        }
        target.pop3 = try pin("pop3", pop3)
        target.pop3s = try pin("pop3s", pop3s)
        // STLS on the clear port shows the certificate of the same host.
        if let encrypted = pop3s ?? pop3, let colon = encrypted.lastIndex(of: ":") {
            target.tlsHost = String(encrypted[..<colon]).trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        }
        return target
    }

    /// Connects once to each address that the profile uses.
    func check(_ profile: Profile) throws {
        for (name, address, isUsed) in [
            ("pop3", pop3, profile.usesClearPort), ("pop3s", pop3s, profile.usesTLSPort),
        ] where isUsed {
            guard let address else {
                throw Unreachable(description: "the profile '\(profile.name)' has \(name) sessions: give --\(name) HOST:PORT")
            }
            if let reason = Self.connectFailure(address, timeoutNs: profile.limits.connectTimeoutNs) {
                throw Unreachable(description: "cannot reach \(name) \(address.text): \(reason)")
            }
        }
    }

    /// Why `address` does not take a connection; nil when it does.
    private static func connectFailure(_ address: SocketAddress, timeoutNs: UInt64) -> String? {
        switch Socket.connect(to: address) {
        case .connected(let descriptor):
            close(descriptor)
            return nil
        case .failed(let code): return String(cString: strerror(code))
        case .inProgress(let descriptor):
            let socket = Socket(owning: descriptor)
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let answered = poll(&entry, 1, Int32(clamping: timeoutNs / 1_000_000 + 1)) > 0
            let code = socket.pendingError
            if !answered { return "no answer within \(Double(timeoutNs) / 1e9) s" }
            return code == 0 ? nil : String(cString: strerror(code))
        }
    }
}

/// Finds a profile: a file, or a name in `profiles/` here or beside the executable's project.
enum ProfileFile {
    static func read(_ name: String) throws -> (text: String, file: String) {
        var candidates = [name]
        if !name.contains("/") {
            candidates.append("profiles/\(name).yaml")
            var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            for _ in 0..<6 {
                candidates.append(folder.appendingPathComponent("profiles/\(name).yaml").path)
                folder.deleteLastPathComponent()
            }
        }
        for candidate in candidates {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            return (try String(contentsOfFile: candidate, encoding: .utf8), candidate)
        }
        throw Missing(description: "there is no profile '\(name)': neither a file nor a name in profiles/")
    }

    /// The profile with the starts of its trace, where it has one.
    static func replaying(_ profile: Profile, users: UserTable) throws -> Profile {
        guard let file = traceFile(profile) else { return profile }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw profile.traceError("cannot read the trace \(file)")
        }
        let csv = Array(data)
        return try profile.replaying(csv: csv, file: file, users: users, sha256: RunVerdict.sha256(csv))
    }

    /// Where the trace of `profile` lies; nil without one.
    static func traceFile(_ profile: Profile) -> String? {
        guard let path = profile.traceSource?.path else { return nil }
        let folder = URL(fileURLWithPath: profile.file).deletingLastPathComponent()
        return path.hasPrefix("/") ? path : folder.appendingPathComponent(path).relativePath
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }
}
