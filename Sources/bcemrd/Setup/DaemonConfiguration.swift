import Configuration
import Foundation
import Logging
import SystemPackage

/// What an operator decides: a JSON file with comments (``CommentedJSON``), of which each value may also be given by the environment
/// (`BCEMRD_LISTEN_PORT`). Paths are relative to the file.
struct DaemonConfiguration {
  struct Listen: Equatable {
    var host: String
    var port: Int

    /// Whether both cannot be had at once.
    func overlaps(_ other: Self) -> Bool {
      let all = ["0.0.0.0", "::"]
      return port == other.port
        && (host == other.host || all.contains(host) || all.contains(other.host))
    }
  }

  /// The file of the genesis.
  var genesis: String
  /// The folder with the keys and stores of all roles.
  var data: String
  /// The identifiers of the parties that run here.
  var roles: [String]
  var listen: Listen
  var certificate: String
  var key: String
  /// Where health and version are told; loopback unless there is a reason.
  var operations: Listen
  /// The socket of the desk.
  var deskSocket: String
  var logLevel: Logger.Level
  /// From how many leaves behind on a role is not ready.
  var readyBehind: UInt64
  /// From how many seconds on in which no step ended well a role is not ready.
  var readyStalled: UInt64
  /// Free bytes of the disk below which nothing new is taken, and from which on it is taken again.
  var diskFloor: UInt64
  var diskResume: UInt64
  /// Where clouds keep records, if not in SQLite.
  var records: RecordsInS3?
  /// What the machines of a hospital share, if it has several.
  var engine: EngineSettings?
  /// Seconds between two looks at what others have, where there is nothing to do.
  var pause: Double

  /// - Throws: ``DaemonFailure`` that names the file and the key.
  static func read(_ path: String) async throws -> Self {
    try ConfigurationKeys.check(path, environment: ProcessInfo.processInfo.environment)
    let reader: ConfigReader
    do {
      reader = ConfigReader(providers: [
        EnvironmentVariablesProvider().prefixKeys(with: "bcemrd"),
        try await FileProvider<CommentedJSON>(filePath: FilePath(path)),
      ])
    } catch {
      throw DaemonFailure(.badInput, "\(path): this is no JSON", code: "malformed")
    }
    let folder = URL(filePath: path).deletingLastPathComponent().path
    func file(_ name: String) -> String {
      name.hasPrefix("/") ? name : "\(folder.isEmpty ? "." : folder)/\(name)"
    }
    let config = reader
    do {
      let data = file(try config.requiredString(forKey: "data"))
      let floor = try bytes("disk.floor", config.int(forKey: "disk.floor", default: 1 << 30))
      let resume = try bytes(
        "disk.resume", config.int(forKey: "disk.resume") ?? Int(clamping: floor + floor / 4))
      guard resume >= floor else {
        throw DaemonFailure(.badInput, "\(path): disk.resume is below disk.floor")
      }
      let roles = try config.requiredStringArray(forKey: "roles")
      guard !roles.isEmpty else {
        throw DaemonFailure(.badInput, "\(path): 'roles' names no role")
      }
      let listen = Listen(
        host: config.string(forKey: "listen.host", default: "0.0.0.0"),
        port: config.int(forKey: "listen.port", default: 8443))
      let operations = Listen(
        host: config.string(forKey: "operations.host", default: "127.0.0.1"),
        port: config.int(forKey: "operations.port", default: 9443))
      guard !listen.overlaps(operations) else {
        throw DaemonFailure(
          .badInput, "\(path): listen.port and operations.port are both \(listen.port)")
      }
      return Self(
        genesis: file(try config.requiredString(forKey: "genesis")),
        data: data,
        roles: roles, listen: listen,
        certificate: file(try config.requiredString(forKey: "tls.certificate")),
        key: file(try config.requiredString(forKey: "tls.key")),
        operations: operations,
        deskSocket: config.string(forKey: "desk.socket").map(file) ?? "\(data)/desk.sock",
        logLevel: try level(config.string(forKey: "log.level", default: "info")),
        readyBehind: try bytes("ready.behind", config.int(forKey: "ready.behind", default: 100)),
        readyStalled: try bytes("ready.stalled", config.int(forKey: "ready.stalled", default: 60)),
        diskFloor: floor, diskResume: resume,
        records: try RecordsInS3(config, file: file),
        engine: try EngineSettings(config, roles: roles, file: file),
        pause: max(config.double(forKey: "pause", default: 0.5), 0.01))
    } catch let failure as DaemonFailure {
      throw failure
    } catch {
      throw DaemonFailure(.badInput, "\(path): \(error)")
    }
  }

  private static func bytes(_ key: String, _ value: Int) throws -> UInt64 {
    guard (0...1 << 60).contains(value) else {
      throw DaemonFailure(.badInput, "\(key) is 0 to 2^60")
    }
    return UInt64(value)
  }

  private static func level(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: text) else {
      throw DaemonFailure(
        .badInput,
        "log.level is one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return level
  }
}
