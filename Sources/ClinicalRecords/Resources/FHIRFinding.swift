/// What one doctor finds at one visit: FHIR R4 resources, as they are to be signed.
public struct FHIRFinding: Sendable {
  /// m_k: the file as it is where it is one Bundle, else a `collection` Bundle of the resources, each byte for byte.
  public let content: [UInt8]
  /// How many resources of each type there are, in the order in which the types appear.
  public let counts: [(type: String, count: Int)]
  /// What says of itself that it is entered in error, as `Observation/o2`.
  public let enteredInError: [String]

  /// Checks what can be checked of it without its visit: that it is FHIR R4, that no resource stands there twice in
  /// two forms, and that all of them are of one patient.
  ///
  /// - Parameter files: none for a finding of nothing.
  /// - Throws: ``ClinicalRecordError``.
  public init(_ files: [HistoryFile]) throws(ClinicalRecordError) {
    let source = try HistorySource(files)
    let resources = source.resources
    let patients = resources.indices.filter { resources[$0].type == "Patient" }
    guard patients.count <= 1 else {
      throw ClinicalRecordError(
        .severalPatients,
        "there are \(patients.count) Patients, and a visit is one patient's")
    }
    let check = PatientCheck(
      resources: resources, directory: source.directory,
      isLeftOut: [Bool](repeating: false, count: resources.count))
    _ = try check.requireOne(patients.first)
    if files.count == 1, files[0].form == .bundle {
      content = Array(JSONValue(files[0].text, files[0].text.ranges[0]).bytes)
    } else {
      content = FHIRBundle.collection(of: resources.map(\.bytes))
    }
    var counts: [(type: String, count: Int)] = []
    for resource in resources {
      if let place = counts.firstIndex(where: { $0.type == resource.type }) {
        counts[place].count += 1
      } else {
        counts.append((resource.type, 1))
      }
    }
    self.counts = counts
    enteredInError = resources.filter(\.isEnteredInError).map(\.name)
  }
}
