/// Whose history it is, in words for people. The texts of ``name``, ``birthDate`` and ``gender``
/// come from the file and are made safe to print; see ``Visit``.
public struct Patient: Equatable, Sendable {
  /// The resource's id, else its fullUrl, as written; empty if the Bundle has no Patient.
  public let id: String
  public let name: String?
  public let birthDate: String?
  public let gender: String?

  init(_ patient: FHIRResource?) throws(ClinicalRecordError) {
    id = patient?.id ?? patient?.fullURL ?? ""
    let fields = try patient?.value.members("name", "birthDate", "gender") ?? [:]
    // A person can have several names, each with several given names; the first name counts.
    var names: [JSONValue] = []
    try fields["name"]?.forEachElement { (name) throws(ClinicalRecordError) in
      if names.isEmpty { names.append(name) }
    }
    let first = names.first
    let parts = try (first?.strings(at: "given") ?? []) + (first?.strings(at: "family") ?? [])
    let joined = parts.isEmpty ? nil : parts.joined(separator: " ")
    name = try (first?.string(at: "text") ?? joined).map(printable)
    birthDate = fields["birthDate"]?.string.map(printable)
    gender = fields["gender"]?.string.map(printable)
  }
}

/// Text of a file on one line of bounded length, without anything that steers a terminal: control
/// characters, line separators and invisible formatting become spaces.
func printable(_ text: String) -> String {
  let limit = 120
  var scalars = String.UnicodeScalarView()
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
      scalars.append(" ")
    default: scalars.append(scalar)
    }
  }
  let isCut = text.unicodeScalars.dropFirst(limit).first != nil
  return String(scalars) + (isCut ? "…" : "")
}
