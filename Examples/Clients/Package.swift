// swift-tools-version: 6.2
import PackageDescription

// A package of somebody else: it sees of BC-EMR what is public.
let package = Package(
  name: "clients",
  platforms: [.macOS(.v26)],
  products: [.library(name: "Clients", targets: ["Clients"])],
  dependencies: [.package(name: "bc-emr", path: "../..")],
  targets: [
    .target(name: "Clients", dependencies: [.product(name: "Consortium", package: "bc-emr")])
  ]
)
