// Where profiles are found: a file as named, or a name in a `profiles/` folder: the one here first, then those beside the
// executable and above it, so that the built program finds its project's. Invariant: `run`, `profile` and every other
// command that takes a profile look in the same places in the same order.

import Configuration
import Foundation
import Workload

enum ProfileFile {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The text of a profile and the file that it came from.
    static func read(_ name: String) throws -> (text: String, file: String) {
        let candidates = [name] + (name.contains("/") ? [] : folders.map { "\($0)/\(name).yaml" })
        for candidate in candidates {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            let octets: [UInt8]
            do throws(InputFile.Failure) {
                octets = try InputFile.read(candidate, limit: InputFile.textLimit, noun: "the profile")
            } catch { throw Missing(description: error.description) }
            return (try SourceText.decode(octets, file: candidate, kind: "profile"), candidate)
        }
        let near = Spelling.nearest(to: name, among: shipped().map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
        throw Missing(
            description:
                "there is no profile '\(name.shown())': neither a file nor a name in profiles/ (poplar profile list)\(near)")
    }

    /// The profile with the starts of its trace, where it has one.
    static func replaying(_ profile: Profile, users: UserTable) throws -> Profile {
        guard let file = traceFile(profile) else { return profile }
        let csv: [UInt8]
        do throws(InputFile.Failure) { csv = try InputFile.read(file, limit: Trace.fileLimit, noun: "the trace") } catch {
            throw profile.traceError(error.description)
        }
        return try profile.replaying(csv: csv, file: file, users: users, sha256: RunVerdict.sha256(csv))
    }

    /// Where the trace of `profile` lies; nil without one.
    static func traceFile(_ profile: Profile) -> String? {
        profile.traceSource.map { InputFile.relative($0.path, to: profile.file) }
    }

    /// The names that `run` takes, in alphabetical order, each with its file.
    static func shipped() -> [(name: String, file: String)] {
        var found: [String: String] = [:]
        for folder in folders {
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where entry.hasSuffix(".yaml") {
                let name = String(entry.dropLast(5))
                if found[name] == nil { found[name] = "\(folder)/\(entry)" }
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Folders that are looked in, the nearest first.
    private static var folders: [String] {
        var folders = ["profiles"]
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 {
            folders.append(folder.appendingPathComponent("profiles").path)
            folder.deleteLastPathComponent()
        }
        return folders
    }
}
