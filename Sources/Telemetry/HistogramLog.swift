// HdrHistogram's interval log (.hlog, format version 1.3): a header, then a line per interval and tag, times in seconds
// since the start of the run, the interval's maximum in milliseconds. Read by HistogramLogProcessor and its kin.
// Invariant: the intervals of one tag, merged, are the tag's histogram of the measured phases.

public enum HistogramLog {
    /// The ratio of the maximum column: nanoseconds to milliseconds.
    static let maximumShift = 6

    /// The header of a log that starts at `epochNs` (wall clock, nanoseconds since 1970).
    public static func header(startEpochNs epochNs: UInt64) -> String {
        let seconds = DecimalText.fixed(epochNs, shift: 9, digits: 3)
        let date = UTCTime(epochSeconds: epochNs / 1_000_000_000).extended
        return """
            #[Poplar: latencies in nanoseconds, measured phases]
            #[Histogram log format version 1.3]
            #[StartTime: \(seconds) (seconds since epoch), \(date)]
            #[BaseTime: \(seconds) (seconds since epoch)]
            "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"

            """
    }

    /// A line of the log, its line feed included. Times in nanoseconds since the start of the run.
    public static func line(tag: String, startNs: UInt64, lengthNs: UInt64, _ histogram: LatencyHistogram) -> String {
        let start = DecimalText.fixed(startNs, shift: 9, digits: 3)
        let length = DecimalText.fixed(lengthNs, shift: 9, digits: 3)
        let maximum = DecimalText.fixed(histogram.maximum ?? 0, shift: maximumShift, digits: 6)
        return "Tag=\(tag),\(start),\(length),\(maximum),\(histogram.encodedBase64())\n"
    }

    /// The lines of one interval of a run that began at `runStartNs`.
    public static func lines(startNs: UInt64, endNs: UInt64, runStartNs: UInt64, _ latencies: LatencySet) -> String {
        var text = ""
        latencies.visit { tag, histogram in
            text += line(tag: tag, startNs: startNs &- runStartNs, lengthNs: endNs &- startNs, histogram)
        }
        return text
    }

    public struct Interval: Sendable, Equatable {
        /// nil for a line without a tag.
        public let tag: String?
        /// As written: seconds, seconds, milliseconds.
        public let start: Double, length: Double, maximum: Double
        public let histogram: LatencyHistogram
    }

    public enum ReadError: Error, Equatable, Sendable {
        /// A line (from 1) that is neither comment, legend nor interval.
        case malformed(line: Int)
        case histogram(line: Int, HistogramCodecError)
    }

    /// Reads a whole log, whoever wrote it.
    public static func read(_ text: String) throws(ReadError) -> [Interval] {
        var intervals: [Interval] = []
        var number = 0
        for raw in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let line = raw.hasSuffix("\r") ? raw.dropLast() : raw
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("\"StartTimestamp\"") { continue }
            var fields = line.split(separator: ",", omittingEmptySubsequences: false)
            var tag: String?
            if let first = fields.first, first.hasPrefix("Tag=") {
                tag = String(first.dropFirst(4))
                fields.removeFirst()
            }
            guard fields.count == 4, let start = Double(fields[0]), let length = Double(fields[1]),
                let maximum = Double(fields[2])
            else { throw .malformed(line: number) }
            do {
                let histogram = try LatencyHistogram(base64: String(fields[3]))
                intervals.append(Interval(tag: tag, start: start, length: length, maximum: maximum, histogram: histogram))
            } catch { throw .histogram(line: number, error) }
        }
        return intervals
    }
}
