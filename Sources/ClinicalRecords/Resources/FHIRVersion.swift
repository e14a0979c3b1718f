import TerminalText

/// Which version of FHIR a resource is written in, as far as it shows.
///
/// R4 and R4B are read. Most resources show nothing: their fields are the same in several versions, and
/// they count as R4. What shows another version are a base profile with its version, a `fhirVersion`, a type
/// or a field that R4 does not have, or a field that has another form there.
enum FHIRVersion {
  private enum Shape {
    case any, object, array, string
  }

  /// - Throws: ``ClinicalRecordError`` with `wrongVersion`, which names path and version.
  static func requireR4(_ resource: FHIRResource) throws(ClinicalRecordError) {
    let fields = resource.value.members
    try requireR4(profilesOf: resource.value, fields)
    if let version = types[resource.type] {
      throw refusal(
        resource.value, "\(resource.label): the type \(resource.type) is of \(version)")
    }
    for value in resource.value.values(at: "fhirVersion") {
      if let text = value.string, let version = name(ofVersion: text) {
        throw refusal(value, "\(resource.label): fhirVersion is that of \(version)")
      }
    }
    for (path, shape, version) in fieldsByType[resource.type] ?? [] {
      // Without a dot there is one member to look for.
      let parts = path.split(separator: ".").map(String.init)
      let values = parts.count == 1 ? [fields[path]].compactMap(\.self) : deep(fields, parts)
      for value in values where has(value, shape) {
        throw refusal(value, "\(resource.label): \(path), so written, is of \(version)")
      }
    }
  }

  /// - Parameter value: a resource, also the Bundle itself.
  static func requireR4(
    profilesOf value: JSONValue, _ fields: JSONMembers
  ) throws(ClinicalRecordError) {
    for profile in fields["meta"]?.values(at: "profile") ?? [] {
      guard let url = profile.string, let version = name(ofProfile: url) else { continue }
      throw refusal(profile, "the profile \(printable(url)) is of \(version)")
    }
  }

  private static func refusal(_ value: JSONValue, _ message: String) -> ClinicalRecordError {
    value.error(.wrongVersion, message + "; R4 and R4B are read")
      .with(
        hint:
          "ask its source for R4 (fhirVersion=4.0), or convert it, as HL7's FHIR validator does "
          + "with '-to-version 4.0'")
  }

  private static func deep(_ fields: JSONMembers, _ parts: [String]) -> [JSONValue] {
    fields[parts[0]]?.values(at: parts.dropFirst().joined(separator: ".")) ?? []
  }

  private static func has(_ value: JSONValue, _ shape: Shape) -> Bool {
    switch shape {
    case .any: true
    case .object: value.isObject
    case .array: value.isArray
    case .string: value.isString
    }
  }

  /// Nil for R4, R4B, and what is no version.
  private static func name(ofVersion text: String) -> String? {
    if text.hasPrefix("4.0") || text.hasPrefix("4.1") || text.hasPrefix("4.3") { return nil }
    let names = [
      "0": "DSTU1", "1": "DSTU2", "3": "STU3", "4": "a draft of R5", "5": "R5", "6": "R6",
    ]
    return text.split(separator: ".").first.flatMap { names[String($0)] }
  }

  /// The version of FHIR that the canonical URL of a profile names: behind `|` where the profile is one of
  /// FHIR itself, or in its path. The version of an implementation guide says nothing.
  private static func name(ofProfile url: String) -> String? {
    let core = "http://hl7.org/fhir/"
    if url.hasPrefix(core) {
      let rest = url.dropFirst(core.count)
      if rest.hasPrefix("StructureDefinition/"), let bar = rest.lastIndex(of: "|") {
        return name(ofVersion: String(rest[rest.index(after: bar)...]))
      }
      let folder = rest.prefix { $0 != "/" }
      if let first = folder.utf8.first, (0x30...0x39).contains(first) {
        return name(ofVersion: String(folder))
      }
    }
    if url.hasPrefix("http://fhir.org/guides/argonaut/") { return "DSTU2" }
    let folders = Set(url.split(separator: "/").map { $0.uppercased() })
    return ["DSTU2", "STU3", "R5"].first { folders.contains($0) }
  }

  private static let older = "STU3 or DSTU2"

