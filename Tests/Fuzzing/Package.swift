// swift-tools-version: 6.2
import PackageDescription

// The fuzz targets under libFuzzer, apart from the root package so that its builds and tests never see the driver.
// One program for all: POPLAR_FUZZ_TARGET names the target. Built and run by scripts/fuzz.sh.
let package = Package(
    name: "fuzzing",
    dependencies: [.package(name: "poplar", path: "../..")],
    targets: [
        .systemLibrary(name: "CFuzzer"),
        .executableTarget(
            name: "fuzz", dependencies: ["CFuzzer", .product(name: "FuzzTargets", package: "poplar")],
            swiftSettings: [.enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault")]),
    ]
)
