import Foundation
import Logging

/// One JSON object a line, on standard error.
struct JSONLogHandler: LogHandler {
  let label: String
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(_ label: String, _ level: Logger.Level) { (self.label, logLevel) = (label, level) }

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