  /// Types that R4 does not have.
  private static let types: [String: String] = {
    var types: [String: String] = [:]
    func add(_ version: String, _ names: String) {
      for name in names.split(separator: " ") { types[String(name)] = version }
    }
    add(
      "DSTU2",
      "MedicationOrder DiagnosticOrder Conformance DeviceUseRequest ImagingObjectSelection Order "
        + "OrderResponse")
    add(
      older,
      "ProcedureRequest ReferralRequest BodySite EligibilityRequest EligibilityResponse "
        + "ProcessRequest ProcessResponse DataElement DeviceComponent")
    add("STU3", "ImagingManifest Sequence ExpansionProfile ServiceDefinition")
    add(
      "R5",
      "ActorDefinition ArtifactAssessment BiologicallyDerivedProductDispense ConditionDefinition "
        + "DeviceAssociation DeviceDispense DeviceUsage EncounterHistory FormularyItem GenomicStudy "
        + "ImagingSelection InventoryItem InventoryReport NutritionIntake Permission Requirements "
        + "TestPlan Transport")
    return types
  }()

  private static let fieldsByType: [String: [(String, Shape, String)]] = [
    "AllergyIntolerance": [
      ("type", .object, "R5"), ("participant", .any, "R5"), ("clinicalStatus", .string, "STU3"),
      ("verificationStatus", .string, "STU3"), ("assertedDate", .any, "STU3"),
      ("substance", .any, "DSTU2"),
    ],
    "CarePlan": [("context", .any, "STU3")],
    "ClinicalImpression": [("context", .any, "STU3")],
    "Condition": [
      ("participant", .any, "R5"), ("clinicalStatus", .string, older),
      ("verificationStatus", .string, older), ("assertedDate", .any, "STU3"),
      ("context", .any, "STU3"), ("dateRecorded", .any, "DSTU2"),
    ],
    "DiagnosticReport": [("context", .any, "STU3"), ("codedDiagnosis", .any, older)],
    "DocumentReference": [
      ("context", .array, "R5"), ("attester", .any, "R5"), ("indexed", .any, older),
      ("class", .any, older),
    ],
    "Encounter": [
      ("actualPeriod", .any, "R5"), ("plannedStartDate", .any, "R5"),
      ("plannedEndDate", .any, "R5"), ("admission", .any, "R5"), ("subjectStatus", .any, "R5"),
      ("virtualService", .any, "R5"), ("careTeam", .any, "R5"), ("class", .array, "R5"),
      ("participant.actor", .any, "R5"), ("reason.value", .any, "R5"),
      ("reason.use", .any, "R5"), ("reason", .any, older), ("indication", .any, older),
      ("class", .string, "DSTU2"),
    ],
    "Immunization": [
      ("administeredProduct", .any, "R5"), ("informationSource", .any, "R5"),
      ("notGiven", .any, "STU3"), ("wasNotGiven", .any, "DSTU2"), ("date", .any, older),
      ("vaccinationProtocol", .any, older),
    ],
    "MedicationAdministration": [
      ("medication", .object, "R5"), ("notGiven", .any, "STU3"), ("wasNotGiven", .any, "DSTU2"),
    ],
    "MedicationDispense": [("medication", .object, "R5"), ("notDone", .any, "STU3")],
    "MedicationRequest": [
      ("medication", .object, "R5"), ("context", .any, "STU3"), ("requester.agent", .any, "STU3"),
    ],
    "MedicationStatement": [
      ("medication", .object, "R5"), ("adherence", .any, "R5"), ("taken", .any, "STU3"),
      ("wasNotTaken", .any, "DSTU2"),
    ],
    "Observation": [
      ("triggeredBy", .any, "R5"), ("bodyStructure", .any, "R5"), ("context", .any, "STU3"),
      ("related", .any, older), ("comment", .any, "STU3"), ("comments", .any, "DSTU2"),
      ("category", .object, "DSTU2"),
    ],
    "Patient": [("animal", .any, older), ("careProvider", .any, "DSTU2")],
    "Practitioner": [
      ("role", .any, "STU3"), ("practitionerRole", .any, "DSTU2"), ("name", .object, "DSTU2"),
    ],
    "Procedure": [
      ("occurrenceDateTime", .any, "R5"), ("occurrencePeriod", .any, "R5"),
      ("context", .any, "STU3"), ("notDone", .any, "STU3"), ("notPerformed", .any, "DSTU2"),
    ],
  ]
}
