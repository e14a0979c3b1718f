import Foundation
import Logging

/// One JSON object a line, on standard error.
struct JSONLogHandler: LogHandler {
  let label: String
  var metadata: Logger.Metadata = [:]
  /// What the configuration says, unless a logger has its own.
  private let settings: LiveSettings
  private var ownLevel: Logger.Level?

  init(_ label: String, _ settings: LiveSettings) {
    (self.label, self.settings) = (label, settings)
  }

  var logLevel: Logger.Level {
    get { ownLevel ?? settings.present.logLevel }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  private struct Line: Encodable {
    let time: String
    let level: String
    let message: String
    let more: [String: Value]
  }

  private enum Value: Encodable {
    case text(String)
    case list([String])

    init(_ value: Logger.MetadataValue) {
      self =
        if case .array(let values) = value { .list(values.map { "\($0)" }) } else {
          .text("\(value)")
        }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .list(let texts): try container.encode(texts)
      }
    }
  }

  func log(event: LogEvent) {
    let line = Line(
      time: Date().formatted(.iso8601), level: event.level.rawValue,
      message: event.message.description,
      more: metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(Value.init))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let bytes = try? encoder.encode(line) else { return }
    FileHandle.standardError.write(bytes + Data("\n".utf8))
  }
}

extension Logger.MetadataValue {
  /// Names, one by one.
  static func list(_ names: [String]) -> Self { .array(names.map { .string($0) }) }
}

extension Logger {
  /// For a server of somebody else's making: what fails in it. That it listens is said once, and what else it has to say
  /// of a request might be whose it is.
  var ofServer: Logger {
    var quiet = self
    quiet.logLevel = max(logLevel, .warning)
    return quiet
  }
}
