/// Why bytes are not a history that can be divided into visits.
///
/// Messages name places and keys of the format, never a value found in the text.
public struct ClinicalRecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// The code as text, which stays the same from version to version.
    public init(_ description: String) { self.description = description }

    /// The text is no JSON in UTF-8.
    public static let malformedJSON = Code("malformed-json")
    /// More than 64 MiB.
    public static let tooLarge = Code("too-large")
    /// More than 256 levels.
    public static let tooDeep = Code("too-deep")
    /// An object that is looked into has a key twice.
    public static let duplicateKey = Code("duplicate-key")
    /// JSON that has not the form of FHIR resources.
    public static let notFHIR = Code("not-fhir")
    /// A resource that is no Bundle.
    public static let notBundle = Code("not-bundle")
    /// A Bundle without an Encounter has no visit.
    public static let noEncounter = Code("no-encounter")
    /// Two Encounters have one id.
    public static let duplicateEncounter = Code("duplicate-encounter")
    /// A history is one patient's.
    public static let severalPatients = Code("several-patients")
  }

  /// A place in the text: a byte offset from 0; line and column, in characters, from 1.
  public struct Location: Equatable, Sendable {
    /// From 0.
    public let byteOffset: Int
    /// From 1.
    public let line: Int
    /// In characters, from 1.
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
  /// For people; names no value of the text.
  public let message: String
  /// Where it was noticed, if it is about one place.
  public let location: Location?

  /// With a code for programs, and a message for people.
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
