// The command line: the one place that knows every module. Each command is a file of its own; exit codes are those of
// docs/exit-codes.md, one table for all.

import ArgumentParser
import Glibc

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
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            end(error)
        }
    }

    /// Says what the parser of the command line has to say: help on standard output, errors, which quote their words, on
    /// standard error.
    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        let text = fullMessage(for: error)
        if !text.isEmpty {
            if code == ExitStatus.success {
                do { try emit(text + "\n") } catch { Glibc.exit(ExitStatus.failure.rawValue) }
            } else {
                sayError(text)
            }
        }
        Glibc.exit(code.rawValue)
    }
}

/// The exit codes of all commands.
enum ExitStatus {
    static let success = ExitCode(0)
    static let failure = ExitCode(1)
    static let usage = ExitCode(64)
    static let interrupted = ExitCode(130)
}
