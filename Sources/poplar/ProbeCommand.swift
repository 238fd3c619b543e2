// `poplar probe`: what a server offers, and one logon by each method with its dialogue, so that a run's set-up can be mended
// before a run. Reads only: STAT, then QUIT. Exit codes as for all commands (docs/exit-codes.md, docs/probe.md).

import ArgumentParser
import Configuration
import Dialogue
import Foundation
import LoadGenerator
import Reactor
import Report
import Results
import TLS
import Telemetry
import Workload

struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Log on once by each method and show the dialogue, secrets redacted.",
        discussion: """
            What the server offers, without a logon:
              poplar probe 127.0.0.1:1110

            One session for each method of the first user, in the clear, after STLS, and on the TLS port:
              poplar probe 127.0.0.1:1110 --pop3s 127.0.0.1:1995 --users users.csv

            One user, NTLM alone, as JSON:
              poplar probe 127.0.0.1:1110 --users users.csv --user alice --method ntlm --json

            Nothing is retrieved or deleted. Each refusal is a failed logon in the server's eyes: mind its lock-out.

            Exit codes: 0 a method works and nothing failed that should not, 1 no POP3 server can be reached,
            2 no method works or an offered one failed, 64 usage error.
            """)

    @Argument(help: ArgumentHelp("The server's clear-text port; its TLS port with --tls.", valueName: "host:port"))
    var target: String

    @Option(help: ArgumentHelp("The server's TLS port as well.", valueName: "host:port"))
    var pop3s: String?

    @Flag(help: "HOST:PORT speaks TLS from the first octet.")
    var tls = false

    @Option(help: ArgumentHelp("User table in CSV form; without it no logon is tried.", valueName: "file.csv"))
    var users: String?

    @Option(help: ArgumentHelp("The row of the table, from 1, or a name in it.", valueName: "row|name"))
    var user = "1"

    @Option(
        help: ArgumentHelp("Methods to try, also when they are not offered; ntlm stands for its variants.", valueName: "list"))
    var method: String?

    @OptionGroup var access: TargetOptions

    @Option(help: ArgumentHelp("How long each step may take.", valueName: "seconds"))
    var timeout = 10.0

    @Flag(help: "Print one JSON object.")
    var json = false

    mutating func validate() throws {
        if tls, pop3s != nil { throw ValidationError("--tls says that HOST:PORT is the TLS port: leave --pop3s out") }
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout is above 0 and at most 3600 s") }
        _ = try trials()
    }

    mutating func run() throws {
        let code: Results.ExitCode
        do {
            let style = Style(isTerminal: isatty(1) == 1, noColor: ProcessInfo.processInfo.environment["NO_COLOR"])
            let findings = try probe(style)
            try emit(json ? JSONText.pretty(findings) : ProbeReport.attempts(findings, style: style))
            code =
                switch findings.ending {
                case .pass: .pass
                case .unreachable: .failure
                case .failed: .limitFailed
                }
        } catch let lost as ArgumentParser.ExitCode {
            throw lost
        } catch {
            complain(of: error)
            let isMalformed = (error as? SystemError)?.isMalformed ?? false
            code = error is ConfigurationErrors || error is ValidationError || isMalformed ? .usage : .failure
        }
        if code != .pass { throw ArgumentParser.ExitCode(code.rawValue) }
    }

    private func trials() throws -> [ProbeTrial] {
        guard let method else { return ProbeTrial.all }
        let trials: [ProbeTrial] = try method.split(separator: ",").flatMap { name in
            guard let found = ProbeTrial.named(String(name)) else {
                let names = ProbeTrial.all.map(\.name).joined(separator: ", ")
                throw ValidationError("there is no method '\(name)'; there are \(names), and ntlm for all of its variants")
            }
            return found
        }
        guard !trials.isEmpty else { throw ValidationError("--method names none") }
        return trials
    }

    /// What of the trials a row has names for. One that was asked for by its name and cannot be tried is a mistake.
    private func trials(of row: Int, in table: UserTable) throws -> [ProbeTrial] {
        let trials = try trials()
        let own = table.identities(row)
        let rest = trials.filter { !own.contains(IdentitySet($0.identity)) }
        if method != nil, let missing = rest.first {
            throw ValidationError(
                "row \(row + 1) has no \(Self.column(missing.identity)): --method \(missing.name) cannot be tried")
        }
        if rest.count == trials.count { throw ValidationError("row \(row + 1) has nobody to log on") }
        return trials.filter { own.contains(IdentitySet($0.identity)) }
    }

    private static func column(_ identity: Identity) -> String {
        switch identity {
        case .account: "account"
        case .ntUser: "NT user"
        case .member: "membership user"
        }
    }

    /// Prints the channels and a line for each logon as it ends; with `--json` nothing.
    private func probe(_ style: Style) throws -> ProbeFindings {
        let table = try self.users.map { try UserTable.read($0) }
        let row = try table.map { try Self.row(user, in: $0) }
        var trials: [ProbeTrial] = []
        if let table, let row { trials = try self.trials(of: row, in: table) }
        let endpoints = try endpoints()
        var session: ProbeSession?
        if let table, let row { session = ProbeSession(users: table, user: row) }
        var findings = ProbeFindings(target: target, user: row.map { "row \($0 + 1)" })
        for endpoint in endpoints {
            let channels = ProbeSurvey.run(endpoint)
            findings.channels += channels
            if !json { try emit(ProbeReport.channels(channels, style: style)) }
            for channel in channels where channel.problem == nil {
                guard let transport = Transport.allCases.first(where: { $0.name == channel.channel }) else { continue }
                for trial in trials where trial.fits(transport) {
                    let offer = channel.offers(trial.method)
                    if offer == .no, method == nil {
                        let name = session?.name(of: trial.identity) ?? ""
                        findings.attempts.append(
                            ProbeAttempt(
                                method: trial.name, family: trial.method.name, channel: channel.channel, identity: name,
                                offered: .no, result: .notOffered))
                    } else if let attempt = session?.run(trial, over: transport, endpoint, offered: offer) {
                        findings.attempts.append(attempt)
                        if !json { try emit(ProbeReport.outcome(attempt, style: style)) }
                    }
                }
            }
        }
        if !json, findings.attempts.contains(where: { $0.result != .notOffered }) { try emit("\n") }
        if findings.channels.contains(where: { $0.certificate == "not verified" }) {
            findings.notes.append("the server's certificate was not verified")
        }
        let channels = Transport.allCases.filter { transport in
            findings.channels.contains { $0.problem == nil && $0.channel == transport.name }
        }
        for trial in trials where method != nil && !channels.isEmpty && !channels.contains(where: trial.fits) {
            findings.notes.append("\(trial.name) was not tried: it needs TLS, and there is no channel with it")
        }
        Diagnosis.explain(&findings, of: .probe)
        return findings
    }

    private func endpoints() throws -> [ProbeEndpoint] {
        let resolved = try access.resolve(pop3: tls ? nil : target, pop3s: tls ? target : pop3s)
        let verifies = access.ca != nil || (!resolved.isLoopback && !access.insecure)
        let context: TLSContext
        if let authorities = try access.authorities() {
            context = try TLSContext.client(authorityPEM: authorities)
        } else {
            context = try TLSContext.client(systemAuthorities: verifies)
        }
        return [(resolved.pop3, false, resolved.pop3Peer), (resolved.pop3s, true, resolved.pop3sPeer)].compactMap {
            address, isTLS, peer in
            guard let address else { return nil }
            return ProbeEndpoint(
                address: address, isTLS: isTLS, context: context, peer: peer, timeoutNs: UInt64(timeout * 1e9))
        }
    }

    /// The row of a number from 1, or of a name in any of the three columns of names.
    private static func row(_ text: String, in table: UserTable) throws -> Int {
        if let number = Int(text), (1...max(1, table.count)).contains(number), table.count > 0 { return number - 1 }
        let view = table.view
        for row in 0..<table.count {
            for column in [UserColumn.account, .ntUser, .membershipUser]
            where view.bytes(UInt32(row), column).elementsEqual(text.utf8) {
                return row
            }
        }
        throw ValidationError("the user table has \(table.count) rows, and none is '\(text)'")
    }
}
