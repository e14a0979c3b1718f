/// Requires that all resources are of one patient.
struct PatientCheck {
  let resources: [FHIRResource]
  let directory: ResourceDirectory
  /// By resource: what nobody signs may be of anybody.
  let isLeftOut: [Bool]

  /// Where a resource says whose it is.
  private struct Field {
    /// As `participant.actor`.
    let path: String
    /// Whether others than patients stand there as well, so that what shows no type is none.
    var isOpen = false
    /// Whether it says so only where nothing else does.
    var isLast = false
  }

  /// Of all types.
  private static let common = [
    Field(path: "subject"), Field(path: "patient"), Field(path: "for"), Field(path: "beneficiary"),
  ]

  /// Of some types of R4. Who asked, answers, pays, performs, is told or is related is not whose it is;
  /// nor is the focus of what has a subject: a parent, a foetus, a donor.
  private static let special: [String: [Field]] = [
    "Appointment": [Field(path: "participant.actor", isOpen: true)],
    "AppointmentResponse": [Field(path: "actor", isOpen: true)],
    "AuditEvent": [Field(path: "entity.what", isOpen: true)],
    "Composition": [Field(path: "section.focus", isOpen: true, isLast: true)],
    "DocumentReference": [Field(path: "context.sourcePatientInfo")],
    "EnrollmentRequest": [Field(path: "candidate")],
    "Group": [Field(path: "member.entity", isOpen: true)],
    "MessageHeader": [Field(path: "focus", isOpen: true)],
    "Observation": [Field(path: "focus", isOpen: true, isLast: true)],
    "Provenance": [Field(path: "target", isOpen: true)],
    "ResearchSubject": [Field(path: "individual")],
    "Schedule": [Field(path: "actor", isOpen: true)],
    "Task": [Field(path: "focus", isOpen: true, isLast: true)],
    "VerificationResult": [Field(path: "target", isOpen: true)],
  ]

  /// Whom a resource names.
  enum Named: Equatable {
    /// A Patient of the file.
    case patient(Int)
    /// One who is not in the file, by the reference.
    case other(String)
  }

  /// Whom a resource names as its patient, it and all that are within it, each with the reference.
  ///
  /// - Throws: ``ClinicalRecordError`` with `mismatchedReference`, or `otherPatient` if it cannot be told
  ///   who it is.
  func named(by index: Int) throws(ClinicalRecordError) -> [(Named, JSONValue)] {
    let value = resources[index].value
    var named: [(Named, JSONValue)] = []
    // The resource itself first.
    for range in value.text.resources(in: value.range).reversed() {
      try named += self.named(in: JSONValue(value.text, range), of: index)
    }
    return named
  }

  /// - Parameter resource: that of this index, or one within it.
  private func named(
    in resource: JSONValue, of index: Int
  ) throws(ClinicalRecordError) -> [(Named, JSONValue)] {
    let members = resource.members
    guard let type = members["resourceType"]?.string, type != "Patient" else { return [] }
    var named: [(Named, JSONValue)] = []
    for field in Self.common + (Self.special[type] ?? []) where !field.isLast || named.isEmpty {
      let parts = field.path.split(separator: ".", maxSplits: 1)
      guard let value = members[String(parts[0])] else { continue }
      let references =
        parts.count > 1
        ? value.values(at: String(parts[1])) : value.isArray ? value.elements : [value]
      for reference in references {
        if let one = try patient(of: reference, at: index, isOpen: field.isOpen) {
          named.append((one, reference))
        }
      }
    }
    return named
  }

  private func patient(
    of reference: JSONValue, at index: Int, isOpen: Bool
  ) throws(ClinicalRecordError) -> Named? {
    switch directory.resolve(reference, from: index, expecting: "Patient") {
    case .nothing: return nil
    case .found(let found):
      return resources[found].type == "Patient" ? .patient(found) : nil
    case .elsewhere(let type):
      let shown = reference["reference"] == nil && isOpen ? nil : type
      let said = isOpen ? shown ?? reference["type"]?.string : type ?? "Patient"
      return said == "Patient" ? .other(Self.text(of: reference)) : nil
    case .contained(let contained):
      guard contained.type == "Patient" else { return nil }
      if let found = contained.twin { return .patient(found) }
      return .other("a contained Patient without an identifier of one in the file")
    case .several:
      if isOpen, Self.type(of: reference) != "Patient" { return nil }
      let (label, text) = (resources[index].label, printable(Self.text(of: reference)))
      throw reference.error(
        .otherPatient, "\(label) is of \(text), and several Patients are called so")
    case .mismatch(let near):
      if isOpen, resources[near].type != "Patient" { return nil }
      let (label, text) = (resources[index].label, printable(Self.text(of: reference)))
      throw reference.error(
        .mismatchedReference,
        "\(label) is of \(text), and \(resources[near].label) is "
          + printable(resources[near].fullURL ?? ""))
    }
  }

  /// Requires that no resource names another patient.
  ///
  /// - Parameter patient: the Patient of the history, if there is one.
  /// - Returns: how resources name a patient who is not in the file; nil if none does.
  func requireOne(_ patient: Int?) throws(ClinicalRecordError) -> String? {
    var outside: (text: String, label: String)?
    for index in resources.indices where !isLeftOut[index] {
      for (named, reference) in try named(by: index) where named != patient.map({ .patient($0) }) {
        if named == outside.map({ .other($0.text) }) { continue }
        let label = resources[index].label
        guard case .other(let text) = named else {
          throw reference.error(.otherPatient, "\(label) is of another Patient of the file")
        }
        if let patient {
          throw reference.error(
            .otherPatient,
            "\(label) is of \(printable(text)), and not of \(resources[patient].label)")
        }
        if let outside {
          throw reference.error(
            .otherPatient,
            "\(label) is of \(printable(text)), and \(outside.label) of "
              + printable(outside.text))
        }
        outside = (text, label)
      }
    }
    return outside?.text
  }

  /// The type of what a reference names, as far as it says so.
  private static func type(of reference: JSONValue) -> String? {
    switch reference["reference"]?.string.map(ReferenceForm.init) {
    case .relative(let type, _), .absolute(_, let type?, _), .conditional(let type, _): type
    default: reference["type"]?.string ?? "Patient"
    }
  }

  /// A reference as the file has it: its text, else its identifier.
  private static func text(of reference: JSONValue) -> String {
    if let text = reference["reference"]?.string { return text }
    let identifier = reference["identifier"]
    let parts = [identifier?["system"]?.string, identifier?["value"]?.string]
    return parts.compactMap(\.self).joined(separator: "|")
  }
}
