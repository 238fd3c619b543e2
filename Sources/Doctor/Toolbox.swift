// The packages of scripts/setup.sh, group by group, and how to see that one is there: a program on the PATH, or a file of it.
// Invariant: the groups are those of the script, so that `scripts/setup.sh GROUP` installs what is missing (a test compares).

internal import Foundation

enum Toolbox {
    struct Entry {
        let package: String
        /// Any of these will do: programs without a slash, files with one.
        let signs: [String]
    }

    static let groups: [(name: String, entries: [Entry])] = [
        (
            "build",
            [
                Entry(package: "libssl-dev", signs: ["/usr/include/openssl/ssl.h", "/usr/local/include/openssl/ssl.h"]),
                Entry(package: "zlib1g-dev", signs: ["/usr/include/zlib.h", "/usr/local/include/zlib.h"]),
                Entry(package: "libjemalloc-dev", signs: ["/usr/include/jemalloc/jemalloc.h"]),
                Entry(package: "pkg-config", signs: ["pkg-config", "pkgconf"]), Entry(package: "git", signs: ["git"]),
            ]
        ),
        (
            "test",
            [
                Entry(package: "curl", signs: ["curl"]), Entry(package: "fetchmail", signs: ["fetchmail"]),
                Entry(package: "mpop", signs: ["mpop"]), Entry(package: "python3", signs: ["python3"]),
                Entry(package: "openssl", signs: ["openssl"]), Entry(package: "strace", signs: ["strace"]),
                Entry(package: "binutils", signs: ["objdump"]),
            ]
        ),
        (
            "bench",
            [
                Entry(package: "gcc", signs: ["gcc"]), Entry(package: "util-linux", signs: ["unshare"]),
                Entry(package: "dovecot-pop3d", signs: ["/usr/lib/dovecot/pop3"]),
            ]
        ),
        ("fuzz", [Entry(package: "lld", signs: ["ld.lld", "lld"])]),
        (
            "scan",
            [Entry(package: "testssl.sh", signs: ["testssl", "testssl.sh"]), Entry(package: "sslscan", signs: ["sslscan"])]
        ),
        ("peers", [Entry(package: "perl", signs: ["perl"])]),
    ]

    static func look(root: String) -> [MachineReadings.Tool] {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return groups.flatMap { group in
            group.entries.map { entry in
                let isFound = entry.signs.contains { sign in
                    sign.hasPrefix("/")
                        ? FileManager.default.fileExists(atPath: root + sign)
                        : path.contains { FileManager.default.isExecutableFile(atPath: "\(root)\($0)/\(sign)") }
                }
                return .init(group: group.name, package: entry.package, isFound: isFound || entry.isBesideSwift(path))
            }
        }
    }
}

extension Toolbox.Entry {
    /// lld also comes with the toolchain, where few have it on the PATH.
    fileprivate func isBesideSwift(_ path: [Substring]) -> Bool {
        guard package == "lld", let swift = path.map({ "\($0)/swift" }).first(where: FileManager.default.isExecutableFile)
        else { return false }
        let folder = URL(fileURLWithPath: swift).resolvingSymlinksInPath().deletingLastPathComponent()
        return FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("ld.lld").path)
    }
}
