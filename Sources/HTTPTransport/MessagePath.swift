/// Where messages for a role are posted: `/v1/messages/{recipient}` (docs/openapi.yaml).
enum MessagePath {
  static let prefix = "/v1/messages/"
  static let contentType = "application/octet-stream"

  /// Whether a name can stand in a path as it is: 1 to 64 of a-z, 0-9 and '-'.
  static func isPlain(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
      }
  }
}
