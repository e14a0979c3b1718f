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
      In it: version and system, the configuration, where records lie, members as they are now and where they \
      are, the certificate, the disk, names and sizes of the roles' files, and if the daemon runs, what its \
      operations port says. Not in it: keys, credentials, stores, logs, anything of patients or of what doctors \
      have found, and which doctors there are. Read it before it is sent.
      """)

  @Option(help: "The configuration of the daemon.")
  var config: String

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file.")
  var output: String

  private struct Report: Encodable {
    struct Member: Encodable {
      let id: String
      /// hospital, cloud or manager.
      let kind: String
      let organisation: String
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

    struct Role: Encodable {
      let id: String
      /// hospital, cloud or manager; null of who is no member.
      let kind: String?
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
    /// Of the next block of the consortium chain, as of which the members are; absent where it is the genesis.
    var membersAsOf: UInt64?
    var members: [Member] = []
    /// Those of this machine.
    var roles: [Role] = []
    var certificate: Certificate?
    var diskFreeBytes: UInt64?
    var files: [File] = []
    /// By path, what the operations port of the daemon says, line by line.
    var operations: [String: [String]] = [:]
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
      let present = try PresentMembers(configuration, genesis)
      let members = present.members
      report.membersAsOf = present.height
      report.members = ([members.manager.id] + members.supernodes.map(\.id)).map {
        let location = members.location(of: $0)
        return Report.Member(
          id: $0, kind: Self.kind(of: $0, members) ?? "",
          organisation: members.party($0)?.organisation ?? "",
          addresses: location?.addresses ?? [], pins: location?.pins.map { "\($0)" } ?? [])
      }
      report.roles = configuration.roles.map {
        Report.Role(id: $0, kind: Self.kind(of: $0, members))
      }
    }
    await attempt("certificate") {
      let tls = try TLSFiles.load(certificate: configuration.certificate, key: configuration.key)
      report.certificate = Report.Certificate(
        subject: tls.certificate.subject, pin: "\(tls.pin)",
        ends: tls.certificate.notValidAfter.formatted(.iso8601))
    }
    await attempt("files") { report.files = try Self.files(configuration) }
    var doctors: DoctorNames?
    await attempt("doctors") { doctors = try DoctorNames(configuration) }
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    for path in ["health", "ready", "version", "metrics"] {
      await attempt("/\(path)") {
        let place = configuration.operations
        let answer = try await client.execute(
          HTTPClientRequest(url: "http://\(place.host):\(place.port)/\(path)"),
          timeout: .seconds(10))
        let body = Array(try await answer.body.collect(upTo: 1 << 22).readableBytesView)
        // What failed may name a doctor.
        report.operations[path] = Self.lines(body) {
          doctors?.removed(from: $0) ?? "left out: the doctors whom it may name are not known"
        }
      }
    }
    try? await client.shutdown()
    let encoder = DeskJSON.encoder
    encoder.outputFormatting.insert(.prettyPrinted)
    let bytes = Array(try encoder.encode(report)) + [UInt8(ascii: "\n")]
    let count = try PrivateOutput.write(output) { try $0(bytes) }
    Output.line("\(output): \(count) bytes; read it before it is sent")
  }

  private static func kind(of id: String, _ members: ValidMembers) -> String? {
    switch members.party(id) {
    case .manager: "\(RoleKind.manager)"
    case .supernode(let node): "\(node.role == .hospital ? RoleKind.hospital : .cloud)"
    case .organisation, nil: nil
    }
  }

  /// An answer for people to read: JSON with a line for each value.
  ///
  /// - Parameter cleared: what of a reason may be shown.
  private static func lines(_ body: [UInt8], _ cleared: (String) -> String) -> [String] {
    func clear(_ value: Any, isReason: Bool) -> Any {
      switch value {
      case let text as String: isReason ? cleared(text) : text
      case let values as [Any]: values.map { clear($0, isReason: isReason) }
      case let members as [String: Any]:
        Dictionary(
          members.map { ($0, clear($1, isReason: isReason || $0.hasPrefix("reason"))) },
          uniquingKeysWith: { first, _ in first })
      default: value
      }
    }
    var text = String(decoding: body, as: UTF8.self)
    if let value = try? JSONSerialization.jsonObject(with: Data(body)),
      let bytes = try? JSONSerialization.data(
        withJSONObject: clear(value, isReason: false),
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    {
      text = String(decoding: bytes, as: UTF8.self)
    }
    return text.split(separator: "\n").map(String.init)
  }

  /// Those of the roles that run here; whose names other folders have is nobody's business.
  private static func files(_ configuration: DaemonConfiguration) throws -> [Report.File] {
    let path = configuration.data
    let data = try DataFolder(beside: path)
    let names = try data.inventory().files.filter { name in
      !name.contains("/") || configuration.roles.contains { name.hasPrefix("\($0)/") }
    }
    return try names.map { name in
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

/// Which words are identifiers of doctors: those on the ledger, and those whom a hospital here has taken on.
private struct DoctorNames {
  private let employed: Set<String>
  private let ledgers: [ConsortiumView]

  init(_ configuration: DaemonConfiguration) throws {
    do {
      try self.init(reading: configuration)
    } catch {
      // A block may have been committed between two reads; not twice within a moment.
      try self.init(reading: configuration)
    }
  }

  private init(reading configuration: DaemonConfiguration) throws {
    let data = try DataFolder(beside: configuration.data)
    let genesis = try Machine.genesis(configuration)
    var (employed, ledgers): (Set<String>, [ConsortiumView]) = ([], [])
    for role in configuration.roles {
      if FileManager.default.fileExists(atPath: "\(data.path)/\(role)/state.sqlite") {
        employed.formUnion(try HospitalServer.employees(in: data.roleStore(role)))
      }
      if data.hasStateStore(role, chain: ChainName.consortium) {
        ledgers.append(
          try ConsortiumView(
            genesis: genesis, store: data.stateStore(role, chain: ChainName.consortium)))
      }
    }
    (self.employed, self.ledgers) = (employed, ledgers)
  }

  /// The text with "a doctor" in the place of each identifier of one; of a word of which that cannot be found out, too.
  func removed(from text: String) -> String {
    var (result, word) = ("", "")
    func end() {
      result += isDoctor(word) ? "a doctor" : word
      word = ""
    }
    for character in text {
      if character.isLetter || character.isNumber || character == "-" {
        word.append(character)
      } else {
        end()
        result.append(character)
      }
    }
    end()
    return result
  }

  private func isDoctor(_ word: String) -> Bool {
    guard ValidGenesis.isIdentifier(word) else { return false }
    return employed.contains(word)
      || ledgers.contains { ledger in
        do { return try ledger.doctor(word) != nil } catch { return true }
      }
  }
}

extension DaemonConfiguration {
  /// As it is in force.
  fileprivate var summary: [String: String] {
    var summary = [
      "genesis": genesis, "data": data, "roles": roles.joined(separator: ","),
      "listen": "\(listen.host):\(listen.port)", "tls.certificate": certificate, "tls.key": key,
      "operations": "\(operations.host):\(operations.port)", "desk.socket": deskSocket,
      "log.level": logLevel.rawValue, "ready.behind": "\(readyBehind)",
      "ready.stalled": "\(readyStalled)",
      "disk.floor": "\(diskFloor)", "disk.resume": "\(diskResume)", "pause": "\(pause)",
      "records": records == nil ? "in the data folder" : "in S3",
    ]
    for part in [records?.summary, engine?.summary] {
      summary.merge(part ?? [:]) { first, _ in first }
    }
    return summary
  }
}
