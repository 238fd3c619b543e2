// `poplar profile`: which profiles there are, what one says, and whether a file is one. Starts nothing.
// Exit codes: 0, and 64 when a profile has an error or does not exist (contracts.md 1).

import ArgumentParser
import Configuration
import Foundation
import Terminal
import Workload

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "List, show and check load profiles.",
        discussion: """
            What there is to run:
              poplar profile list

            Begin a profile of your own:
              poplar profile show smoke > mine.yaml

            All errors of it, with file, line and column:
              poplar profile check mine.yaml
            """,
        subcommands: [List.self, Show.self, Check.self])

    /// `poplar profile list`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A line for each profile: load, duration, clients, description.",
            discussion: """
                The profiles of profiles/, and files of yours beside them:
                  poplar profile list
                  poplar profile list mine.yaml
                """)

        @Argument(help: ArgumentHelp("Profile files to list instead of the shipped ones.", valueName: "file"))
        var files: [String] = []

        func run() throws {
            let sources = files.isEmpty ? ProfileFile.shipped() : files.map { ($0, $0) }
            guard !sources.isEmpty else {
                complain("there is no folder profiles/ here or beside the executable")
                throw ExitStatus.usage
            }
            var digests: [ProfileDigest] = []
            var broken: [String] = []
            for (name, file) in sources {
                do {
                    let source = try ProfileFile.read(file)
                    digests.append(ProfileDigest(try ProfileLoader.load(text: source.text, file: source.file)))
                } catch let errors as ConfigurationErrors {
                    let count = errors.diagnostics.count + errors.omitted
                    broken.append("\(name): \(count) error\(count == 1 ? "" : "s"), see `poplar profile check \(name)`")
                } catch {
                    broken.append("\(error)")
                }
            }
            do {
                try emit(ProfileDigest.table(digests))
            } catch {
                // A broken file goes before output that is lost.
                if broken.isEmpty { throw error }
            }
            for line in broken { complain(TerminalText.line(line)) }
            if !broken.isEmpty { throw ExitStatus.usage }
        }
    }

    /// `poplar profile show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a profile's text, octet for octet.",
            discussion: """
                Read a profile, or make it the start of one of yours:
                  poplar profile show exchange-mixed
                  poplar profile show smoke > mine.yaml

                What a run of it would do, in figures: poplar run NAME --dry-run
                """)

        @Argument(help: "A name in profiles/, or a file.")
        var profile: String

        @Flag(help: "Print the file's path instead of its text.")
        var path = false

        func run() throws {
            do {
                let source = try ProfileFile.read(profile)
                try path ? emit(source.file + "\n") : emit(source.text, asGiven: true)
            } catch let error as ProfileFile.Missing {
                complain(error.description)
                throw ExitStatus.usage
            } catch let errors as ConfigurationErrors {
                sayError("\(errors)")
                throw ExitStatus.usage
            }
        }
    }

    /// `poplar profile check`.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report every error of profiles: file:line:column, the line, a remedy.",
            discussion: """
                Your own profile, or all that are shipped:
                  poplar profile check mine.yaml
                  poplar profile check

                Errors go to standard error, a line `ok FILE` for each good profile to standard output. Exit codes: 0 all are
                good, 64 one is not.
                """)

        @Argument(help: ArgumentHelp("Profile files, or names in profiles/; none means all shipped ones.", valueName: "file"))
        var files: [String] = []

        func run() throws {
            let names = files.isEmpty ? ProfileFile.shipped().map(\.file) : files
            var isGood = !names.isEmpty
            var lost: (any Error)?
            if names.isEmpty { complain("there is no folder profiles/ here or beside the executable") }
            for name in names {
                do {
                    let line = try Self.check(name)
                    if lost == nil {
                        do { try emit(line + "\n") } catch { lost = error }
                    }
                } catch {
                    isGood = false
                    // As compilers print them, so that editors find the place.
                    sayError(errorText(error))
                }
            }
            if !isGood { throw ExitStatus.usage }
            if let lost { throw lost }
        }

        /// Loads a profile and makes its plan's first schedule, which is where users can prove too few.
        static func check(_ name: String) throws -> String {
            let source = try ProfileFile.read(name)
            let loaded = try ProfileLoader.load(text: source.text, file: source.file)
            let users = UserTable.embedded(users: loaded.population.users)
            let profile = try ProfileFile.replaying(loaded, users: users)
            do throws(ScheduleError) {
                _ = try Schedule(profile: profile, users: users, thread: 0, threads: 1)
            } catch {
                throw ProfileFile.Missing(description: "\(TerminalText.line(source.file)): error: \(error)")
            }
            let hint = profile.userShortages(users, threads: 1).map { "; " + $0.note }.joined()
            let file = TerminalText.line(source.file)
            return "ok \(file): \(profile.scripts.rows.count) session scripts, \(profile.slo.count) limits\(hint)"
        }
    }
}
