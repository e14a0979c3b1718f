/// Requires that all resources are of one patient.
struct PatientCheck {
  let resources: [FHIRResource]
  let directory: ResourceDirectory
  /// By resource: what nobody signs may be of anybody.
  let isLeftOut: [Bool]

  /// The fields by which a resource says whose it is.
  private static let fields = ["subject", "patient", "for", "beneficiary"]

  /// Whom a resource names.
  enum Named: Equatable {
    /// A Patient of the file.
    case patient(Int)
    /// One who is not in the file, by the reference.
    case other(String)
  }

  /// Whom a resource names as its patient, each with the reference.
  ///
  /// - Throws: ``ClinicalRecordError`` with `mismatchedReference`, or `otherPatient` if it cannot be told
  ///   who it is.
  func named(by index: Int) throws(ClinicalRecordError) -> [(Named, JSONValue)] {
    let resource = resources[index]
    guard resource.type != "Patient" else { return [] }
    let members = resource.value.members
    var named: [(Named, JSONValue)] = []
    for field in Self.fields {
      guard let field = members[field] else { continue }
      for reference in field.isArray ? field.elements : [field] {
        if let one = try patient(of: reference, at: index) { named.append((one, reference)) }
      }
    }
    return named
  }

  private func patient(
    of reference: JSONValue, at index: Int
  ) throws(ClinicalRecordError) -> Named? {
    let label = resources[index].label
    let text = Self.text(of: reference)
    switch directory.resolve(reference, from: index, expecting: "Patient") {
    case .nothing: return nil
    case .found(let found):
      return resources[found].type == "Patient" ? .patient(found) : nil
    case .elsewhere(let type):
      return type == nil || type == "Patient" ? .other(text) : nil
    case .contained(let contained):
      guard contained["resourceType"]?.string == "Patient" else { return nil }
      if let found = directory.find(identifiedAs: contained, type: "Patient") {
        return .patient(found)
      }
      return .other("a contained Patient without an identifier of one in the file")
    case .several:
      throw reference.error(
        .otherPatient, "\(label) is of \(text), and several Patients are called so")
    case .mismatch(let near):
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
        let label = resources[index].label
        guard case .other(let text) = named else {
          throw reference.error(.otherPatient, "\(label) is of another Patient of the file")
        }
        if let patient {
          throw reference.error(
            .otherPatient, "\(label) is of \(text), and not of \(resources[patient].label)")
        }
        if let outside, outside.text != text {
          throw reference.error(
            .otherPatient, "\(label) is of \(text), and \(outside.label) of \(outside.text)")
        }
        if outside == nil { outside = (text, label) }
      }
    }
    return outside?.text
  }

  /// A reference as people know it: its text, else its identifier.
  private static func text(of reference: JSONValue) -> String {
    if let text = reference["reference"]?.string { return printable(text) }
    let identifier = reference["identifier"]
    let parts = [identifier?["system"]?.string, identifier?["value"]?.string]
    return printable(parts.compactMap(\.self).joined(separator: "|"))
  }
}
