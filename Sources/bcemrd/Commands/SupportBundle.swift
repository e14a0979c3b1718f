import ArgumentParser
import AsyncHTTPClient
import CanonicalEncoding
import Consortium
import DeskInterface
import Foundation
import Ledger
import Logging
import NIOCore
import SQLiteBackend

/// What whoever is asked for help needs to know, and nothing that is secret.
struct SupportBundle: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "support-bundle",
    abstract: "Write what somebody who helps needs to know into one readable file.",
    discussion: """
      In it: version and system, the configuration, public keys of members and where they are, the certificate, \
      the disk, names and sizes of files, and if the daemon runs, what its operations port says. Not in it: \
      keys, stores, logs, and anything of patients or of what doctors have found. Read it before it is sent.
      """)

  @Option(help: "The configuration of the daemon.")
  var config: String

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file.")
  var output: String

  private struct Report: Encodable {
    struct Member: Encodable {
      let id: String
      let addresses: [String]
      let pins: [String]
    }

    struct File: Encodable {
      let name: String
      let bytes: UInt64
      let mode: String
      let modified: String
      /// Of a store, what is wrong with the file.
      let findings: [String]
    }

    struct Certificate: Encodable {
      let subject: String
      let pin: String
      let ends: String
    }

    var version: String
    var time: String
    var system: String
    var configuration: [String: String]
    var genesis: String?
    var network: String?
    var members: [Member] = []
    var certificate: Certificate?
    var diskFreeBytes: UInt64?
    var files: [File] = []
    /// By path, what the operations port of the daemon says.
    var operations: [String: String] = [:]
    /// What could not be found out, and why.
    var failures: [String] = []
  }

  func run() async throws {
    let configuration = try await DaemonConfiguration.read(config)
    var report = Report(
      version: BCEMRD.configuration.version, time: Date().formatted(.iso8601),
      system: ProcessInfo.processInfo.operatingSystemVersionString,
      configuration: configuration.summary, diskFreeBytes: DiskGuard.freeBytes(configuration.data))
    func attempt(_ what: String, _ body: () async throws -> Void) async {
      do {
        try await body()
      } catch {
        report.failures.append("\(what): \(DaemonFailure(error).message)")
      }
    }
    await attempt("genesis") {
      let genesis = try Machine.genesis(configuration)
      (report.genesis, report.network) = ("\(genesis.digest)", genesis.content.network)
      report.members = ([genesis.members.manager.id] + genesis.members.supernodes.map(\.id)).map {
        let location = genesis.members.location(of: $0)
        return Report.Member(
          id: $0, addresses: location?.addresses ?? [],
          pins: location?.pins.map { "\($0)" } ?? [])
      }
    }
    await attempt("certificate") {
      let tls = try TLSFiles.load(certificate: configuration.certificate, key: configuration.key)
      report.certificate = Report.Certificate(
        subject: tls.subject, pin: "\(tls.pin)", ends: tls.notValidAfter.formatted(.iso8601))
    }
    await attempt("files") { report.files = try Self.files(in: configuration.data) }
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    for path in ["health", "ready", "version", "metrics"] {
      await attempt("/\(path)") {
        let place = configuration.operations
        let answer = try await client.execute(
          HTTPClientRequest(url: "http://\(place.host):\(place.port)/\(path)"),
          timeout: .seconds(10))
        report.operations[path] = String(
          buffer: try await answer.body.collect(upTo: 1 << 22))
      }
    }
    try? await client.shutdown()
    let encoder = DeskJSON.encoder
    encoder.outputFormatting.insert(.prettyPrinted)
    let bytes = Array(try encoder.encode(report)) + [UInt8(ascii: "\n")]
    let count = try PrivateOutput.write(output) { try $0(bytes) }
    Output.line("\(output): \(count) bytes; read it before it is sent")
  }

  /// Those of roles; whose names other folders have is nobody's business.
  private static func files(in path: String) throws -> [Report.File] {
    let data = try DataFolder(beside: path)
    return try data.inventory().files.filter { !$0.contains("patients/") }.map { name in
      let place = "\(path)/\(name)"
      let attributes = try FileManager.default.attributesOfItem(atPath: place)
      let modified = attributes[.modificationDate] as? Date
      return Report.File(
        name: name, bytes: (attributes[.size] as? UInt64) ?? 0,
        mode: String((attributes[.posixPermissions] as? Int) ?? 0, radix: 8),
        modified: modified?.formatted(.iso8601) ?? "",
        findings: DataFolder.isStore(name)
          ? StoreCheck.findings(inFileAt: place).map { "\($0.code)" } : [])
    }
  }
}

extension DaemonConfiguration {
  /// As it is in force.
  fileprivate var summary: [String: String] {
    [
      "genesis": genesis, "data": data, "roles": roles.joined(separator: ","),
      "listen": "\(listen.host):\(listen.port)", "tls.certificate": certificate, "tls.key": key,
      "operations": "\(operations.host):\(operations.port)", "desk.socket": deskSocket,
      "log.level": logLevel.rawValue, "ready.behind": "\(readyBehind)",
      "ready.stalled": "\(readyStalled)",
      "disk.floor": "\(diskFloor)", "disk.resume": "\(diskResume)", "pause": "\(pause)",
    ]
  }
}
