// A summary written by hand, so that every figure in the golden texts can be traced.
// It need not be a possible run: it has one of everything that a report can show.

@testable import Results

enum ReportFixture {
    static func figures(_ count: UInt64, _ values: [Double?]) -> RunSummary.Figures {
        .init(
            count: count, min: values[0], mean: values[1], p50: values[2], p90: values[3], p99: values[4], p999: values[5],
            max: values[6])
    }

    private static func row(_ auth: String, _ transport: String, _ counts: [UInt64], _ values: [Double?]) -> RunSummary.MethodRow
    {
        .init(
            auth: auth, transport: transport, sessions: counts[0], succeeded: counts[0] - counts[1], failed: counts[1],
            fallbacks: counts[2],
            min: 90, mean: 300, p50: values[0], p90: 500, p99: values[1], p999: nil, max: values[2])
    }

    static let mixed = RunSummary(
        verdict: .fail, reasons: ["errors <= 1 % failed: observed 1.25 %"],
        profile: .init(name: "exchange-mixed", sha256: String(repeating: "0123456789abcdef", count: 4)), seed: 42, model: .open,
        durationS: 10,
        sessions: .init(planned: 4_000, succeeded: 3_948, failed: 50, cancelled: 1, inFlight: 1),
        allPhases: .init(planned: 4_500, succeeded: 4_448, failed: 50, cancelled: 1, inFlight: 1), expectedRefusals: 40,
        errors: ["timeout": 45, "in_use": 5],
        throughput: .init(sessionsPerS: 394.8, messagesPerS: 3_948, bytesPerS: 8_085_504, offeredSessionsPerS: 400),
        latencyUs: .init(
            sessionCorrected: figures(3_948, [101, 412.5, 320.256, 700, 1_204, nil, 34_567.891]),
            sessionService: figures(3_948, [100, 400, 310, 690, 1_100, nil, 20_000]),
            sessionFailed: figures(50, [5_000_000, 5_000_000, 5_000_000, nil, nil, nil, 5_000_100]),
            startLag: figures(3_999, [0.5, 12, 9.99, 40, 120, nil, 999.6])),
        steps: [],
        methods: [
            row("basic", "pop3", [2_500, 50, 0], [250, 900, 20_000]),
            row("ntlm", "pop3s", [1_499, 0, 149], [410, 1_400, 34_567.891]),
            row("membership", "pop3", [1, 0, 0], [nil, nil, 380]),
        ],
        fallbacks: [.init(from: "ntlm", to: "basic", count: 149, lostUsMean: 215.5)],
        slo: [
            .init(metric: "errors", comparison: "<=", limit: 0.01, unit: "share", observed: 0.0125, verdict: .fail),
            .init(metric: "p99(session)", comparison: "<", limit: 200_000, unit: "us", observed: 1_204, verdict: .pass),
            .init(metric: "p99_9(session)", comparison: "<", limit: 500_000, unit: "us", observed: nil, verdict: .inconclusive),
        ],
        validity: [])
}
