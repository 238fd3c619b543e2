// metrics.prom: the run in Prometheus' text format 0.0.4, for node_exporter's text file collector. Derived from
// summary.json; quantiles that it holds as null are left out, and steps.hlog remains the truth about distributions.

public import Results

public enum PrometheusReport {
    public static func text(_ summary: RunSummary) -> String {
        let sessions = summary.sessions
        var text = family("poplar_load_sessions", "gauge", "Sessions of the measured phases by outcome.")
        for (outcome, count) in [
            ("succeeded", sessions.succeeded), ("failed", sessions.failed), ("cancelled", sessions.cancelled),
            ("in_flight", sessions.inFlight),
        ] { text += "poplar_load_sessions{outcome=\"\(outcome)\"} \(count)\n" }
        text += family("poplar_load_errors", "gauge", "Failed sessions by class.")
        for (name, count) in summary.errors.sorted(by: { $0.key < $1.key }) {
            text += "poplar_load_errors{class=\"\(name)\"} \(count)\n"
        }
        text += family("poplar_load_sessions_per_second", "gauge", "Successful sessions per measured second.")
        text += "poplar_load_sessions_per_second \(summary.throughput.sessionsPerS)\n"
        if let offered = summary.throughput.offeredSessionsPerS {
            text += family("poplar_load_offered_sessions_per_second", "gauge", "Planned sessions per measured second.")
            text += "poplar_load_offered_sessions_per_second \(offered)\n"
        }
        text += family("poplar_load_session_duration_seconds", "summary", "Session latency, corrected and service.")
        if let corrected = summary.latencyUs.sessionCorrected {
            text += quantiles("poplar_load_session_duration_seconds", "view=\"corrected\"", corrected)
        }
        text += quantiles("poplar_load_session_duration_seconds", "view=\"service\"", summary.latencyUs.sessionService)
        if let lag = summary.latencyUs.startLag {
            text += family("poplar_load_start_lag_seconds", "summary", "Real start less planned start.")
            text += quantiles("poplar_load_start_lag_seconds", "", lag)
        }
        text += family("poplar_load_fallbacks", "gauge", "Sessions saved by another method.")
        for row in summary.fallbacks { text += "poplar_load_fallbacks{from=\"\(row.from)\",to=\"\(row.to)\"} \(row.count)\n" }
        return text
    }

    private static func family(_ name: String, _ type: String, _ help: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private static func quantiles(_ name: String, _ labels: String, _ figures: RunSummary.Figures) -> String {
        let lead = labels.isEmpty ? "" : labels + ","
        var text = ""
        for (quantile, value) in [("0.5", figures.p50), ("0.9", figures.p90), ("0.99", figures.p99), ("0.999", figures.p999)] {
            if let value { text += "\(name){\(lead)quantile=\"\(quantile)\"} \(value / 1e6)\n" }
        }
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        text += "\(name)_sum\(braces) \((figures.mean ?? 0) * Double(figures.count) / 1e6)\n"
        return text + "\(name)_count\(braces) \(figures.count)\n"
    }
}
