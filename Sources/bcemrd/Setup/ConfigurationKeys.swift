import Credentials
import Foundation
import TerminalText

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The keys that a configuration may have, and of which type each is. What is unknown or of another type is
/// refused, and never passed over for a default.
enum ConfigurationKeys {
  private enum Kind: String {
    case text = "a text"
    case texts = "a list of texts"
    case port = "a port: a number from 1 to 65535"
    case count = "a whole number, 0 or more"
    case seconds = "a number of seconds, 0 to 604800"
  }

  private static let kinds: [String: Kind] = [
    "genesis": .text, "data": .text, "roles": .texts,
    "listen.host": .text, "listen.port": .port,
    "operations.host": .text, "operations.port": .port,
    "tls.certificate": .text, "tls.key": .text,
    "desk.socket": .text, "log.level": .text, "ready.behind": .count,
    "ready.stalled": .count,
    "disk.floor": .count, "disk.resume": .count, "pause": .seconds,
    "records.s3.endpoint": .text, "records.s3.bucket": .text, "records.s3.region": .text,
    "records.s3.prefix": .text, "records.s3.credentials": .text,
    "engine.machine": .text, "engine.lifetime": .count, "engine.secret": .text,
    "engine.etcd.endpoints": .texts, "engine.etcd.prefix": .text,
    "engine.etcd.authority": .text, "engine.etcd.certificate": .text, "engine.etcd.key": .text,
    "engine.etcd.user": .text, "engine.etcd.password": .text,
    "engine.s3.endpoint": .text, "engine.s3.bucket": .text, "engine.s3.region": .text,
    "engine.s3.prefix": .text, "engine.s3.credentials": .text,
  ]

  private static let required = ["genesis", "data", "roles", "tls.certificate", "tls.key"]

  /// Of a configuration, in bytes.
  private static let byteLimit = 1 << 20

