// Files for the tests of this folder, and what `openssl` makes there.

import Foundation
import Testing

/// A folder of files with chosen modes, removed at the end.
final class Folder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8], mode: Int = 0o600) -> String {
        let file = "\(path)/\(name)"
        _ = FileManager.default.createFile(atPath: file, contents: Data(bytes), attributes: [.posixPermissions: mode])
        return file
    }

    func read(_ name: String) -> String {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Runs lines of a shell in the folder, to their end.
    func shell(_ lines: String) throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-e", "-c", "cd \(path)\numask 077\n\(lines)"]
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0, "\(lines)")
    }
}

/// A root, an authority under it, and a server's certificate under that: `root`, `int` and `leaf`, each as .crt and
/// .key.
struct Authority {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout root.key -out root.crt -days 9 -subj /CN=root
            printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign\\n' > int.ext
            """)
        try issue("int", by: "root", extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign")
        try issue("leaf", by: "int")
    }

    /// A certificate `name` for a key of `kind`, an argument of `openssl req -newkey`, signed by `issuer`.
    func issue(
        _ name: String, by issuer: String, kind: String = "ec -pkeyopt ec_paramgen_curve:prime256v1",
        extensions: String = "subjectAltName=DNS:localhost", days: Int = 9
    ) throws {
        _ = folder.write("\(name).ext", Array("\(extensions)\n".utf8))
        try folder.shell(
            """
            openssl req -nodes -newkey \(kind) -subj /CN=\(name) -keyout \(name).key -out \(name).csr
            openssl x509 -req -in \(name).csr -CA \(issuer).crt -CAkey \(issuer).key -CAcreateserial -days \(days) \
            -extfile \(name).ext -out \(name).crt
            """)
    }

    /// The texts of certificates, one behind the other.
    func chain(_ names: String...) -> String { names.map { folder.read("\($0).crt") }.joined() }
}
