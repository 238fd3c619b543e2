// Writes a run's folder: the log interval by interval while the run goes on, everything else at its end.
// Invariant: whatever the verdict, also after a signal, the folder holds every file that the run can still give.

public import Telemetry

public struct RunWriter: ~Copyable {
    public let folder: RunFolder
    private var log: StreamedFile

    /// Opens the folder's log. `startEpochNs`: wall clock of second 0, nanoseconds since 1970.
    public init(_ folder: RunFolder, startEpochNs: UInt64) throws(FileError) {
        var log = try StreamedFile(folder, RunFolder.File.log)
        try log.append(HistogramLog.header(startEpochNs: startEpochNs))
        self.folder = folder
        self.log = log
    }

    /// Appends what the collector has gathered since the last call. Once a second, or less often for a long run.
    public mutating func appendInterval(_ collector: Collector) throws(FileError) {
        var text = ""
        let runStart = collector.totals.runStartNs
        collector.drainInterval { start, end, latencies in
            text = HistogramLog.lines(startNs: start, endNs: end, runStartNs: runStart, latencies)
        }
        if !text.isEmpty { try log.append(text) }
    }

    /// The rest of the folder, once all recorders have finished. `profileText`: the profile as given.
    public mutating func finish(
        _ collector: Collector, summary: RunSummary, manifest: Manifest, profileText: String, errors: ErrorExamples
    ) throws(FileError) {
        try appendInterval(collector)
        try log.finish()
        let totals = collector.totals
        try folder.write(RunFolder.File.profile, profileText)
        try folder.write(RunFolder.File.series, SeriesTable.text(totals))
        try folder.write(RunFolder.File.errors, errors.text)
        let spectrum =
            totals.model == .open
            ? totals.latency.corrected.spectrumText(name: "session corrected, measured phases")
            : totals.latency.service.spectrumText(name: "session service, measured phases")
        try folder.write(RunFolder.File.spectrum, spectrum)
        try folder.write(manifest)
        // Last, so that a folder with a summary is a whole one.
        try folder.write(summary)
    }
}
