// The command line: the one place that knows every module. Each command is a file of its own; exit codes are those of
// docs/exit-codes.md, one table for all.

import ArgumentParser
import CStartup
import Certificates
import Glibc
import Reactor
import TLS
import Terminal

@main
struct Poplar: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "poplar",
        abstract: "A fast POP3 server in the manner of Exchange 5.x, and a load generator for any POP3 server.",
        discussion: """
            Run a mixed authentication load against the embedded server:
              poplar run exchange-mixed

            Which profiles there are, and whether this machine will do:
              poplar profile list
              poplar doctor

            Serve 1000 mailboxes of 10 messages on loopback:
              poplar serve --pop3 127.0.0.1:1110 --pop3s 127.0.0.1:1995 --population users=1000,messages=10,bytes=2048
            """,
        version: BuildVersion.text,
        subcommands: [ServeCommand.self, RunCommand.self, ProbeCommand.self, ProfileCommand.self, DoctorCommand.self])

    static func main() {
        // A reader that goes away is an error of a write, never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let code = status()
        Outlets.flush()
        fflush(nil)
        Glibc.exit(code)
    }

    /// Runs the command that the arguments name. Returns its exit code.
    private static func status() -> Int32 {
        do {
            var command = try parseAsRoot()
            // A server that starts is not ended by a SIGHUP, which asks it to reload. All others are, as programs are.
            if !(command is ServeCommand) { cstartup_release_signals() }
            try command.run()
            return 0
        } catch {
            let problem = onOneLine(error)
            let code = exitCode(for: problem)
            let text = fullMessage(for: problem)
            guard !text.isEmpty else { return code.rawValue }
            if code.isSuccess {
                do { try emit(text + "\n") } catch { return ExitStatus.failure.rawValue }
            } else {
                sayError(text)
            }
            return code.rawValue
        }
    }
}

/// An error of ours as the parser of arguments is to print it: names and paths in it break no line.
private func onOneLine(_ error: any Error) -> any Error {
    switch error {
    case let invalid as ValidationError: ValidationError(TerminalText.line(invalid.message))
    case is SystemError, is CertificateError, is SettingsFailure, is TLSError: SettingsFailure(description: errorText(error))
    default: error
    }
}

/// The exit codes of all commands.
enum ExitStatus {
    static let success = ExitCode(0)
    static let failure = ExitCode(1)
    static let usage = ExitCode(64)
    static let interrupted = ExitCode(130)
}
