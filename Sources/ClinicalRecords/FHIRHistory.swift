/// One patient's history, from a FHIR R4 Bundle: every Encounter in it is one visit.
///
/// A resource belongs to the first Encounter of the Bundle that it names in `encounter`,
/// `context`, `context.encounter` or `item.encounter`; one that names none, as Patient or
/// Organization, belongs to the first visit.
public struct FHIRHistory: Sendable {
  /// Larger texts are refused before they are looked at: 64 MiB.
  public static let maximumByteCount = 64 << 20

  public let patient: Patient
  /// In the order of `period.start` as points in time; a partial date counts as its beginning in
  /// UTC; Encounters that start together stay as in the file; those whose start is missing or not
  /// a FHIR dateTime come last.
  public let visits: [Visit]

  /// Checks a Bundle and divides it into visits.
  ///
  /// - Throws: ``ClinicalRecordError`` if the bytes are more than ``maximumByteCount``, not JSON,
  ///   not a Bundle, hold no Encounter, two of one id, or several Patients, or if an object that
  ///   is looked into has a key twice that is looked for.
  public init(json: [UInt8]) throws(ClinicalRecordError) {
    let resources = try FHIRBundle.entries(in: json)
    let encounters = resources.indices.filter { resources[$0].type == "Encounter" }
    guard !encounters.isEmpty else {
      throw ClinicalRecordError(.noEncounter, "the Bundle has no Encounter")
    }
    let patients = resources.filter { $0.type == "Patient" }
    guard patients.count <= 1 else {
      throw ClinicalRecordError(
        .severalPatients, "the Bundle has several Patients; a history is of one")
    }
    patient = try Patient(patients.first)

    // Each resource goes to the place of its Encounter in the file; the visits are put in order
    // only then.
    var visits: [Visit] = []
    for position in encounters {
      visits.append(try Visit(resources[position], fallbackID: "#\(position)"))
    }
    guard Set(visits.map(\.encounterID)).count == visits.count else {
      throw ClinicalRecordError(.duplicateEncounter, "two Encounters share an id")
    }
    let directory = try EncounterDirectory(visits.map(\.encounter))
    let order = Self.order(of: visits)
    for resource in resources where resource.type != "Encounter" {
      let index = try Self.encounterReferences(in: resource).lazy.compactMap {
        directory.index(of: $0, from: resource.fullURL)
      }.first
      visits[index ?? order[0]].others.append(resource)
    }
    self.visits = order.map { visits[$0] }
  }

  /// The indices of visits in file order, sorted by start, then position.
  private static func order(of visits: [Visit]) -> [Int] {
    visits.map { $0.start.flatMap(FHIRInstant.init) }.enumerated().sorted { a, b in
      switch (a.element, b.element) {
      case (let first?, let second?) where first != second: first < second
      case (_?, nil): true
      case (nil, _?): false
      default: a.offset < b.offset
      }
    }.map(\.offset)
  }

  private static func encounterReferences(
    in resource: FHIRResource
  ) throws(ClinicalRecordError) -> [String] {
    let fields = try resource.value.members("encounter", "context", "item")
    return try (fields["encounter"]?.strings(at: "reference") ?? [])
      + (fields["context"]?.strings(at: "reference") ?? [])
      + (fields["context"]?.strings(at: "encounter.reference") ?? [])
      + (fields["item"]?.strings(at: "encounter.reference") ?? [])
  }
}
