import TerminalText

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
      for reference in try Self.references(at: field.path, in: members, of: resources[index]) {
        if let one = try patient(of: reference, at: index, isOpen: field.isOpen) {
          named.append((one, reference))
        }
      }
    }
    return named
  }

  /// What stands at a path. FHIR has an object there, or an array of objects: all else would be read by some
  /// and passed over by others.
  ///
  /// - Throws: ``ClinicalRecordError`` with `malformedReference`.
  private static func references(
    at path: String, in members: JSONMembers, of resource: FHIRResource
  ) throws(ClinicalRecordError) -> [JSONValue] {
    var found: [JSONValue] = []
    for (step, name) in path.split(separator: ".").enumerated() {
      let values =
        step == 0
        ? [members[String(name)]].compactMap(\.self) : found.compactMap { $0[String(name)] }
      found = values.flatMap { $0.isArray ? $0.elements : [$0] }
      if let wrong = found.first(where: { !$0.isObject }) {
        throw malformed(wrong, "\(name) is no object", of: resource)
      }
    }
    for reference in found { try requireForm(reference, of: resource) }
    return found
  }

  private static func requireForm(
    _ reference: JSONValue, of resource: FHIRResource
  ) throws(ClinicalRecordError) {
    let fields = reference.members
    for name in ["reference", "type"] {
      guard let value = fields[name] else { continue }
      guard let text = value.string, !text.isEmpty else {
        throw malformed(value, "\(name) is no text", of: resource)
      }
      if name == "reference", ReferenceForm(text) == .illegal {
        throw malformed(value, "\(printable(text)) is neither type/id nor a URL", of: resource)
      }
    }
    guard let identifier = fields["identifier"] else { return }
    guard identifier.isObject else {
      throw malformed(identifier, "identifier is no object", of: resource)
    }
    let parts = identifier.members
    for name in ["system", "value"] {
      if let value = parts[name], value.string?.isEmpty ?? true {
        throw malformed(value, "\(name) is no text", of: resource)
      }
    }
  }

  private static func malformed(
    _ value: JSONValue, _ what: String, of resource: FHIRResource
  ) -> ClinicalRecordError {
    value.error(
      .malformedReference, "\(resource.label) does not say whose it is as FHIR does: \(what)")
  }

  private func patient(
    of reference: JSONValue, at index: Int, isOpen: Bool
  ) throws(ClinicalRecordError) -> Named? {
    switch directory.resolve(reference, from: index, expecting: "Patient") {
    case .nothing: return nil
    case .found(let found):
      return resources[found].type == "Patient" ? .patient(found) : nil
    case .elsewhere(let type):
      if !isOpen, reference["reference"]?.string?.hasPrefix("#") == true {
        let text = printable(Self.text(of: reference))
        throw Self.malformed(
          reference, "\(text) is not contained in it", of: resources[index])
      }
      let shown = reference["reference"] == nil && isOpen ? nil : type
      let said = isOpen ? shown ?? Self.saidType(of: reference) : type ?? "Patient"
      return said == "Patient" ? .other(Self.text(of: reference)) : nil
    case .contained(let contained):
      guard let type = contained.type else {
        throw Self.malformed(
          reference, "what is contained has no resourceType, or several have its id",
          of: resources[index])
      }
      guard type == "Patient" else { return nil }
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
  /// - Returns: the identity that the references to a patient make who is not in the file; nil if there are
  ///   none.
  func requireOne(_ patient: Int?) throws(ClinicalRecordError) -> String? {
    var outside: (text: String, label: String, identity: String)?
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
        outside = (text, label, Self.identity(by: reference))
      }
    }
    return outside?.identity
  }

  /// The type of what a reference names, as far as it says so.
  private static func type(of reference: JSONValue) -> String? {
    switch reference["reference"]?.string.map(ReferenceForm.init) {
    case .relative(let type, _), .absolute(_, let type?, _), .conditional(let type, _): type
    default: saidType(of: reference) ?? "Patient"
    }
  }

  /// `Reference.type`.
  private static func saidType(of reference: JSONValue) -> String? {
    reference["type"]?.string.map { ResourceDirectory.typeName($0, expecting: "Patient") }
  }

  /// By what a patient is known whom this reference names.
  private static func identity(by reference: JSONValue) -> String {
    guard reference["reference"]?.string == nil, let identifier = reference["identifier"],
      let system = identifier["system"]?.string, let value = identifier["value"]?.string
    else { return Patient.identity(text(of: reference), of: "reference") }
    return Patient.identity(system: system, value: value)
  }

  /// A reference as the file has it: its text, else its identifier.
  private static func text(of reference: JSONValue) -> String {
    if let text = reference["reference"]?.string { return text }
    let identifier = reference["identifier"]
    let parts = [identifier?["system"]?.string, identifier?["value"]?.string]
    return parts.compactMap(\.self).joined(separator: "|")
  }
}
