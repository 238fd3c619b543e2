// summary.json: every figure against a run whose figures are known by hand, and the file against its schema.
// The structural test always runs; the one with the JSON Schema needs python3 and its module jsonschema.

import Foundation
import Telemetry
import Testing

@testable import Results

@Suite struct SummaryTests {
    @Test func countsAddUpExactly() {
        let summary = RunFixture.summary()
        let sessions = summary.sessions
        #expect(sessions.planned == 1_004)
        #expect(sessions.succeeded == 1_000)
        #expect(sessions.failed == 2)
        #expect(sessions.cancelled == 1)
        #expect(sessions.inFlight == 1)
        #expect(sessions.planned == sessions.succeeded + sessions.failed + sessions.cancelled + sessions.inFlight)
        #expect(summary.allPhases.planned == 1_014)
        #expect(summary.allPhases.succeeded == 1_010)
        #expect(summary.errors == ["timeout": 1, "in_use": 1])
        #expect(summary.expectedRefusals == 1)
        #expect(summary.fallbacks == [.init(from: "ntlm", to: "basic", count: 10, lostUsMean: 500)])
        #expect(summary.methods.map(\.sessions).reduce(0, +) == sessions.planned)
        #expect(summary.methods.map(\.fallbacks).reduce(0, +) == 10)
    }

    @Test func ratesAreCountsByTheMeasuredSeconds() {
        let throughput = RunFixture.summary().throughput
        #expect(throughput.sessionsPerS == 500)
        #expect(throughput.messagesPerS == 2 * 1_004 / 2)
        #expect(throughput.bytesPerS == 4_096 * 1_004 / 2)
        #expect(throughput.offeredSessionsPerS == 502)
    }

    @Test func latenciesAreMicrosecondsAndPercentilesTheOrderStatisticWithinOneBucket() throws {
        let latency = RunFixture.summary().latencyUs
        let corrected = try #require(latency.sessionCorrected)
        #expect(corrected.count == 1_000)
        #expect(corrected.min == 1)
        #expect(corrected.max == 1_000)
        #expect(corrected.mean == 500.5)
        // 500 us lies in a bucket of 256 ns, 990 us in one of 512 ns: the highest equivalents.
        #expect(corrected.p50 == 500.223)
        #expect(corrected.p99 == 990.207)
        #expect(corrected.p999 == nil, "one sample above it is not ten")
        #expect(latency.sessionService.max == 999.8)
        #expect(latency.startLag?.max == 0.2)
        #expect(latency.sessionFailed.count == 2)
        #expect(latency.sessionFailed.p50 == nil)
    }

    @Test func stepsCarryTheirErrorsBesideTheirFigures() throws {
        let steps = RunFixture.summary().steps
        #expect(steps.map(\.step) == ["auth", "retr"])
        #expect(steps[0].errors == 10 && steps[0].count == 0 && steps[0].p50 == nil && steps[0].min == nil)
        #expect(steps[0].failed?.count == 10 && steps[0].failed?.max == 300 && steps[0].failed?.p50 == nil)
        #expect(steps[1].failed == nil)
        #expect(steps[1].count == 1_000 && steps[1].p99 == 40 && steps[1].mean == 40)
    }

    @Test func theClosedModelHasNoOfferedRateNoCorrectedLatencyAndNoLag() throws {
        let summary = RunFixture.summary(model: .closed)
        #expect(summary.latencyUs.sessionCorrected == nil)
        #expect(summary.latencyUs.startLag == nil)
        #expect(summary.throughput.offeredSessionsPerS == nil)
        #expect(summary.latencyUs.sessionService.count == 1_000)
        let text = try JSONText.pretty(summary)
        for name in ["session_corrected", "start_lag", "offered_sessions_per_s"] {
            #expect(text.contains("\"\(name)\" : null"), "absent on purpose is null, not missing")
        }
    }

    @Test func aSummaryIsReadAsItWasWritten() throws {
        for summary in [RunFixture.summary(), RunFixture.summary(model: .closed), RunFixture.summary(interrupted: true)] {
            #expect(try JSONDecoder().decode(RunSummary.self, from: Data(JSONText.pretty(summary).utf8)) == summary)
        }
    }

