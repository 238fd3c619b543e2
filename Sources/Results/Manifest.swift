// manifest.json: what ran, on what. Everything that a person needs to believe or repeat a run, and nothing that names
// the machine or a secret: no host name, options that carry secrets are blanked.

internal import Foundation

public struct Manifest: Codable, Sendable, Equatable {
    public var schemaVersion = 1
    public var tool: Tool
    public var machine: Machine
    public var commandLine: [String]
    /// Wall clock, ISO 8601 UTC.
    public var startedAt: String
    public var endedAt: String
    /// The embedded server's child process; null when the target is a foreign one.
    @Nullable public var server: Server?
    /// Host names and addresses as given, with the pinned address.
    public var targets: [String]
    /// Addresses and ranges of them that the sessions came from; absent where the kernel chose.
    public var sources: [String]?
    /// Whether the server's certificate was verified; null without TLS.
    @Nullable public var certificateVerified: Bool?
    public var generatorThreads: Int
    public var notes: [String]

    public struct Tool: Codable, Sendable, Equatable {
        public var version: String
        public var gitCommit: String
        public var swift: String
        public var openssl: String
        public var allocator: String
        public var buildFlags: String

        public init(version: String, gitCommit: String, swift: String, openssl: String, allocator: String, buildFlags: String) {
            self.version = version
            self.gitCommit = gitCommit
            self.swift = swift
            self.openssl = openssl
            self.allocator = allocator
            self.buildFlags = buildFlags
        }

        enum CodingKeys: String, CodingKey {
            case version, swift, openssl, allocator
            case gitCommit = "git_commit"
            case buildFlags = "build_flags"
        }
    }

    public struct Machine: Codable, Sendable, Equatable {
        public var kernel: String
        public var architecture: String
        public var cores: Int
        public var cpuModel: String
        public var memoryBytes: UInt64
        /// CPUs that the generator may run on, as the kernel lists them, e.g. "0-1".
        public var affinity: String

        enum CodingKeys: String, CodingKey {
            case kernel, architecture, cores, affinity
            case cpuModel = "cpu_model"
            case memoryBytes = "memory_bytes"
        }

        /// Reads this machine.
        public static func current() -> Machine {
            var names = utsname()
            uname(&names)
            return Machine(
                kernel: text(names.release), architecture: text(names.machine), cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
                cpuModel: field("model name", of: "/proc/cpuinfo") ?? "unknown",
                memoryBytes: (field("MemTotal", of: "/proc/meminfo")?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0)
                    &* 1024,
                affinity: field("Cpus_allowed_list", of: "/proc/self/status") ?? "unknown")
        }

        private static func text<Tuple>(_ value: Tuple) -> String {
            withUnsafeBytes(of: value) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }

        private static func field(_ name: String, of file: String) -> String? {
            guard let data = FileManager.default.contents(atPath: file) else { return nil }
            for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where line.hasPrefix(name) {
                guard let colon = line.firstIndex(of: ":") else { continue }
                return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
            return nil
        }
    }

    public struct Server: Codable, Sendable, Equatable {
        public var pid: Int32
        public var commandLine: [String]
        public var affinity: String

        public init(pid: Int32, commandLine: [String], affinity: String) {
            self.pid = pid
            self.commandLine = Manifest.redacted(commandLine)
            self.affinity = affinity
        }

        enum CodingKeys: String, CodingKey {
            case pid, affinity
            case commandLine = "command_line"
        }
    }

    public init(
        tool: Tool, machine: Machine = .current(), commandLine: [String], startedAt: String, endedAt: String, server: Server?,
        targets: [String], sources: [String]? = nil, certificateVerified: Bool?, generatorThreads: Int, notes: [String] = []
    ) {
        self.tool = tool
        self.machine = machine
        self.commandLine = Self.redacted(commandLine)
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.server = server
        self.targets = targets
        self.sources = sources
        self.certificateVerified = certificateVerified
        self.generatorThreads = generatorThreads
        self.notes = notes
    }

    /// `arguments` with the values of options that carry secrets, and passwords within URLs, replaced by `***`.
    public static func redacted(_ arguments: [String]) -> [String] {
        func isSecret(_ name: some StringProtocol) -> Bool {
            let name = name.lowercased()
            return ["password", "passwd", "passphrase", "secret", "token", "credential"].contains { name.contains($0) }
        }
        var blankNext = false
        return arguments.map { argument in
            if blankNext, !argument.hasPrefix("--") {
                blankNext = false
                return "***"
            }
            blankNext = false
            if let equals = argument.firstIndex(of: "="), isSecret(argument[..<equals]) { return argument[...equals] + "***" }
            if argument.hasPrefix("-"), isSecret(argument) { blankNext = true }
            if let scheme = argument.range(of: "://"), let at = argument[scheme.upperBound...].lastIndex(of: "@") {
                return argument[..<scheme.upperBound] + "***" + argument[at...]
            }
            return argument
        }
    }

    enum CodingKeys: String, CodingKey {
        case tool, machine, server, targets, sources, notes
        case schemaVersion = "schema_version"
        case commandLine = "command_line"
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case certificateVerified = "certificate_verified"
        case generatorThreads = "generator_threads"
    }
}
