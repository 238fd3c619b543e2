// swift-tools-version: 6.2
import PackageDescription

// The recorder against hdrhistogram-swift, apart from the root package so that its builds never see the other library.
// Run by `make recorder`.
let package = Package(
    name: "recorder-race",
    dependencies: [
        .package(name: "poplar", path: "../.."),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .executableTarget(
            name: "recorder-race",
            dependencies: [
                .product(name: "Telemetry", package: "poplar"), .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: [.enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault")])
    ]
)
