// What a reader meets in every file: a header that says what it is for, lines and files of readable size, and no trace of
// the machine that it was written on. swift-format (make lint) sees to the rest.

import Foundation
import Testing

@Suite("House style")
struct StyleTests {
    private static let longestLine = 130
    private static let longestFile = 500
    private static let shortestHeader = 2
    private static let sources = Repository.swiftFiles(under: "Sources")
    private static let tests = Repository.swiftFiles(under: "Tests")

    @Test("a file opens with a few lines on what it is for")
    func headers() {
        for file in Self.sources {
            let header = file.lines.prefix { $0.hasPrefix("//") }.count
            #expect((Self.shortestHeader...12).contains(header), "\(file.path) opens with \(header) lines of comment")
        }
        for file in Self.tests where file.name != "Package.swift" {
            #expect(file.lines.first?.hasPrefix("// ") == true, "\(file.path) opens without a comment")
        }
    }

    @Test("lines fit in 130 columns; in tests, what stands inside a literal is not counted")
    func lines() {
        for file in Self.sources + Self.tests {
            let code = file.path.hasPrefix("Tests/") ? SwiftText.code(of: file.lines) : file.lines
            for (index, line) in code.enumerated() where line.count > Self.longestLine {
                Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
            }
        }
    }

    @Test("a file of Sources has no more than 500 lines")
    func files() {
        for file in Self.sources { #expect(file.lines.count <= Self.longestFile, "\(file.path) has \(file.lines.count) lines") }
    }

    @Test("no build switches off the checks that stop a wild index")
    func unchecked() {
        let builds = Repository.files.filter { path in
            path.hasSuffix("Package.swift") || path.hasSuffix(".sh") || path.hasSuffix("Makefile") || path.hasPrefix(".ci/")
        }
        #expect(!builds.isEmpty)
        for path in builds {
            let text = Repository.text(path) ?? ""
            for switched in ["-O" + "unchecked", "-enforce-exclusivity=" + "unchecked", "-remove-" + "runtime-asserts"] {
                #expect(!text.contains(switched), "\(path) has \(switched)")
            }
        }
    }

    @Test("tracked files name no place of one machine")
    func paths() {
        // System folders that exist on every Debian are fine; the rest is somebody's machine.
        let place = /(?:^|[\s"'`=(:])\/(?:home|Users|root|work|opt|mnt|srv)\/[\w.-]+/
        for path in Repository.files where path != "Tests/HouseTests/StyleTests.swift" {
            guard let text = Repository.text(path) else { continue }
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            where line.contains(place) {
                Issue.record("\(path):\(index + 1): \(line.prefix(100))")
            }
        }
    }

    @Test("tracked files are text, and small")
    func binaries() {
        for path in Repository.files where !path.hasPrefix("Tests/Corpus/") && !path.hasPrefix("results/") {
            #expect(Repository.text(path) != nil, "\(path) is not UTF-8")
            let size =
                (try? FileManager.default.attributesOfItem(atPath: Repository.root.appendingPathComponent(path).path)[.size])
                as? Int
            #expect((size ?? 0) < 400_000, "\(path) has \(size ?? 0) octets")
        }
    }
}