  /// - Parameter environment: values there go before those of the file.
  /// - Throws: ``DaemonFailure`` that names the file, and the key or the variable.
  static func check(_ path: String, environment: [String: String]) throws {
    let values = try values(path)
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let kind = kinds[key] else {
        // A part that is known, and empty.
        if case .object = value, kinds.keys.contains(where: { $0.hasPrefix("\(key).") }) {
          continue
        }
        throw unknown("\(path): \(key.debugDescription)", key, name: { "'\($0)'" })
      }
      guard value.isOf(kind) else {
        throw DaemonFailure(
          .badInput, "\(path): '\(key)' has to be \(kind.rawValue)", code: "bad-value")
      }
    }
    let variables = environment.filter { $0.key.hasPrefix(prefix) && !isOfKubernetes($0.key) }
    let known = Dictionary(uniqueKeysWithValues: kinds.map { (variable($0.key), $0) })
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      guard let (_, kind) = known[name] else {
        let key = name.dropFirst(prefix.count).lowercased().replacing("_", with: ".")
        throw unknown("the environment's \(name)", key, name: variable)
      }
      guard isOf(kind, text: value) else {
        throw DaemonFailure(
          .badInput, "the environment's \(name) has to be \(kind.rawValue)", code: "bad-value")
      }
    }
    for key in required where values[key] == nil && variables[variable(key)] == nil {
      throw DaemonFailure(
        .badInput, "\(path): '\(key)' is missing", code: "missing-key",
        hint: "docs/operations.md has all keys")
    }
  }

  // MARK: The file

  private indirect enum Value: Decodable {
    case object([String: Value])
    case list([Value])
    case flag
    case whole(Int)
    case number(Double)
    case text
    case none

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .none
      } else if (try? container.decode(Bool.self)) != nil {
        self = .flag
      } else if let value = try? container.decode(Int.self) {
        self = .whole(value)
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else if (try? container.decode(String.self)) != nil {
        self = .text
      } else if let values = try? container.decode([Value].self) {
        self = .list(values)
      } else {
        self = .object(try container.decode([String: Value].self))
      }
    }

    func isOf(_ kind: Kind) -> Bool {
      switch (kind, self) {
      case (.text, .text): true
      case (.seconds, .whole(let value)): LengthOfTime(seconds: Double(value)) != nil
      case (.seconds, .number(let value)): LengthOfTime(seconds: value) != nil
      case (.texts, .list(let values)): values.allSatisfy { $0.isOf(.text) }
      case (.port, .whole(let value)): (1...65535).contains(value)
      case (.count, .whole(let value)): value >= 0
      default: false
      }
    }

    /// By path; of parts, those without anything in them.
    func leaves(at path: String = "") -> [String: Value] {
      guard case .object(let members) = self, !members.isEmpty else { return [path: self] }
      var found: [String: Value] = [:]
      for (name, value) in members {
        found.merge(value.leaves(at: path.isEmpty ? name : "\(path).\(name)")) { first, _ in first }
      }
      return found
    }
  }

  private static func values(_ path: String) throws -> [String: Value] {
    // What is mounted into a container often is a link.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw DaemonFailure(DurableFile.Failure(path: path)) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard let bytes = try? file.read(upToCount: byteLimit + 1) ?? Data() else {
      throw DaemonFailure(.badInput, "\(path): this is no file that can be read")
    }
    guard bytes.count <= byteLimit else {
      throw DaemonFailure(.badInput, "\(path): this is too long for a configuration")
    }
    let json = Data(CommentedJSON.withoutComments(Array(bytes)))
    let value: Value
    do {
      // Unlike the decoder, it says where.
      _ = try JSONSerialization.jsonObject(with: json, options: .fragmentsAllowed)
      value = try JSONDecoder().decode(Value.self, from: json)
    } catch {
      let reason = (error as NSError).userInfo["NSDebugDescription"] as? String
      throw DaemonFailure(
        .badInput, "\(path): this is no JSON", code: "malformed", hint: reason)
    }
    guard case .object(let members) = value else {
      throw DaemonFailure(
        .badInput, "\(path): a configuration is a JSON object, as {…}", code: "malformed")
    }
    return members.isEmpty ? [:] : value.leaves()
  }

  // MARK: The environment

  private static let prefix = "BCEMRD_"

  private static func variable(_ key: String) -> String {
    prefix + key.replacing(".", with: "_").uppercased()
  }

  /// What Kubernetes tells every container of a service with the name of this program.
  private static func isOfKubernetes(_ name: String) -> Bool {
    name == "BCEMRD_PORT" || name.hasPrefix("BCEMRD_PORT_") || name.hasPrefix("BCEMRD_SERVICE_")
  }

  private static func isOf(_ kind: Kind, text: String) -> Bool {
    switch kind {
    case .text, .texts: !text.isEmpty
    case .port: Int(text).map((1...65535).contains) ?? false
    case .count: Int(text).map { $0 >= 0 } ?? false
    case .seconds: LengthOfTime(text) != nil
    }
  }

  // MARK: The nearest key

  private static func unknown(
    _ what: String, _ key: String, name: (String) -> String
  ) -> DaemonFailure {
    func far(_ known: String) -> Int {
      // Whoever leaves the part out has the rest right.
      let last = known.split(separator: ".").last.map(String.init) ?? known
      return min(distance(key, known), distance(key, last) + (last == known ? 0 : 1))
    }
    let nearest = kinds.keys.sorted().min { far($0) < far($1) } ?? ""
    return DaemonFailure(
      .badInput, "\(what) is no key of the configuration", code: "unknown-key",
      hint: "the nearest that there is: \(name(nearest))")
  }

  /// How many characters have to be put in, taken out or exchanged to make the one of the other (Levenshtein).
  private static func distance(_ one: String, _ other: String) -> Int {
    // Whatever stands in a file, this ends soon.
    let (one, other) = (Array(one.lowercased().prefix(64)), Array(other))
    var row = Array(0...other.count)
    for (index, character) in one.enumerated() {
      var next = [index + 1]
      for (column, own) in other.enumerated() {
        next.append(
          min(row[column] + (character == own ? 0 : 1), row[column + 1] + 1, next[column] + 1))
      }
      row = next
    }
    return row[other.count]
  }
}
