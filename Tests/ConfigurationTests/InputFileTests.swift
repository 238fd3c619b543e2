// Files as people give them: pipes and FIFOs too, bounded; text that is not UTF-8 is refused with its place.

import Foundation
import Glibc
import Testing

@testable import Configuration

@Suite("Input files") struct InputFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-in-\(UInt64.random(in: 0 ... .max))")
            .path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func read(_ path: String, limit: Int = 1 << 20, waits: Bool = true) throws -> String {
        String(decoding: try InputFile.read(path, limit: limit, noun: "the file", waits: waits), as: UTF8.self)
    }

    @Test("a regular file, an empty one, and one of /proc, whose size is not known")
    func regular() throws {
        try withFolder { folder in
            try Data("text\r\n".utf8).write(to: URL(fileURLWithPath: folder + "/a"))
            try Data().write(to: URL(fileURLWithPath: folder + "/b"))
            #expect(try read(folder + "/a") == "text\r\n")
            #expect(try read(folder + "/b").isEmpty)
            #expect(try read("/proc/self/status").contains("Pid:"))
            #expect(try read("/dev/null").isEmpty)
        }
    }

    @Test("a pipe by its name in /dev/fd, more than it holds at once", arguments: [0, 3, 1_000_000])
    func pipe(size: Int) throws {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let writer = Thread {
            var left = size
            let part = [UInt8](repeating: 97, count: 4096)
            while left > 0 {
                let count = write(writing, part, min(left, part.count))
                if count <= 0 { break }
                left -= count
            }
            close(writing)
        }
        writer.start()
        #expect(try read("/dev/fd/\(reading)").utf8.count == size)
        close(reading)
    }

    @Test("a FIFO whose writer comes later")
    func fifo() throws {
        try withFolder { folder in
            let path = folder + "/fifo"
            try #require(mkfifo(path, 0o600) == 0)
            let writer = Thread {
                let descriptor = open(path, O_WRONLY)
                _ = write(descriptor, "one ", 4)
                _ = write(descriptor, "two", 3)
                close(descriptor)
            }
            writer.start()
            #expect(try read(path) == "one two")
        }
    }

    @Test("who must not wait takes a regular file alone")
    func waits() throws {
        try withFolder { folder in
            try #require(mkfifo(folder + "/fifo", 0o600) == 0)
            let error = #expect(throws: InputFile.Failure.self) { try read(folder + "/fifo", waits: false) }
            #expect(
                error?.description == "cannot read the file \(folder)/fifo: it is a pipe or a device, which cannot be read again")
        }
    }

    @Test("what is larger than the limit is refused, whatever it is", arguments: ["/dev/zero", "file"])
    func tooLarge(name: String) throws {
        try withFolder { folder in
            let path = name.hasPrefix("/") ? name : folder + "/" + name
            if path != name { try Data(repeating: 97, count: (1 << 20) + 1).write(to: URL(fileURLWithPath: path)) }
            let error = #expect(throws: InputFile.Failure.self) { try read(path) }
            #expect(error?.description == "cannot read the file \(path): it is larger than 1 MiB")
        }
    }

    @Test("a folder, a file that is not there and a name that steers the terminal are errors with the name and the reason")
    func unreadable() throws {
        #expect(throws: InputFile.Failure.self) { try read("/") }
        let error = #expect(throws: InputFile.Failure.self) { try read("/no\u{1B}[31m") }
        #expect(error?.description == "cannot read the file /no\\u{1B}[31m: No such file or directory")
    }

    @Test("names in a file are relative to its folder, and to ours where it came out of a pipe")
    func relative() {
        #expect(InputFile.relative("a.csv", to: "x/y.yaml") == "x/a.csv")
        #expect(InputFile.relative("a.csv", to: "y.yaml") == "a.csv")
        #expect(InputFile.relative("/a.csv", to: "x/y.yaml") == "/a.csv")
        #expect(InputFile.relative("a.csv", to: "/dev/fd/63") == "a.csv")
    }
}

