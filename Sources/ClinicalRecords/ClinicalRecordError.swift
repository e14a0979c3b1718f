/// Why bytes are not a history that can be divided into visits.
///
/// Messages name places and keys of the format, never a value found in the text.
public struct ClinicalRecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    public static let malformedJSON = Code("malformed-json")
    public static let tooLarge = Code("too-large")
    public static let tooDeep = Code("too-deep")
    public static let duplicateKey = Code("duplicate-key")
    public static let notFHIR = Code("not-fhir")
    public static let notBundle = Code("not-bundle")
    public static let noEncounter = Code("no-encounter")
    public static let duplicateEncounter = Code("duplicate-encounter")
    public static let severalPatients = Code("several-patients")
  }

  /// A place in the text: a byte offset from 0; line and column, in characters, from 1.
  public struct Location: Equatable, Sendable {
    public let byteOffset: Int
    public let line: Int
    public let column: Int

    init(of byteOffset: Int, in text: [UInt8]) {
      let before = text[..<byteOffset]
      let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? before.startIndex
      self.byteOffset = byteOffset
      line = 1 + before.count { $0 == UInt8(ascii: "\n") }
      // Continuation bytes of UTF-8 have the form 10xxxxxx.
      column = 1 + before[lineStart...].count { $0 & 0xc0 != 0x80 }
    }
  }

  public let code: Code
  public let message: String
  /// Where it was noticed, if it is about one place.
  public let location: Location?

  public init(_ code: Code, _ message: String, at location: Location? = nil) {
    self.code = code
    self.message = message
    self.location = location
  }

  public var description: String {
    guard let location else { return "\(code): \(message)" }
    return """
      \(code): \(message) at line \(location.line), column \(location.column) \
      (byte \(location.byteOffset))
      """
  }
}
