/// A code of a system, as FHIR's Coding; the display is for people, as the texts of ``Visit``.
public struct Coding: Hashable, Sendable {
  /// A URL, as `http://snomed.info/sct`.
  public let system: String
  /// As the system has it.
  public let code: String
  /// What people call it; empty if the file says nothing.
  public let display: String

  /// All in a CodeableConcept, or in several, that have system and code.
  static func all(in concept: JSONValue?) throws(ClinicalRecordError) -> [Coding] {
    var found: [Coding] = []
    guard let concept else { return found }
    if concept.isArray {
      try concept.forEachElement { (element) throws(ClinicalRecordError) in
        if !element.isArray { found += try all(in: element) }
      }
      return found
    }
    try concept.members("coding")["coding"]?.forEachElement {
      (coding) throws(ClinicalRecordError) in
      let fields = try coding.members("system", "code", "display")
      guard let system = fields["system"]?.string, let code = fields["code"]?.string else { return }
      found.append(
        Coding(
          system: system, code: code, display: printable(fields["display"]?.string ?? "")))
    }
    return found
  }
}

extension Visit {
  /// What brought the patient here, as far as the history says: the Encounter's `reasonCode` and `type`,
  /// then the `code` of each Condition of the visit, each once.
  ///
  /// - Throws: ``ClinicalRecordError`` for an object that has a key twice.
  public func complaints() throws(ClinicalRecordError) -> [Coding] {
    let fields = try encounter.value.members("reasonCode", "type")
    var codings = try Coding.all(in: fields["reasonCode"]) + Coding.all(in: fields["type"])
    for resource in others where resource.type == "Condition" {
      codings += try Coding.all(in: try resource.value.members("code")["code"])
    }
    var seen: Set<Coding> = []
    return codings.filter { seen.insert($0).inserted }
  }
}
