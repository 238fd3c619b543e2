// Writes a run's folder: the log and the series bit by bit while the run goes on, everything else at its end.
// Invariant: files get their names together, once all of them are written: a disk that fills up leaves an older result in the
// same folder as it was, and of this run nothing. What is kept in memory does not grow with the run.

public import Telemetry

public struct RunWriter: ~Copyable {
    public let folder: RunFolder
    private var log: StreamedFile
    private var series: StreamedFile
    private let logEveryNs: UInt64
    private var loggedNs: UInt64 = 0

    /// Seconds between two intervals of the log: one, and so many in a long run that it has no more than some 3,600 of them.
    public static func logInterval(durationNs: UInt64) -> UInt64 { max(1, (durationNs / 1_000_000_000 + 3599) / 3600) }

    /// Opens the folder's log and series. `startEpochNs`: wall clock of second 0, nanoseconds since 1970.
    public init(_ folder: RunFolder, startEpochNs: UInt64, logEveryS: UInt64 = 1) throws(FileError) {
        var log = try StreamedFile(folder, RunFolder.File.log)
        try log.append(HistogramLog.header(startEpochNs: startEpochNs))
        var series = try StreamedFile(folder, RunFolder.File.series)
        try series.append(SeriesTable.header)
        self.folder = folder
        self.log = log
        self.series = series
        logEveryNs = logEveryS &* 1_000_000_000
    }

    /// Appends what the collector has gathered since the last call: once a second is right.
    public mutating func append(_ collector: Collector) throws(FileError) {
        let rows = collector.takeSettledRows()
        if !rows.isEmpty { try series.append(SeriesTable.lines(rows, collector.totals.model)) }
        let ran = collector.totals.endNs &- collector.totals.runStartNs
        // Half a second's grace: hand-overs come a little after their second.
        if ran &+ 500_000_000 &- loggedNs >= logEveryNs { try appendInterval(collector) }
    }

    /// Closes the log's open interval.
    public mutating func appendInterval(_ collector: Collector) throws(FileError) {
        var text = ""
        let runStart = collector.totals.runStartNs
        collector.drainInterval { start, end, latencies in
            text = HistogramLog.lines(startNs: start, endNs: end, runStartNs: runStart, latencies)
        }
        loggedNs = collector.totals.endNs &- runStart
        if !text.isEmpty { try log.append(text) }
    }

    /// The rest of the folder, once all recorders have finished. `profileText`: the profile as given. `others`: files by
    /// name that this module knows nothing of, such as those made from the summary.
    public mutating func finish(
        _ collector: Collector, summary: RunSummary, manifest: Manifest, profileText: String, errors: ErrorExamples,
        others: [(name: String, text: String)] = []
    ) throws(FileError) {
        var files: [PendingFile] = []
        do throws(FileError) {
            try appendInterval(collector)
            files.append(try log.seal())
            let totals = collector.totals
            try series.append(SeriesTable.lines(totals.series, totals.model))
            files.append(try series.seal())
            let spectrum =
                totals.model == .open
                ? totals.latency.corrected.spectrumText(name: "session corrected, measured phases")
                : totals.latency.service.spectrumText(name: "session service, measured phases")
            let texts =
                [
                    (RunFolder.File.profile, profileText),
                    (RunFolder.File.errors, try folder.text(RunFolder.File.errors, errors)),
                    (RunFolder.File.spectrum, spectrum),
                    (RunFolder.File.manifest, try folder.text(RunFolder.File.manifest, manifest)),
                ] + others
            for (name, text) in texts { files.append(try folder.prepare(name, text)) }
            // Last, so that a folder with a summary is a whole one.
            files.append(try folder.prepare(RunFolder.File.summary, folder.text(RunFolder.File.summary, summary)))
            for file in files { try file.publish() }
            folder.removeLeftovers(besides: Set(files.map(\.name)))
        } catch {
            for file in files { file.remove() }
            throw error
        }
    }
}
