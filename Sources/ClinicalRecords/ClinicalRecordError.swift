/// Why bytes are not a history that can be divided into visits.
///
/// Messages name ids, references, codes and dates of the file, as far as they are what is wrong with it,
/// on one line that cannot steer a terminal; never names of people or what was found of them.
public struct ClinicalRecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// The code as text, which stays the same from version to version.
    public init(_ description: String) { self.description = description }

    /// The text is no JSON in UTF-8.
    public static let malformedJSON = Code("malformed-json")
    /// FHIR in XML, or text that is not UTF-8.
    public static let unreadableForm = Code("unreadable-form")
    /// Not what gzip writes, or damaged.
    public static let malformedGzip = Code("malformed-gzip")
    /// More than 64 MiB, resources than a history can have, or keys than an object.
    public static let tooLarge = Code("too-large")
    /// More than 256 levels.
    public static let tooDeep = Code("too-deep")
    /// An object has a key twice.
    public static let duplicateKey = Code("duplicate-key")
    /// JSON that has not the form of FHIR resources.
    public static let notFHIR = Code("not-fhir")
    /// Another version of FHIR than R4 or R4B.
    public static let wrongVersion = Code("wrong-fhir-version")
    /// A Bundle within a Bundle, or on a line of NDJSON.
    public static let nestedBundle = Code("nested-bundle")
    /// A Bundle without an Encounter that took place has no visit.
    public static let noEncounter = Code("no-encounter")
    /// Two Encounters have one id.
    public static let duplicateEncounter = Code("duplicate-encounter")
    /// An Encounter has the id of a visit that was signed, and is another one.
    public static let otherVisit = Code("other-visit")
    /// Two resources that differ have one id, or one fullUrl.
    public static let duplicateResource = Code("duplicate-resource")
    /// A history is one patient's.
    public static let severalPatients = Code("several-patients")
    /// A resource is of another patient than the history's, or of one who cannot be told.
    public static let otherPatient = Code("other-patient")
    /// A date that FHIR does not allow, or that does not exist.
    public static let invalidDate = Code("invalid-date")
    /// A status that R4 does not have.
    public static let invalidStatus = Code("invalid-status")
    /// A reference that names nothing, but would if http were https, or capital letters small.
    public static let mismatchedReference = Code("mismatched-reference")
    /// What says whose a resource is, and is no reference of FHIR.
    public static let malformedReference = Code("malformed-reference")
    /// An id that FHIR does not allow, where it would name a patient or a visit to a hospital.
    public static let invalidID = Code("invalid-id")
  }

  /// A place in the text: a byte offset from 0; line and column, in characters, from 1.
  public struct Location: Equatable, Sendable {
    /// The file, where there are several.
    public let file: String?
    /// From 0.
    public let byteOffset: Int
    /// From 1.
    public let line: Int
    /// In characters, from 1.
    public let column: Int
    /// As `entry[2].resource.status`; nil where the text is not JSON.
    public let path: String?

    init(of byteOffset: Int, in text: [UInt8], _ file: String?, withPath: Bool = false) {
      let before = text[..<byteOffset]
      let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? before.startIndex
      self.file = file
      self.byteOffset = byteOffset
      line = 1 + before.count { $0 == UInt8(ascii: "\n") }
      // Continuation bytes of UTF-8 have the form 10xxxxxx.
      column = 1 + before[lineStart...].count { $0 & 0xc0 != 0x80 }
      let path = withPath ? JSONPath.path(to: byteOffset, in: text) : ""
      self.path = path.isEmpty ? nil : path
    }
  }

  public let code: Code
  /// For people.
  public let message: String
  /// What to do about it, if there is something.
  public let hint: String?
  /// Where it was noticed, if it is about one place.
  public let location: Location?

  /// With a code for programs, and a message for people.
  public init(_ code: Code, _ message: String, hint: String? = nil, at location: Location? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
    self.location = location
  }

  /// The same about a place, with what to do.
  func with(hint: String) -> Self { Self(code, message, hint: hint, at: location) }

  public var description: String {
    guard let location else { return "\(code): \(message)" }
    let path = location.path.map { "\($0), " } ?? ""
    return """
      \(code): \(message) at \(path)line \(location.line), column \(location.column) \
      (byte \(location.byteOffset))
      """
  }
}