    @Test func everyKeyOfTheContractIsThere() throws {
        let data = try Data(JSONText.pretty(RunFixture.summary()).utf8)
        let root = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        func keys(_ value: Any?) -> Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
        func first(_ value: Any?) -> Any? { (value as? [Any])?.first }
        let figures: Set = ["count", "min", "mean", "p50", "p90", "p99", "p99_9", "max"]
        #expect(
            Set(root.keys).isSuperset(of: [
                "schema_version", "verdict", "reasons", "profile", "seed", "model", "duration_s", "sessions", "all_phases",
                "expected_refusals", "errors", "throughput", "latency_us", "steps", "fallbacks", "slo", "validity",
            ]))
        #expect(root["schema_version"] as? Int == 1)
        #expect(keys(root["profile"]) == ["name", "sha256"])
        for block in ["sessions", "all_phases"] {
            #expect(keys(root[block]) == ["planned", "succeeded", "failed", "cancelled", "in_flight"])
        }
        #expect(keys(root["throughput"]) == ["sessions_per_s", "messages_per_s", "bytes_per_s", "offered_sessions_per_s"])
        let latency = root["latency_us"] as? [String: Any]
        #expect(keys(latency) == ["session_corrected", "session_service", "session_failed", "start_lag"])
        // Intervals come where there are samples enough for them.
        let intervals: Set<String> = ["p50_interval", "p99_interval", "p99_9_interval"]
        for (_, value) in latency ?? [:] { #expect(keys(value).subtracting(intervals) == figures) }
        let additional = intervals.union(["failed"])
        #expect(keys(first(root["steps"])).subtracting(additional) == figures.union(["step", "auth", "transport", "errors"]))
        #expect(keys(first(root["fallbacks"])) == ["from", "to", "count", "lost_us_mean"])
        #expect(keys(first(root["slo"])).isSuperset(of: ["metric", "limit", "observed", "verdict"]))
        #expect(keys(first(root["validity"])) == ["check", "value", "limit", "ok"])
    }

    @Test func aPercentileOfAStepAndOfAMethodStandsWithinItsInterval() throws {
        let summary = RunFixture.summary()
        let steps = summary.steps.map { ($0.count, $0.p50, $0.p50Interval) }
        let methods = summary.methods.map { ($0.succeeded, $0.p50, $0.p50Interval) }
        #expect(steps.contains { $0.0 >= 100 } && methods.contains { $0.0 >= 100 })
        for (count, median, interval) in steps + methods where count >= 100 {
            let (median, interval) = (try #require(median), try #require(interval))
            #expect(interval.count == 2 && interval[0] <= median && median <= interval[1])
        }
    }

    @Test(.enabled(if: Schema.available, "SKIPPED: python3 has no module jsonschema"))
    func theSchemaAcceptsWhatIsWrittenAndRefusesWhatIsNot() throws {
        let open = try JSONText.pretty(RunFixture.summary())
        #expect(try Schema.accepts(open))
        #expect(try Schema.accepts(JSONText.pretty(RunFixture.summary(model: .closed))))
        #expect(try !Schema.accepts(open.replacingOccurrences(of: "\"open\"", with: "\"closed\"")))
        #expect(try !Schema.accepts(open.replacingOccurrences(of: "\"timeout\" : 1", with: "\"time_out\" : 1")))
        #expect(try !Schema.accepts(open.replacingOccurrences(of: "\"seed\" : 7,", with: "")))
    }
}

/// docs/summary.schema.json, through Python's jsonschema.
private enum Schema {
    static let python = ProcessInfo.processInfo.environment["POPLAR_PYTHON"] ?? "python3"
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/summary.schema.json").path
    static let available = (try? run("import jsonschema", "")) == 0

    static func accepts(_ text: String) throws -> Bool {
        let script = """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1]))
            jsonschema.Draft202012Validator.check_schema(schema)
            errors = list(jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin)))
            sys.exit(3 if errors else 0)
            """
        let status = try run(script, text)
        try #require(status == 0 || status == 3, "the script itself failed")
        return status == 0
    }

    static func run(_ script: String, _ input: String) throws -> Int32 {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, "-c", script, path]
        process.standardInput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try pipe.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
