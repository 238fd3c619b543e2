// The run folder: whole files only, no name taken twice, nothing secret.
// Everything is written below the temporary folder and removed again.

import Foundation
import Telemetry
import Testing

@testable import Results

@Suite struct RunFolderTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-run-\(UInt64.random(in: 0 ... .max))")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    private let manifest = Manifest(
        tool: .init(version: "0.1", gitCommit: "abc", swift: "6.3", openssl: "3.0", allocator: "jemalloc", buildFlags: "-O"),
        commandLine: ["poplar", "run", "smoke"], startedAt: "2026-01-31T23:59:59Z", endedAt: "2026-02-01T00:00:04Z", server: nil,
        targets: ["127.0.0.1:1110"], certificateVerified: nil, generatorThreads: 1)

    @Test func aRunLeavesEveryFileAndNoTemporaryOne() throws {
        try withFolder { base in
            let folder = try RunFolder.create(base: base + "/a/b", profile: "smoke", epochSeconds: 1_769_903_999)
            #expect(folder.path == base + "/a/b/20260131T235959Z-smoke")
            let collector = RunFixture.collector()
            var writer = try RunWriter(folder, startEpochNs: 1_769_903_999_000_000_000)
            #expect(names(folder.path) == [".poplar-lock", ".series.csv.\(folder.tag).tmp", ".steps.hlog.\(folder.tag).tmp"])
            try writer.appendInterval(collector)
            try writer.finish(
                collector, summary: RunFixture.summary(), manifest: manifest, profileText: "name: smoke\n",
                errors: ErrorExamples())
            folder.release()
            #expect(
                names(folder.path) == [
                    "errors.jsonl", "manifest.json", "profile.yaml", "series.csv", "session.hgrm", "steps.hlog", "summary.json",
                ])
            #expect(try folder.readSummary() == RunFixture.summary())
            let log = try HistogramLog.read(String(contentsOfFile: folder.path + "/steps.hlog", encoding: .utf8))
            let tags = ["session.corrected", "session.service", "session.failed", "start_lag"]
            #expect(log.map(\.tag) == tags + ["auth.ntlm.pop3.failed", "retr.basic.pop3"])
            #expect(log.first?.histogram.counters == collector.totals.latency.corrected.counters)
        }
    }

    @Test func aTakenNameGetsASuffixAndAStrangeOneIsMadePlain() throws {
        try withFolder { base in
            let made = try (0..<3).map { _ in try RunFolder.create(base: base, profile: "../a b/ü", epochSeconds: 0).path }
            let name = base + "/19700101T000000Z--a-b--"
            #expect(made == [name, name + "-2", name + "-3"])
        }
    }

    @Test func anUnfinishedFileIsRemovedAndTheOldOneStays() throws {
        try withFolder { base in
            let folder = try RunFolder.use(base)
            try folder.write("x", "old")
            do {
                var file = try StreamedFile(folder, "x")
                try file.append("half")
            }
            folder.release()
            #expect(names(base) == ["x"])
            #expect(try String(contentsOfFile: base + "/x", encoding: .utf8) == "old")
            try folder.write("x", "new")
            #expect(try String(contentsOfFile: base + "/x", encoding: .utf8) == "new")
        }
    }

    @Test func aFileThatCannotBeWrittenLeavesTheOlderResultAsItWas() throws {
        let written = [
            "errors.jsonl", "manifest.json", "profile.yaml", "session.hgrm", "summary.json", "summary.md",
        ]
        for name in written {
            try withFolder { base in
                let folder = try RunFolder.use(base)
                folder.release()
                let all = written + ["steps.hlog", "series.csv"]
                for old in all { try folder.write(old, "old") }
                let collector = RunFixture.collector()
                var writer = try RunWriter(folder, startEpochNs: 0)
                try writer.append(collector)
                // Nothing can be opened under a name that a folder has.
                try FileManager.default.createDirectory(
                    atPath: folder.temporary(name), withIntermediateDirectories: false)
                #expect(throws: FileError.self) {
                    try writer.finish(
                        collector, summary: RunFixture.summary(), manifest: manifest, profileText: "name: smoke\n",
                        errors: ErrorExamples(), others: [("summary.md", "# new\n")])
                }
                #expect(names(base) == ([".\(name).\(folder.tag).tmp"] + all).sorted())
                for old in all { #expect(try String(contentsOfFile: "\(base)/\(old)", encoding: .utf8) == "old") }
            }
        }
    }

    @Test func dialoguesOfAnOlderRunDoNotStayBesideANewResult() throws {
        try withFolder { base in
            let folder = try RunFolder.use(base)
            for dialogues in ["old", nil] {
                let collector = RunFixture.collector()
                var writer = try RunWriter(folder, startEpochNs: 0)
                try writer.finish(
                    collector, summary: RunFixture.summary(), manifest: manifest, profileText: "name: smoke\n",
                    errors: ErrorExamples(), others: dialogues.map { [("dialogues.txt", $0)] } ?? [])
                #expect(names(base).contains("dialogues.txt") == (dialogues != nil))
            }
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func aFigureThatIsNoneIsAnErrorWithItsPlaceAndLeavesTheOlderResultAsItWas(figure: Double) throws {
        try withFolder { base in
            let folder = try RunFolder.use(base)
            let collector = RunFixture.collector()
            var writer = try RunWriter(folder, startEpochNs: 0)
            try writer.finish(
                collector, summary: RunFixture.summary(), manifest: manifest, profileText: "name: smoke\n",
                errors: ErrorExamples())
            folder.release()
            let (all, old) = (names(base), try String(contentsOfFile: base + "/summary.json", encoding: .utf8))
            for (place, change) in [
                ("throughput.sessions_per_s", { $0.throughput.sessionsPerS = figure }),
                ("latency_us.session_service.p99", { $0.latencyUs.sessionService.p99 = figure }),
                ("validity.[0].limit", { $0.validity[0].limit = figure }),
            ] as [(String, (inout RunSummary) -> Void)] {
                var summary = RunFixture.summary()
                change(&summary)
                let unfit = #expect(throws: JSONText.Unfit.self) { try JSONText.line(summary) }
                #expect(unfit?.description == "\(place) is \(figure), which is no figure")
                var writer = try RunWriter(folder, startEpochNs: 0)
                let error = #expect(throws: FileError.self) {
                    try writer.finish(
                        RunFixture.collector(), summary: summary, manifest: manifest, profileText: "name: smoke\n",
                        errors: ErrorExamples())
                }
                #expect(error?.description == "write \(base)/summary.json: \(place) is \(figure), which is no figure")
                #expect(throws: FileError.self) { try folder.write(summary) }
                #expect(names(base) == all)
                #expect(try String(contentsOfFile: base + "/summary.json", encoding: .utf8) == old)
            }
        }
    }

    @Test func aFolderMadeForARunThatWritesNothingGoesAndOneThatWasThereStays() throws {
        try withFolder { base in
            let made = try RunFolder.use(base + "/made")
            let there = try RunFolder.use(base)
            made.discard()
            there.discard()
            #expect(names(base) == [])
            #expect(FileManager.default.fileExists(atPath: base))
            let kept = try RunFolder.create(base: base, profile: "p", epochSeconds: 0)
            try kept.write("x", "text")
            kept.discard()
            #expect(names(kept.path) == ["x"])
        }
    }

    @Test func theSeriesIsWrittenWhileARunGoesOnAndIsTheSameInTheEnd() throws {
        try withFolder { base in
            let folder = try RunFolder.use(base)
            let second: UInt64 = 1_000_000_000
            func collector(_ kept: Int) -> Collector { Collector(threads: 1, runStartNs: 0, model: .open, rowsKept: kept) }
            func run(_ collector: Collector, _ each: () throws -> Void) rethrows {
                var recorder = Recorder(collector.exchanges[0])
                for index in 0..<40 as Range<UInt64> {
                    recorder.sessionDue(plannedNs: index * second, measured: true)
                    recorder.sessionStarted(plannedNs: index * second, startNs: index * second, measured: true)
                    if index % 3 > 0 {
                        recorder.record(
                            session: SessionRecord(
                                plannedNs: index * second, startNs: index * second, endNs: index * second + index,
                                outcome: .succeeded, plannedAuth: .basic, auth: .basic, transport: .pop3, measured: true))
                    }
                    recorder.swapIfDue(nowNs: (index + 1) * second)
                    collector.poll(nowNs: (index + 1) * second)
                    try each()
                }
                recorder.finish(nowNs: 40 * second)
                collector.poll(nowNs: 40 * second)
            }
            let short = collector(4)
            var writer = try RunWriter(folder, startEpochNs: 0, logEveryS: 10)
            try run(short) {
                try writer.append(short)
                #expect(short.totals.seconds.count <= 6)
            }
            try writer.finish(
                short, summary: RunFixture.summary(), manifest: manifest, profileText: "", errors: ErrorExamples())
            let whole = collector(3600)
            run(whole) {}
            #expect(try String(contentsOfFile: base + "/series.csv", encoding: .utf8) == SeriesTable.text(whole.totals))
            #expect(short.totals.paces == whole.totals.paces && short.totals.paces.count >= 40)
            let log = try HistogramLog.read(String(contentsOfFile: base + "/steps.hlog", encoding: .utf8))
            let corrected = log.filter { $0.tag == "session.corrected" }
            #expect(corrected.count == 4 && corrected.reduce(0) { $0 + $1.histogram.count } == 26)
        }
    }

    @Test func theLogOfALongRunHasNoMoreThanSome3600Intervals() {
        let second: UInt64 = 1_000_000_000
        #expect([1, 3600, 3601, 86_400, 604_800].map { RunWriter.logInterval(durationNs: $0 * second) } == [1, 1, 2, 24, 168])
    }

    @Test func aFolderThatCannotBeMadeIsAnErrorWithItsName() {
        #expect(throws: FolderError.self) { try RunFolder.create(base: "/dev/null/x", profile: "p", epochSeconds: 0) }
    }

    @Test func theSeriesHasARowASecondThatAddsUpToAllPhases() {
        let totals = RunFixture.collector().totals
        let lines = SeriesTable.text(totals).split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(lines.count == 4)
        #expect(lines.allSatisfy { $0.count == SeriesTable.columns.count })
        #expect(
            lines[0].prefix(9).joined(separator: ",")
                == "second,length_s,planned,started,succeeded,failed,cancelled,in_flight,offered_per_s")
        #expect(lines[1].prefix(10).joined(separator: ",") == "0,1.000,10,10,10,0,0,0,10.000,10.000")
        #expect(
            lines[2].prefix(17).joined(separator: ",")
                == "1,1.000,1000,1000,1000,0,0,0,1000.000,1000.000,1000,500.223,990.207,1000.000,0.200,2000,4096000")
        #expect(lines[3].prefix(15).joined(separator: ",") == "2,1.000,4,3,0,2,1,1,4.000,0.000,0,,,,0.200")
        let planned = lines.dropFirst().compactMap { UInt64($0[2]) }.reduce(0, +)
        #expect(planned == totals.allPhases.planned)
    }

    @Test func secretsAreBlankedInCommandLines() {
        #expect(
            Manifest.redacted([
                "poplar", "run", "--password", "hunter2", "--nt-secret=abc", "--key", "server.pem", "pop3://u:pw@host", "x=1",
            ])
                == ["poplar", "run", "--password", "***", "--nt-secret=***", "--key", "server.pem", "pop3://***@host", "x=1"])
    }

    @Test func theManifestDescribesTheMachineWithoutItsName() throws {
        let text = try JSONText.pretty(manifest)
        #expect(try JSONDecoder().decode(Manifest.self, from: Data(text.utf8)) == manifest)
        #expect(manifest.machine.cores >= 1)
        #expect(!manifest.machine.kernel.isEmpty)
        let host = ProcessInfo.processInfo.hostName
        #expect(host.count < 6 || !text.contains(host))
        #expect(text.contains("\"server\" : null"))
    }

    @Test func errorExamplesAreBoundedPrintableAndOneALine() throws {
        var examples = ErrorExamples(limit: 2)
        for index in 0..<5 as Range<UInt64> {
            examples.add(
                ErrorExample(
                    .protocolViolation, step: .stat, auth: .basic, transport: .pop3, atNs: index * 1_500_000_000,
                    detail: "-ERR\r\n\u{1b}[2J" + String(repeating: "x", count: 300)))
        }
        let lines = try examples.text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[1].hasPrefix(#"{"at_s":1.5,"auth":"basic","detail":"-ERR???[2Jxxx"#))
        #expect(examples.examples[0].detail.count == 200)
    }
}
