/// Whose history it is.
///
/// The ``id`` is what the file says; the other texts are for people, as those of ``Visit``.
public struct Patient: Equatable, Sendable {
  /// The resource's id, else its fullUrl, as written; empty if the Bundle has no Patient.
  public let id: String
  /// The first name of the resource: its text, else given and family names.
  public let name: String?
  /// As written.
  public let birthDate: String?
  /// As written: a code of FHIR.
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
