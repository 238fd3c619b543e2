// Agreement with an HdrHistogram library that Poplar did not write: PyPI's `hdrhistogram`, when python3 has it.
// The script gets our encodings and the samples, and answers with its own; both sides must count alike.

import Foundation
import PoplarCore
import Testing

@testable import Telemetry

/// python3, or what POPLAR_PYTHON names (a virtual environment's, for instance).
private let python = ProcessInfo.processInfo.environment["POPLAR_PYTHON"] ?? "python3"

private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python] + arguments
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

private let hasLibrary = (try? run(["-c", "import hdrh.histogram, hdrh.log"]).status) == 0

private let script = #"""
    import sys
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader

    # Line: lowest highest digits base64 sample...  ->  equal? count max base64-of-ours
    for line in open(sys.argv[1]):
        lowest, highest, digits, text, *samples = line.split()
        theirs = HdrHistogram.decode(text)
        ours = HdrHistogram(int(lowest), int(highest), int(digits))
        for sample in samples:
            assert ours.record_value(int(sample))
        print(int(ours.equals(theirs)), theirs.get_total_count(), theirs.get_max_value(), ours.encode().decode())
    reader = HistogramLogReader(sys.argv[2], HdrHistogram(1, 3600000000000, 3))
    while True:
        interval = reader.get_next_interval_histogram()
        if interval is None:
            break
        print(interval.get_tag(), interval.get_start_time_stamp(), interval.get_end_time_stamp(), interval.get_total_count())
    """#

@Suite struct HdrHistogramTests {
    @Test(.enabled(if: hasLibrary, "SKIPPED: python3 has no module hdrhistogram (pip install hdrhistogram; POPLAR_PYTHON)"))
    func thePythonLibraryReadsAndWritesTheSameHistograms() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-hdr-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }

        var originals: [LatencyHistogram] = []
        var lines = ""
        for seed in 0..<12 as Range<UInt64> {
            for layout in [HistogramLayout.session, .step] {
                let samples = spreadValues(Int(seed * 41), seed: seed, ceiling: layout.highest)
                let histogram = histogram(of: samples, layout)
                originals.append(histogram)
                lines += "\(layout.lowest) \(layout.highest) \(layout.digits) \(histogram.encodedBase64()) "
                lines += samples.map(String.init).joined(separator: " ") + "\n"
            }
        }
        let one = histogram(of: [1_000, 5_000_000])
        let log =
            HistogramLog.header(startEpochNs: 1_700_000_000_000_000_000)
            + HistogramLog.line(tag: "session.corrected", startNs: 0, lengthNs: 1_000_000_000, one)
            + HistogramLog.line(tag: "retr.ntlm.pop3s", startNs: 1_000_000_000, lengthNs: 250_000_000, one)
        let files = ["cases.txt", "steps.hlog", "check.py"].map { folder.appendingPathComponent($0).path }
        for (text, file) in zip([lines, log, script], files) { try text.write(toFile: file, atomically: true, encoding: .utf8) }

        let answer = try run([files[2], files[0], files[1]])
        #expect(answer.status == 0, "\(answer.output)")
        let rows = answer.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        try #require(rows.count == originals.count + 2, "\(answer.output)")
        for (original, row) in zip(originals, rows) {
            #expect(row[0] == "1", "the library counts the samples as our encoding says")
            #expect(UInt64(row[1]) == original.count)
            #expect(try LatencyHistogram(base64: row[3]).counters == original.counters)
            if let maximum = original.maximum {
                #expect(UInt64(row[2]) == original.layout.highestEquivalent(at: original.layout.index(of: maximum)))
            }
        }
        #expect(rows[originals.count] == ["session.corrected", "1700000000000.0", "1700000001000.0", "2"])
        #expect(rows[originals.count + 1] == ["retr.ntlm.pop3s", "1700000001000.0", "1700000001250.0", "2"])
    }
}
