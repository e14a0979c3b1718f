import Configuration
import Foundation

/// A configuration in JSON, in which a line that begins with `//` is a comment.
///
/// No text of JSON goes over a line's end, so such a line is part of none.
struct CommentedJSON: FileConfigSnapshot {
  private let json: JSONSnapshot

  init(data: RawSpan, providerName: String, parsingOptions: JSONSnapshot.ParsingOptions) throws {
    let bytes = unsafe data.withUnsafeBytes { unsafe Array($0) }
    json = try unsafe JSONSnapshot(
      data: Self.withoutComments(bytes).span.bytes, providerName: providerName,
      parsingOptions: parsingOptions)
  }

  /// The same with spaces in place of the comments, so that a parser names the right line and place.
  static func withoutComments(_ bytes: [UInt8]) -> [UInt8] {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let slashes = Array("//".utf8)
    return Array(
      lines.map { line -> [UInt8] in
        let isComment = line.drop { $0 == 0x20 || $0 == 0x09 }.starts(with: slashes)
        return isComment ? [UInt8](repeating: 0x20, count: line.count) : Array(line)
      }.joined(separator: [UInt8(ascii: "\n")]))
  }

  var providerName: String { json.providerName }

  func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
    try json.value(forKey: key, type: type)
  }

  var description: String { json.description }
  var debugDescription: String { json.debugDescription }
}
