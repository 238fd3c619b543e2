// `poplar doctor`: whether this machine can be measured on, finding by finding, each with the command that mends it.
// Exit codes: 0, and 1 when a finding is bad (contracts.md 1). It looks for a second and changes nothing.

import ArgumentParser
import Doctor
import Foundation
import Report
import Results
import TLS

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this machine for what spoils a load test.",
        discussion: """
            Before the first run on a machine:
              poplar doctor

            For a script, as JSON:
              poplar doctor --json | jq '.findings[] | select(.status != "ok")'

            Exit codes: 0 nothing is bad, 1 something is.
            """)

    @Flag(help: "Print the findings as JSON.")
    var json = false

    func run() throws {
        let diagnosis = Examination.examine(MachineProbe().read(openssl: OpenSSLVersion.text))
        if json {
            try emit(JSONText.pretty(diagnosis))
        } else {
            let style = Style(isTerminal: isatty(1) == 1, noColor: ProcessInfo.processInfo.environment["NO_COLOR"])
            try emit(diagnosis.text { style.paint($0, as: $1 == .ok ? .good : $1 == .warn ? .doubtful : .bad) })
        }
        if diagnosis.status == .bad { throw ExitStatus.failure }
    }
}
