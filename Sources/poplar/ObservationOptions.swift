// What the server lets its administrators see: the log and the metrics listener, as options of `serve` and as what runs
// beside the workers. The log is stopped last, so that it holds the end of everything else.

import Administration
import ArgumentParser
import Reactor
import Server

struct ObservationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve figures for Prometheus under /metrics, on a loopback address; port 0: any.", valueName: "host:port"))
    var metrics: String?

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp("How much is logged: error, warn (the default), info or debug.", valueName: "level"),
        transform: { try WordOption.parse("--log-level", $0) })
    var logLevel: ServiceSettings.LogLevel?

    @Option(help: ArgumentHelp("Log to a file instead of standard error; SIGHUP opens it again.", valueName: "file"))
    var log: String?
}

/// The log and the metrics of a running server.
final class ServerObservation {
    let log: EventWriter
    private let metrics: SocketAddress?
    private var endpoint: MetricsEndpoint?

    init(_ plan: ServePlan, workers: Int) throws {
        metrics = try plan.metricsAddress()
        let output = try LogOutput(path: plan.settings.logFile.map { plan.absolute($0) }, outlet: Outlets.errors)
        log = try EventWriter(output, level: plan.logLevel, workers: workers)
    }

    func openMetrics(_ server: ServerInstance) throws {
        guard let metrics else { return }
        endpoint = try server.openMetrics(
            on: metrics,
            build: BuildLabels(version: BuildVersion.number, commit: BuildVersion.commit, allocator: BuildVersion.allocator))
    }

    /// What the line `ready` says of it.
    var readyTokens: [String] { endpoint.map { ["metrics=\($0.address.text)"] } ?? [] }

    /// Tells what the server runs with: listeners, and the limits that are not the defaults.
    func tellStart(_ addresses: [ListenAddress], limits: Server.Limits, defaults: Server.Limits, workers: Int) {
        let changed = Server.Limits.fields.filter { limits[$0] != defaults[$0] }.map { "\($0.name)=\(limits[$0])" }
        log.note(
            .info, "start", ["version": BuildVersion.number, "workers": String(workers)],
            quoted: [
                "listen": addresses.map { "\($0.isEncrypted ? "pop3s" : "pop3")=\($0.address.text)" }.joined(separator: " "),
                "limits": changed.joined(separator: " "),
            ])
    }

    func stop() {
        endpoint?.stop()
        log.note(.info, "end")
        log.stop()
    }
}

extension ServePlan {
    fileprivate var logLevel: LogLevel {
        switch settings.logLevel {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        }
    }

    /// Where the metrics listener goes.
    func metricsAddress() throws -> SocketAddress? {
        guard let metrics = settings.metrics else { return nil }
        do {
            let address = try SocketAddress(parsing: metrics)
            guard address.isLoopback else {
                throw SettingsFailure(
                    description:
                        "\(metrics) is not a loopback address; give 127.0.0.1:PORT or [::1]:PORT (quoted in YAML), "
                        + "and let a reverse proxy with its own access rules show it to others")
            }
            return address
        } catch { throw file == nil ? ValidationError("--metrics: \(error)") : failure(error, at: "metrics") }
    }
}
