/// With which requests are signed. Nothing prints them.
public struct S3Credentials: Sendable, CustomStringConvertible, CustomReflectable {
  let accessKey: String
  let secretKey: String
  let sessionToken: String?

  /// - Returns: nil if a part is empty, or has a character that stands in no header.
  public init?(accessKey: String, secretKey: String, sessionToken: String? = nil) {
    for part in [accessKey, secretKey, sessionToken ?? "-"] {
      guard (1...4096).contains(part.utf8.count),
        part.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
      else { return nil }
    }
    (self.accessKey, self.secretKey, self.sessionToken) = (accessKey, secretKey, sessionToken)
  }

  /// Reads lines `aws_access_key_id = …`, `aws_secret_access_key = …` and `aws_session_token = …`, as AWS's
  /// programs have them; of several profiles that named `default`.
  ///
  /// - Returns: nil if one of the first two is missing.
  public init?(file text: String) {
    var values: [Substring: String] = [:]
    var isMeant = true
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimmingSpaces
      if line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("[") {
        isMeant = line == "[default]"
        continue
      }
      guard isMeant, let sign = line.firstIndex(of: "=") else { continue }
      values[line[..<sign].trimmingSpaces] = String(line[line.index(after: sign)...].trimmingSpaces)
    }
    self.init(
      values["aws_access_key_id"], values["aws_secret_access_key"], values["aws_session_token"])
  }

  /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
  ///
  /// - Returns: nil if one of the first two is missing.
  public init?(environment: [String: String]) {
    self.init(
      environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"],
      environment["AWS_SESSION_TOKEN"])
  }

  private init?(_ accessKey: String?, _ secretKey: String?, _ token: String?) {
    guard let accessKey, let secretKey else { return nil }
    self.init(
      accessKey: accessKey, secretKey: secretKey, sessionToken: token == "" ? nil : token)
  }

  public var description: String { "credentials for S3" }

  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    let rest = drop(while: isSpace)
    return rest.dropLast(rest.reversed().prefix(while: isSpace).count)
  }
}
