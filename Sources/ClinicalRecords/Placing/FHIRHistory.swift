/// One patient's history, from FHIR R4: every Encounter that took place is one visit, and what belongs to
/// no visit is the supplement.
public struct FHIRHistory: Sendable {
  /// Larger texts are refused before they are looked at, and so is more that comes out of gzip: 64 MiB.
  public static let maximumByteCount = 64 << 20

  /// More resources are refused, so that a history of tiny ones takes no more memory than others.
  public static let maximumResourceCount = 262_144

  /// What is in no finding.
  public struct LeftOut: Sendable {
    /// Why nobody signs it.
    public enum Reason: String, Sendable {
      /// Whoever wrote it says that it is wrong.
      case enteredInError = "entered-in-error"
      /// The same bytes stand in the file before.
      case repeated = "repeated"
      /// Of a file of several patients: it is none's, and none's resources name it.
      case ofNoPatient = "of-no-patient"
      /// Of a file of several patients: it is one's who has no visit, and so no history.
      case withoutVisit = "patient-without-visit"
    }

    public let resource: FHIRResource
    public let reason: Reason
  }

  public let patient: Patient
  /// In the order of `period.start` as points in time; a partial date counts as its beginning in
  /// UTC; Encounters that start together stay as in the file; those without a start come last.
  public let visits: [Visit]
  /// What belongs to no visit.
  public let supplement: Visit?
  public let leftOut: [LeftOut]
  /// Encounters that are no visits, with their status; they are in the supplement, or left out.
  public let notHeld: [(encounter: FHIRResource, status: String)]

  /// The visits, then the supplement.
  public var parts: [Visit] { visits + (supplement.map { [$0] } ?? []) }

  /// Checks a file and divides it into visits.
  ///
  /// - Throws: ``ClinicalRecordError`` for what is no history of one patient in FHIR R4.
  public init(json: [UInt8]) throws(ClinicalRecordError) {
    try self.init([HistoryFile(json)])
  }

  /// Checks files that together are one history, and divides them into visits.
  ///
  /// - Throws: ``ClinicalRecordError`` for what is no history of one patient in FHIR R4.
  public init(_ files: [HistoryFile]) throws(ClinicalRecordError) {
    try self.init(HistorySource(files))
  }

  init(_ source: HistorySource) throws(ClinicalRecordError) {
    let (resources, directory) = (source.resources, source.directory)
    let isWrong = resources.map(\.isEnteredInError)
    var patients = resources.indices.filter { resources[$0].type == "Patient" }
    guard patients.count <= 1 else {
      let labels = patients.prefix(2).map { resources[$0].label }
      throw ClinicalRecordError(
        .severalPatients,
        "there are \(patients.count) Patients, as \(labels[0]) and \(labels[1]); a history is of one",
        hint: "'--split' makes a history of each")
    }
    let check = PatientCheck(
      resources: resources, directory: directory, isLeftOut: isWrong)
    if let patient = patients.last, Patient.identifier(of: resources[patient]) == nil {
      try resources[patient].requireLastingID()
    }
    let outside = try check.requireOne(patients.popLast())

    let (encounters, notHeld) = try Self.encounters(of: resources)
    self.notHeld = notHeld
    var visits: [Int: Visit] = [:]
    var byID: [String: FHIRResource] = [:]
    for index in encounters {
      try resources[index].requireLastingID()
      let visit = try Visit(resources[index])
      if let other = byID.updateValue(resources[index], forKey: visit.encounterID) {
        throw Self.duplicate(other, resources[index])
      }
      visits[index] = visit
    }
    let order = Self.order(of: visits)
    guard let first = order.first.flatMap({ visits[$0] }) else {
      throw Self.noEncounter(notHeld)
    }
    let own = resources.first { $0.type == "Patient" }
    patient =
      own.map(Patient.init) ?? outside.map { Patient(identity: $0, .reference) }
      ?? Patient(identity: Patient.identity(first.encounterID, of: "encounter"), .encounter)

    let numbers = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    var parts = order.compactMap { visits[$0] }
    let placing = try Placing(
      resources, directory, held: numbers,
      periods: VisitPeriods(parts, parts: EncounterParts(numbers, resources, directory)),
      isLeftOut: isWrong)
    parts.append(Visit(supplementOf: patient))
    Self.fill(&parts, placing, Authors(resources, directory), resources)
    let supplement = parts.removeLast()
    self.visits = parts
    self.supplement = supplement.contents.isEmpty ? nil : supplement
    leftOut =
      source.leftOut
      + resources.indices.filter { isWrong[$0] }.map {
        LeftOut(resource: resources[$0], reason: .enteredInError)
      }
  }

  /// The Encounters that took place, by index, and the others.
  private static func encounters(
    of resources: [FHIRResource]
  ) throws(ClinicalRecordError) -> (held: [Int], notHeld: [(FHIRResource, String)]) {
    var (held, notHeld): ([Int], [(FHIRResource, String)]) = ([], [])
    for (index, resource) in resources.enumerated() where resource.type == "Encounter" {
      guard try EncounterStatus.isHeld(resource) else {
        notHeld.append((resource, resource.value["status"]?.string ?? ""))
        continue
      }
      held.append(index)
    }
    return (held, notHeld)
  }

  private static func duplicate(_ a: FHIRResource, _ b: FHIRResource) -> ClinicalRecordError {
    ClinicalRecordError(
      .duplicateEncounter,
      "\(a.label) and \(b.label) have one id, by which a hospital knows a visit")
  }

  private static func noEncounter(
    _ notHeld: [(encounter: FHIRResource, status: String)]
  ) -> ClinicalRecordError {
    guard !notHeld.isEmpty else {
      return ClinicalRecordError(
        .noEncounter, "there is no Encounter, and so no visit that doctors could sign")
    }
    let list = notHeld.prefix(3).map { "\($0.encounter.label) is \($0.status)" }
    return ClinicalRecordError(
      .noEncounter, "no Encounter took place: " + list.joined(separator: ", "))
  }

  /// The indices of visits in file order, sorted by start, then position.
  private static func order(of visits: [Int: Visit]) -> [Int] {
    visits.keys.sorted { a, b in
      switch (visits[a]?.period.start, visits[b]?.period.start) {
      case (let first?, let second?) where first != second: first < second
      case (_?, nil): true
      case (nil, _?): false
      default: a < b
      }
    }
  }

  /// Puts resources into visits, the last being the supplement: the Encounter first, then in file order.
  private static func fill(
    _ parts: inout [Visit], _ placing: Placing, _ authors: Authors, _ resources: [FHIRResource]
  ) {
    var members = [[Int]](repeating: [], count: parts.count)
    for (index, place) in placing.places.enumerated() {
      guard let place else { continue }
      let part = place.visit ?? parts.count - 1
      if place.rule == .isVisit {
        members[part].insert(index, at: 0)
      } else {
        members[part].append(index)
      }
    }
    for part in parts.indices {
      // Who appears for the first time gets the next place.
      var places: [String: Int] = [:]
      parts[part].contents = members[part].compactMap { index in
        guard let rule = placing.places[index]?.rule else { return nil }
        var place: Int?
        if let author = authors.author(of: index) {
          place = places[author] ?? places.count
          places[author] = place
        }
        return Visit.Content(resource: resources[index], rule: rule, author: place)
      }
    }
  }
}
