import TerminalText

/// Whose history it is.
///
/// The ``identity`` is made of what the file says; the other texts are for people, as those of ``Visit``.
public struct Patient: Equatable, Sendable {
  /// By what a patient is known.
  public enum Ground: String, Sendable {
    /// `Patient.identifier`.
    case identifier
    /// `Patient.id`, its server, name and birth date: there is no identifier.
    case id
    /// The reference by which all resources name the patient: there is no Patient.
    case reference
    /// The first Encounter: nothing names a patient.
    case encounter
  }

  /// Who it is, to be compared: two histories of one identity are of one patient.
  public let identity: String
  /// Where the identity is from.
  public let ground: Ground
  /// The first name of the resource: its text, else given and family names.
  public let name: String?
  /// As written.
  public let birthDate: String?
  /// As written: a code of FHIR.
  public let gender: String?
  /// `managingOrganization.reference`, else empty.
  let organization: String

  init(_ patient: FHIRResource) {
    let fields = patient.value.members
    // A person can have several names, each with several given names; the first name counts.
    let first = fields["name"].flatMap { $0.isArray ? $0.elements.first : nil }
    let parts = (first?.strings(at: "given") ?? []) + (first?.strings(at: "family") ?? [])
    let joined = parts.isEmpty ? nil : parts.joined(separator: " ")
    let written = first?.string(at: "text") ?? joined
    name = written.map(printable)
    birthDate = fields["birthDate"]?.string.map(printable)
    gender = fields["gender"]?.string.map(printable)
    organization = fields["managingOrganization"]?.string(at: "reference") ?? ""
    if let identifier = Self.identifier(of: patient) {
      (identity, ground) = (identifier, .identifier)
      return
    }
    // An id is unique on its server alone, and many servers begin with 1.
    let id = patient.id.map { "Patient/\($0)" } ?? patient.fullURL ?? ""
    let server = patient.base.map { "\($0)/" } ?? ""
    let person = [written, fields["birthDate"]?.string].compactMap(\.self)
    identity = Self.identity(([server + id] + person).joined(separator: ", "), of: "id")
    ground = .id
  }

  /// Of a file without a Patient.
  init(identity: String, _ ground: Ground) {
    (self.identity, self.ground) = (identity, ground)
    (name, birthDate, gender, organization) = (nil, nil, nil, "")
  }

  /// The identifier by which a patient is known, as ``identity(system:value:)`` has it: of those with both,
  /// the first whose `use` is official, else usual, else not said, else secondary, else temp. Never an old one.
  static func identifier(of patient: FHIRResource) -> String? {
    let ranks = ["official": 0, "usual": 1, "": 2, "secondary": 3, "temp": 4]
    var best: (rank: Int, text: String)?
    for identifier in patient.value.values(at: "identifier") {
      let fields = identifier.members
      guard let system = fields["system"]?.string, !system.isEmpty,
        let value = fields["value"]?.string, !value.isEmpty,
        let rank = ranks[fields["use"]?.string ?? ""], rank < best?.rank ?? .max
      else { continue }
      best = (rank, identity(system: system, value: value))
    }
    return best?.text
  }

  /// `system|value`, with a backslash before each `|` and backslash of both if one of them has a `|`: no
  /// other pair makes the same text.
  static func identity(system: String, value: String) -> String {
    guard system.contains("|") || value.contains("|") else { return "\(system)|\(value)" }
    func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("|", with: "\\|")
    }
    return "\(escaped(system))|\(escaped(value))"
  }

  /// An identity that is no identifier, and cannot be taken for one: with a `|` its kind stands before it.
  static func identity(_ text: String, of kind: String) -> String {
    text.contains("|") ? "#\(kind)||\(text)" : text
  }
}
