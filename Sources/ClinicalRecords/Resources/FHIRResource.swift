import Crypto
import TerminalText

/// A resource of a file. Resources in its `contained` are part of it.
public struct FHIRResource: Sendable {
  /// As `Observation`.
  public let type: String
  /// The resource's own `id`.
  public let id: String?
  /// What the entry calls the resource: a `urn:uuid:…` or a URL.
  public let fullURL: String?
  /// Among the entries of its Bundle, or the values of its NDJSON file, from 0.
  public let position: Int
  let value: JSONValue
  /// The server in a fullUrl `server/type/id`; nil if it is of another form.
  let base: Substring?
  /// Whether it stands in NDJSON.
  private let isLine: Bool

  /// - Parameters:
  ///   - value: the resource itself.
  ///   - entry: of the Bundle; nil for a line of NDJSON.
  init(
    _ value: JSONValue, position: Int, entry: JSONMembers?
  ) throws(ClinicalRecordError) {
    let fields = value.members
    guard let type = fields["resourceType"]?.string else {
      throw value.error(.notFHIR, "a resource has no resourceType")
    }
    guard type != "Bundle" else {
      throw value.error(.nestedBundle, "a Bundle stands among resources")
        .with(hint: "take the inner Bundle as a file of its own")
    }
    self.type = type
    id = fields["id"]?.string
    fullURL = entry?["fullUrl"]?.string
    base = fullURL.flatMap(ReferenceForm.base)
    (self.position, self.value, isLine) = (position, value, entry == nil)
  }

  /// The resource as it was written: a slice of the text it came from.
  public var bytes: ArraySlice<UInt8> { value.bytes }

  /// Where it stands, as `entry[3]`, or `line 4 of Patient.ndjson`; lines count from 1, without empty ones.
  public var place: String {
    guard isLine else { return "entry[\(position)]" }
    return "line \(position + 1)" + (value.text.name.map { " of \($0)" } ?? "")
  }

  /// As `Observation/o2 (entry[3])`, for people.
  public var label: String { "\(name) (\(printable(place, limit: .max)))" }

  /// As `Observation/o2`, for people.
  public var name: String { printable(type + (id.map { "/\($0)" } ?? "")) }

  /// By what it is known to a hospital: its id, else its fullUrl, else `#` and the first 16 bytes of
  /// SHA-256 of its bytes in hexadecimal digits, which are the same wherever it stands in the file.
  var lastingID: String { id ?? fullURL ?? contentID }

  /// Requires that what it is known by is what FHIR allows: an id of at most 64 letters, digits, `-` and `.`, and
  /// without one a fullUrl that is a URL or URN. No id is then taken for anything else that names a visit or a
  /// patient.
  ///
  /// - Throws: ``ClinicalRecordError`` with `invalidID`.
  func requireLastingID() throws(ClinicalRecordError) {
    let fields = value.members
    if let written = fields["id"] {
      guard let id, (1...64).contains(id.utf8.count), id.utf8.allSatisfy(Self.isOfID) else {
        throw written.error(
          .invalidID,
          "\(label): an id has 1 to 64 letters, digits, '-' and '.', and a hospital would know this by it"
        )
      }
      return
    }
    guard let fullURL else { return }
    guard case .absolute = ReferenceForm(fullURL) else {
      throw value.error(
        .invalidID,
        "\(label) has no id, and its fullUrl, by which a hospital would know it, is no URL")
    }
  }

  private static func isOfID(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2d
      || byte == 0x2e
  }

  /// What it is called if nothing in the file names it.
  var contentID: String {
    let digits = Array("0123456789abcdef")
    let hash = SHA256.hash(data: Array(bytes)).prefix(16)
    return "#" + String(hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  /// `status`, or for what has none, the code of `verificationStatus`.
  var isEnteredInError: Bool {
    let fields = value.members
    let error = "entered-in-error"
    return fields["status"]?.string == error
      || fields["verificationStatus"]?.strings(at: "coding.code").contains(error) == true
  }
}