@Suite("Text of a file") struct SourceTextTests {
    private func error(_ octets: [UInt8]) -> String? {
        do throws(ConfigurationErrors) {
            _ = try SourceText.decode(octets, file: "f", kind: "profile")
            return nil
        } catch { return error.description }
    }

    @Test("UTF-8 is taken as it is, a byte order mark and CRLF included")
    func kept() throws {
        for text in ["", "a", "\u{FEFF}name: é\r\n"] {
            #expect(try Array(SourceText.decode(Array(text.utf8), file: "f", kind: "profile").utf8) == Array(text.utf8))
        }
    }

    @Test("Latin-1 is refused at its byte, with the letter that was meant and what to do")
    func latin1() {
        #expect(
            error(Array("name: a\r\nx: Gr".utf8) + [0xFC] + Array("n\n".utf8)) == """
                f:2:6: error: the byte 0xFC is not UTF-8 text
                    x: Gr\u{FFFD}n
                         ^
                    save the profile as UTF-8; if it is Latin-1 (this would be 'ü'), `iconv -f latin1 -t utf-8` does that
                """)
    }

    @Test(
        "columns count characters before the byte; a sequence that is cut, overlong or a surrogate is at fault where it begins",
        arguments: [
            (Array("é\u{2028}日x".utf8) + [0x80], "f:2:3: error: the byte 0x80"), ([0xE6, 0x97], "f:1:1: error: the byte 0xE6"),
            ([97, 0xC0, 0xAF], "f:1:2: error: the byte 0xC0"), ([0xED, 0xA0, 0x80], "f:1:1: error: the byte 0xED"),
        ] as [([UInt8], String)])
    func places(octets: [UInt8], place: String) { #expect(error(octets)?.hasPrefix(place) == true, "\(error(octets) ?? "")") }

    @Test(
        "UTF-16 and UTF-32 are called by their name",
        arguments: [[0xFF, 0xFE, 97, 0], [0xFE, 0xFF, 0, 97], [97, 0, 98, 0], [0, 97, 0, 98], [0xFF, 0xFE, 0, 0]] as [[UInt8]])
    func utf16(octets: [UInt8]) { #expect(error(octets)?.contains("the file is UTF-16 text, not UTF-8") == true) }
}

@Suite("Addresses that YAML takes for something else") struct UnquotedAddressTests {
    @Test(
        "each is found, and the line shown as it must be",
        arguments: [
            ("pop3: [[::1]:1110]", 8, "pop3: [\"[::1]:1110\"]"), ("  - [fe80::1%eth0.5]:110", 5, "  - \"[fe80::1%eth0.5]:110\""),
            ("pop3: [::1]:1110, # [::2]:2", 7, "pop3: \"[::1]:1110\", # [::2]:2"),
            ("a: ['[::1]:1', [::ffff:10.0.0.1]:2, [::3]:3]", 16, "a: ['[::1]:1', \"[::ffff:10.0.0.1]:2\", \"[::3]:3\"]"),
            ("- *:110", 3, "- 0.0.0.0:110"), ("a: [:110, x:1]", 5, "a: [127.0.0.1:110, x:1]"),
            ("pop3: [::1]", 7, "pop3: \"[::1]\""),
            ("- [1:2:3:4:5:6:7:8]:9", 3, "- \"[1:2:3:4:5:6:7:8]:9\""),
        ])
    func found(line: String, column: Int, corrected: String) throws {
        let found = try #require(UnquotedAddress.find(in: line))
        #expect(found.column == column)
        #expect(found.remedy.hasSuffix(": \(corrected.trimmed())"), "\(found.remedy)")
    }

    @Test(
        "lists and quoted addresses are left alone",
        arguments: ["[a, b]", "x: [1:2:3]", "'[::1]:1110'", "[1:30, 2:40, 3:50]", "# [::1]:1", ""])
    func none(line: String) { #expect(UnquotedAddress.find(in: line) == nil) }
}
