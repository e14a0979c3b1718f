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

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")

/// A library of ours; each imports only libraries listed above it.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name,
    dependencies: ["TestSupport"] + dependencies,
    resources: [.copy("Vectors")],
    swiftSettings: strict)
}

let package = Package(
  name: "bc-emr",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Pairings", targets: ["Pairings"]),
    .library(name: "EMRScheme", targets: ["EMRScheme"]),
    .library(name: "TransparencyLog", targets: ["TransparencyLog"]),
    .library(name: "ClinicalRecords", targets: ["ClinicalRecords"]),
    .library(name: "Ledger", targets: ["Ledger"]),
    .library(name: "Consortium", targets: ["Consortium"]),
    .executable(name: "bcemr", targets: ["bcemr"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    .target(name: "CFieldKernels"),
    library("Pairings", ["CFieldKernels", crypto]),
    library("CanonicalEncoding", [asn1, crypto]),
    library("EMRScheme", ["Pairings", "CanonicalEncoding", crypto, cryptoExtras]),
    library("TransparencyLog", [crypto]),
    library("Credentials", ["EMRScheme", "TransparencyLog", crypto, cryptoExtras]),
    library("Ledger", ["Credentials", "TransparencyLog"]),
    library("ClinicalRecords", []),
    library("Consortium", ["Ledger", "ClinicalRecords"]),
    library("SQLiteBackend", ["Consortium", .product(name: "GRDB", package: "GRDB.swift")]),
    .executableTarget(
      name: "bcemr",
      dependencies: [
        "SQLiteBackend", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    library("TestSupport", ["Consortium"]),
  ]
)
