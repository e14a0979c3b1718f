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
    let more: [String: String]
  }

  func log(event: LogEvent) {
    let line = Line(
      time: Date().formatted(.iso8601), level: event.level.rawValue,
      message: event.message.description,
      more: metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let bytes = try? encoder.encode(line) else { return }
    FileHandle.standardError.write(bytes + Data("\n".utf8))
  }
}
