// swift-tools-version: 6.2
import PackageDescription

// The module graph of ARCHITECTURE.md. Arrows point down only; Tests/HouseTests asserts it from this file.

// POPLAR_ALLOCATOR=glibc builds without jemalloc: sanitizers replace malloc themselves and need that.
let usesJemalloc = Context.environment["POPLAR_ALLOCATOR"] != "glibc"

// The commit that is baked into the binary, handed over by the Makefile: one C file sees it, so a new commit rebuilds that
// file and no other. Context.gitInformation would go stale: SwiftPM caches this manifest by its text and the environment.
let commit = Context.environment["POPLAR_COMMIT"] ?? "unknown"
let compiler = Context.environment["POPLAR_SWIFT"] ?? "unknown"

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: swiftSettings)
}

let package = Package(
    name: "poplar",
    products: [
        .executable(name: "poplar", targets: ["poplar"]),
        // For the nested package Tests/Fuzzing alone.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
        // For the nested package Benchmarks/Recorder alone.
        .library(name: "Telemetry", targets: ["Telemetry"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Floor 0: C.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "CJemalloc",
            cSettings: usesJemalloc ? [.define("POPLAR_JEMALLOC")] : [],
            linkerSettings: usesJemalloc ? [.linkedLibrary("jemalloc")] : []),

        .target(
            name: "CBuildInfo",
            cSettings: [
                .define("POPLAR_COMMIT", to: "\"\(commit)\""),
                .define("POPLAR_SWIFT", to: "\"\(compiler)\""),
                .define("POPLAR_RELEASE", .when(configuration: .release)),
            ]),

        .target(name: "CStartup"),

        // Floor 1.
        module("PoplarCore"),
        module("Digest", ["COpenSSL"]),
        module("Terminal"),

        // Floor 2.
        module("Reactor", ["CLinux", "CStartup"]),
        module("TLS", ["COpenSSL"]),
        module("Certificates", ["COpenSSL"]),
        module("NTLM", ["PoplarCore", "Digest"]),
        module("Maildrop", ["PoplarCore"]),
        module("Telemetry", ["PoplarCore", "CZlib"]),
        module("Configuration", ["Terminal", .product(name: "Yams", package: "Yams")]),
        module("Exposition", ["PoplarCore", "Terminal"]),

        // Floor 3.
        module("SASL", ["PoplarCore", "Digest", "NTLM"]),
        module("POP3", ["PoplarCore"]),
        module("Accounts", ["PoplarCore", "Digest", "NTLM"]),
        module("Administration", ["Configuration"]),
        module("Statistics"),
        module("Workload", ["PoplarCore", "Telemetry", "Configuration", "Terminal"]),
        module("Dialogue", ["PoplarCore", "Digest", "NTLM", "TLS", "Telemetry", "Terminal"]),
        module("Doctor", ["PoplarCore", "Reactor", "Terminal"]),

        // Floor 4.
        module(
            "Server",
            [
                "PoplarCore", "CLinux", "CJemalloc", "Digest", "Reactor", "TLS", "NTLM", "SASL", "POP3", "Accounts",
                "Administration",
                "Maildrop", "Exposition", "Terminal",
            ]),
        module(
            "LoadGenerator",
            ["CJemalloc", "PoplarCore", "Digest", "Reactor", "TLS", "NTLM", "SASL", "POP3", "Workload", "Dialogue", "Telemetry"]),

        // Floor 5 and up.
        module("Results", ["Telemetry", "Workload", "Statistics", "Terminal"]),
        module("Report", ["Results", "Telemetry", "Dialogue", "Terminal"]),
        .executableTarget(
            name: "poplar",
            dependencies: [
                "Server", "LoadGenerator", "Results", "Report", "Workload", "Statistics", "Dialogue", "Telemetry",
                "Configuration",
                "Certificates",
                "Accounts", "Administration", "Maildrop", "POP3", "TLS", "Reactor", "PoplarCore", "CBuildInfo", "CJemalloc",
                "CLinux", "CStartup", "NTLM", "Digest", "Doctor", "Terminal",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),

        tests("HouseTests", []),
        tests("ReactorTests", ["Reactor", "PoplarCore"]),
        tests("TLSTests", ["TLS", "Certificates", "COpenSSL"]),
        tests("CertificatesTests", ["Certificates"]),
        tests("MaildropTests", ["Maildrop", "PoplarCore"]),
        tests("AccountsTests", ["Accounts", "NTLM", "Digest"]),
        tests("TerminalTests", ["Terminal"]),
        tests("ConfigurationTests", ["Configuration"]),
        tests("AdministrationTests", ["Administration", "Configuration"]),
        tests("PoplarCoreTests", ["PoplarCore"]),
        tests("EndToEndTests", ["poplar", "Certificates", "Digest", "NTLM", "PoplarCore", "SASL", "Telemetry", "Workload"]),
        tests(
            "ServerTests",
            [
                "Server", "PoplarCore", "Accounts", "Administration", "Maildrop", "NTLM", "SASL", "TLS", "Certificates", "POP3",
                "Reactor", "Exposition", "Digest", "Terminal",
            ]),
        tests("ExpositionTests", ["Exposition"]),
        tests("DoctorTests", ["Doctor"]),
        tests("DigestTests", ["Digest"]),
        tests("NTLMTests", ["NTLM", "Digest", "PoplarCore"]),
        tests("SASLTests", ["SASL", "NTLM", "Digest", "PoplarCore"]),
        .target(
            name: "FuzzTargets", dependencies: ["PoplarCore", "Digest", "NTLM", "SASL", "POP3", "Exposition"],
            path: "Tests/FuzzTargets",
            swiftSettings: swiftSettings),
        tests("FuzzReplayTests", ["FuzzTargets"]),
        tests("TelemetryTests", ["Telemetry", "PoplarCore"]),
        tests("StatisticsTests", ["Statistics"]),
        tests("DialogueTests", ["Dialogue", "NTLM", "SASL", "Digest", "PoplarCore", "TLS", "Telemetry"]),
        tests("ResultsTests", ["Results", "Telemetry", "Workload"]),
        tests("ReportTests", ["Report", "Results", "Dialogue", "Telemetry", "Terminal"]),
        tests("WorkloadTests", ["Workload", "Configuration", "Telemetry", "PoplarCore", "CJemalloc"]),
        tests("POP3Tests", ["POP3", "PoplarCore"]),
        tests(
            "LoadGeneratorTests",
            [
                "LoadGenerator", "PoplarCore", "Digest", "NTLM", "POP3", "SASL", "Workload", "Dialogue", "Telemetry", "Reactor",
                "TLS",
            ]),
    ]
)
