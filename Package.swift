// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Tests are compiled as they are, which takes a third of the time; the modules that they try stay optimised, and
/// the tests that write tens of MiB byte by byte.
let unoptimised = SwiftSetting.unsafeFlags(["-Onone"])

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

let scheme: [Target.Dependency] = ["Pairings", "HashToCurve", "CanonicalEncoding"]
let ledger: [Target.Dependency] =
  scheme + ["EMRScheme", "TransparencyLog", "Credentials", "Consensus", "Ledger"]

/// A product that is resolved with the trait Network alone, so that who takes a library of this package leaves
/// it out.
func network(_ product: String, _ package: String) -> Target.Dependency {
  .product(name: product, package: package, condition: .when(traits: ["Network"]))
}

let http: [Target.Dependency] = [
  network("Hummingbird", "hummingbird"), network("HummingbirdTLS", "hummingbird"),
  network("AsyncHTTPClient", "async-http-client"), network("NIOCore", "swift-nio"),
  network("NIOPosix", "swift-nio"), network("NIOHTTP1", "swift-nio"),
  network("NIOSSL", "swift-nio-ssl"),
  network("Logging", "swift-log"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ module: String, _ dependencies: [Target.Dependency] = [], vectors: Bool = false,
  isOptimised: Bool = false
) -> Target {
  .testTarget(
    name: "\(module)Tests",
    dependencies: ["TestSupport", .byName(name: module)] + dependencies,
    resources: vectors ? [.copy("Vectors")] : [],
    swiftSettings: strict + (isOptimised ? [] : [unoptimised]))
}

let package = Package(
  name: "bc-emr",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Pairings", targets: ["Pairings", "HashToCurve"]),
    .library(name: "EMRScheme", targets: ["EMRScheme"]),
    .library(name: "TransparencyLog", targets: ["TransparencyLog"]),
    .library(name: "Consensus", targets: ["Consensus"]),
    .library(name: "ClinicalRecords", targets: ["ClinicalRecords"]),
    .library(name: "Ledger", targets: ["Ledger"]),
    .library(name: "Consortium", targets: ["Consortium", "CanonicalEncoding", "Credentials"]),
    .library(name: "SQLiteBackend", targets: ["SQLiteBackend"]),
    .library(name: "Keystore", targets: ["Keystore"]),
    .executable(name: "bcemr", targets: ["bcemr"]),
    .executable(name: "bcemrd", targets: ["bcemrd"]),
  ],
  traits: [
    .default(enabledTraits: ["Network"]),
    .trait(
      name: "Network",
      description:
        "HTTPTransport, S3Backend, EtcdBackend, bcemrd, programs of doctors and patients, with HTTP and TLS"
    ),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    // For the trait Network alone.
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
  ],
  targets: [
    // From the bottom up: each module imports only modules that stand above it here. Every import is
    // declared, or a changed module would leave its importers as they were built before.
    .target(name: "CFieldKernels"),
    module("Pairings", ["CFieldKernels"]),
    module("HashToCurve", ["Pairings", crypto]),
    module("CanonicalEncoding", [crypto]),
    module("EMRScheme", scheme + [crypto]),
    module("TransparencyLog", [crypto]),
    module("Credentials", scheme + ["EMRScheme", asn1, crypto]),
    .systemLibrary(name: "CQRencode", providers: [.apt(["libqrencode-dev"])]),
    module("QRCodes", ["CQRencode"]),
    module("Consensus", ["CanonicalEncoding"]),
    module("Ledger", scheme + ["EMRScheme", "TransparencyLog", "Credentials", "Consensus"]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    module("TerminalText", []),
    module("ClinicalRecords", ["CZlib", "TerminalText", crypto]),
    module("Consortium", ledger + [crypto]),
    // Insecure on purpose: for the module below it, and for no other (scripts/check-docs).
    module("PrintedScheme", ["Pairings", "HashToCurve", crypto]),
    module("PaperEvaluation", scheme + ["EMRScheme", "PrintedScheme", crypto]),
    module("SQLiteBackend", ledger + ["Consortium", grdb, sqlite]),
    module("ScaleSimulation", ledger + ["Consortium", crypto]),
    module(
      "Keystore",
      ["CanonicalEncoding", "Credentials", "Ledger", "Consortium", asn1, crypto, cryptoExtras]),
    module(
      "HTTPTransport",
      ["CanonicalEncoding", "Consortium", "Ledger", "TransparencyLog", crypto]
        + [network("ServiceLifecycle", "swift-service-lifecycle")] + http),
    module("S3Backend", ["CanonicalEncoding", "Consortium", "Ledger", crypto] + http),
    module(
      "EtcdBackend",
      ["CanonicalEncoding", "Consortium", "Credentials", "Ledger", "S3Backend", crypto] + http),
    module(
      "DeskInterface",
      [
        network("AsyncHTTPClient", "async-http-client"), network("NIOCore", "swift-nio"),
        network("NIOHTTP1", "swift-nio"), network("NIOPosix", "swift-nio"),
      ]),
    .executableTarget(
      name: "bcemr",
      dependencies: ledger + [
        "ClinicalRecords", "Consortium", "PaperEvaluation", "QRCodes", "ScaleSimulation",
        "SQLiteBackend", "TerminalText", asn1, crypto,
        argumentParser,
        .target(name: "Keystore", condition: .when(traits: ["Network"])),
        .target(name: "HTTPTransport", condition: .when(traits: ["Network"])),
        .target(name: "DeskInterface", condition: .when(traits: ["Network"])),
        network("Histogram", "hdrhistogram-swift"),
      ],
      resources: [.embedInCode("Demo/history.json")],
      swiftSettings: strict),

    .executableTarget(
      name: "bcemrd",
      dependencies: ledger + [
        "Consortium", "DeskInterface", "EtcdBackend", "HTTPTransport", "QRCodes", "S3Backend",
        "SQLiteBackend", "TerminalText",
        asn1, crypto,
        argumentParser,
        network("Configuration", "swift-configuration"),
        network("ServiceLifecycle", "swift-service-lifecycle"),
        network("UnixSignals", "swift-service-lifecycle"),
        network("X509", "swift-certificates"), network("SystemPackage", "swift-system"),
      ] + http,
      swiftSettings: strict),

    // The sources of another package, compiled as there: without access to what is `package`.
    .target(
      name: "Clients", dependencies: ["CanonicalEncoding", "Consortium", "Credentials", "Ledger"],
      path: "Examples/Clients/Sources/Clients", packageAccess: false,
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),

    module("TestSupport", ledger + ["Consortium"]),
    tests("Pairings", ["CFieldKernels", "HashToCurve"], vectors: true),
    tests("CanonicalEncoding", [asn1], isOptimised: true),
    tests("EMRScheme", scheme + [crypto], vectors: true),
    tests("TransparencyLog", [crypto], vectors: true),
    tests("Credentials", scheme + ["EMRScheme", crypto], vectors: true),
    tests("QRCodes"),
    tests("Consensus", ["CanonicalEncoding"]),
    tests(
      "Ledger",
      scheme + ["EMRScheme", "TransparencyLog", "Credentials", "Consensus", crypto]),
    tests("ClinicalRecords", ["TerminalText"], vectors: true),
    tests(
      "Consortium", ledger + ["Clients", "PowerCut", "SQLiteBackend", crypto], vectors: true),
    tests("PaperEvaluation", ["Pairings", "PrintedScheme"]),
    tests("ScaleSimulation", ["CanonicalEncoding", "Consortium", "Ledger"]),
    tests(
      "HTTPTransport",
      ["CanonicalEncoding", "Consortium", "Ledger", "SQLiteBackend", crypto, asn1] + http
        + [network("X509", "swift-certificates")]),
    .target(
      name: "BucketSupport",
      dependencies: ["CanonicalEncoding", "S3Backend", "TestSupport"] + http,
      path: "Tests/BucketSupport", swiftSettings: strict),
    tests(
      "S3Backend", ["BucketSupport", "CanonicalEncoding", "Consortium", "Ledger"] + http,
      vectors: true),
    tests(
      "EtcdBackend",
      [
        "BucketSupport", "CanonicalEncoding", "Consortium", "Credentials", "Ledger", "S3Backend",
        "SQLiteBackend", crypto,
      ] + http),
    tests(
      "Keystore", ["CanonicalEncoding", "Consortium", "Credentials", "Ledger", crypto],
      vectors: true),
    tests(
      "SQLiteBackend", ledger + ["Consortium", "PowerCut", "store-crash-probe", grdb],
      vectors: true),
    .executableTarget(
      name: "store-crash-probe", dependencies: ["Ledger", "Consortium", "SQLiteBackend"],
      path: "Tests/StoreCrashProbe", swiftSettings: strict),
    .target(
      name: "CPowerCut", path: "Tests/PowerCut/CPowerCut",
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "PowerCut", dependencies: ["CPowerCut"], path: "Tests/PowerCut/PowerCut",
      swiftSettings: strict),
    .target(name: "CMemcheck", path: "Tests/ConstantTime/CMemcheck"),
    .executableTarget(
      name: "constant-time-probe", dependencies: ["Pairings", "HashToCurve", "CMemcheck"],
      path: "Tests/ConstantTime/Probe", swiftSettings: strict),
  ]
)
