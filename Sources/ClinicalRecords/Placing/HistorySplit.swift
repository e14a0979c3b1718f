extension FHIRHistory {
  /// The histories in some files, each as a list of files: every Bundle is one, and what is in NDJSON is
  /// one together, as bulk data comes in a file for each type.
  public static func groups(_ files: [HistoryFile]) -> [[HistoryFile]] {
    var groups: [[HistoryFile]] = []
    var lines: Int?
    for file in files {
      if file.form == .lines, let group = lines {
        groups[group].append(file)
        continue
      }
      if file.form == .lines { lines = groups.count }
      groups.append([file])
    }
    return groups
  }

  /// A history for each Patient in files that together hold several, in the order of the file.
  ///
  /// What names a patient is that one's; what names none, as a Provenance, goes where what it names goes;
  /// and what is nobody's, as an Organization, goes to every patient whose resources name it. A Patient
  /// without a visit has no history: what is that one's is left out, and told with the first history.
  ///
  /// - Throws: ``ClinicalRecordError`` as for one history, and `otherPatient` for a resource of several.
  public static func split(
    _ files: [HistoryFile]
  ) throws(ClinicalRecordError) -> [FHIRHistory] {
    let source = try HistorySource(files)
    guard source.resources.count(where: { $0.type == "Patient" }) > 1 else {
      return [try FHIRHistory(source)]
    }
    let shares = try PatientShares(source)
    var held: [[Int]] = []
    var unseen = Set(source.resources.indices).subtracting(shares.nobodys)
    for share in shares.byPatient {
      var hasVisit = false
      for index in share where source.resources[index].type == "Encounter" {
        if try EncounterStatus.isHeld(source.resources[index]) { hasVisit = true }
      }
      if !hasVisit { continue }
      held.append(share)
      unseen.subtract(share)
    }
    var leftOut =
      source.leftOut
      + source.resources.indices.compactMap { index in
        let isNobodys = shares.nobodys.contains(index)
        guard isNobodys || unseen.contains(index) else { return nil }
        return LeftOut(
          resource: source.resources[index], reason: isNobodys ? .ofNoPatient : .withoutVisit)
      }
    var histories: [FHIRHistory] = []
    for share in held {
      let resources = share.map { source.resources[$0] }
      histories.append(try FHIRHistory(HistorySource(resources, leftOut: leftOut)))
      // Once is enough.
      leftOut = []
    }
    guard !histories.isEmpty else {
      throw ClinicalRecordError(
        .noEncounter, "no Patient of the file has an Encounter that took place")
    }
    return histories
  }
}

/// Which resources of a file belong to which of its Patients.
private struct PatientShares {
  /// Resources by patient, in file order; several patients can share one.
  let byPatient: [[Int]]
  let nobodys: Set<Int>

  init(_ source: HistorySource) throws(ClinicalRecordError) {
    let (resources, directory) = (source.resources, source.directory)
    let targets: [[Int]] = resources.indices.map { index in
      let value = resources[index].value
      return value.text.references(in: value.range).compactMap { range -> Int? in
        guard let text = JSONValue(value.text, range).string,
          case .found(let target) = directory.resolve(text, from: index)
        else { return nil }
        return target
      }
    }
    var owners = try Self.owners(resources, directory)
    try Self.passOn(&owners, targets, resources)

    let patients = resources.indices.filter { resources[$0].type == "Patient" }
    var isReached = [Bool](repeating: false, count: resources.count)
    var shares: [[Int]] = []
    let owned = Dictionary(grouping: resources.indices.filter { owners[$0] != nil }) { owners[$0] }
    for patient in patients {
      var share = Set(owned[patient] ?? [])
      var waiting = Array(share)
      while let index = waiting.popLast() {
        isReached[index] = true
        for target in targets[index] where owners[target] == nil && share.insert(target).inserted {
          waiting.append(target)
        }
      }
      shares.append(share.sorted())
    }
    byPatient = shares
    nobodys = Set(resources.indices.filter { !isReached[$0] })
  }

  /// Whose the resources are that name a patient.
  private static func owners(
    _ resources: [FHIRResource], _ directory: ResourceDirectory
  ) throws(ClinicalRecordError) -> [Int?] {
    let isWrong = resources.map(\.isEnteredInError)
    let check = PatientCheck(resources: resources, directory: directory, isLeftOut: isWrong)
    var owners = [Int?](repeating: nil, count: resources.count)
    for index in resources.indices {
      if resources[index].type == "Patient" { owners[index] = index }
      for (named, reference) in try check.named(by: index) where !isWrong[index] {
        guard case .patient(let patient) = named else {
          throw reference.error(
            .otherPatient, "\(resources[index].label) is of a patient who is not in the file")
        }
        guard owners[index] ?? patient == patient else {
          throw reference.error(
            .otherPatient, "\(resources[index].label) is of several Patients of the file")
        }
        owners[index] = patient
      }
    }
    return owners
  }

  /// What names no patient but what is a patient's is that patient's too, over any number of steps.
  private static func passOn(
    _ owners: inout [Int?], _ targets: [[Int]], _ resources: [FHIRResource]
  ) throws(ClinicalRecordError) {
    var namers = [[Int]](repeating: [], count: resources.count)
    for (index, list) in targets.enumerated() where owners[index] == nil {
      for target in list { namers[target].append(index) }
    }
    var waiting = resources.indices.filter { owners[$0] != nil }
    while let index = waiting.popLast() {
      for namer in namers[index] {
        guard let owner = owners[namer] else {
          owners[namer] = owners[index]
          waiting.append(namer)
          continue
        }
        guard owner == owners[index] else {
          throw resources[namer].value.error(
            .otherPatient, "\(resources[namer].label) names resources of several Patients")
        }
      }
    }
  }
}
