import CanonicalEncoding
import ClinicalRecords
import Consortium

extension Demonstration {
  /// What the records from earlier runs have, each with its addenda.
  struct Recorded {
    /// A visit whose record was opened.
    struct Record {
      /// SHA-256 of each finding of the visit itself.
      let findings: [Digest32]
      /// In the order in which they were opened.
      var addenda: [HeldVisit] = []
      /// In ``Recorded/resources``.
      let number: Int
    }

    fileprivate(set) var records: [NamedVisit: Record] = [:]
    fileprivate(set) var resources = RecordedResources()

    /// The visit of which a record is, or that its addenda amend.
    func visit(ofRecord number: Int) -> NamedVisit? {
      records.first { $0.value.number == number }?.key
    }
  }

  /// Opens the records of all visits that were receipted before, and of all that amend them.
  ///
  /// - Parameter known: the visits of this patient, as they opened.
  func recorded(
    of history: DemoHistory, among known: [PatientHoldings.Visit]
  ) async throws -> Recorded {
    var recorded = Recorded()
    // What amends a visit was signed after it.
    let visits = known.filter { visit in
      visit.recordDigest != nil && (visit.isReceipted || visit.amends != nil)
    }.enumerated().sorted {
      ($0.element.openedAt, $0.element.amends == nil ? 0 : 1, $0.offset)
        < ($1.element.openedAt, $1.element.amends == nil ? 0 : 1, $1.offset)
    }
    for (_, visit) in visits {
      do {
        try await open(visit, of: history, into: &recorded)
      } catch is ConsortiumError {
        // It is told where the record is needed.
      }
    }
    return recorded
  }

  private func open(
    _ visit: PatientHoldings.Visit, of history: DemoHistory, into recorded: inout Recorded
  ) async throws {
    let named = NamedVisit(visit.visit, at: visit.hospital)
    guard let amended = visit.amends else {
      return try await open(named, of: history, into: &recorded)
    }
    // Its addenda are opened with it, later.
    guard let number = recorded.records[amended]?.number else { return }
    let record = try await consortium.record(of: named, patient: history.contact)
    try recorded.resources.insert(findings: record.findings.map(\.content), of: number)
    recorded.records[amended]?.addenda.append(
      HeldVisit(
        visit: visit.visit, hospital: visit.hospital, findings: record.digests, number: 0))
  }

  /// Opens the record of a visit with its addenda, unless that was done.
  func open(
    _ visit: NamedVisit, of history: DemoHistory, among known: [PatientHoldings.Visit],
    into recorded: inout Recorded
  ) async throws {
    if recorded.records[visit] != nil { return }
    try await open(visit, of: history, into: &recorded)
    for addendum in known where addendum.amends == visit && addendum.recordDigest != nil {
      try await open(addendum, of: history, into: &recorded)
    }
  }

  private func open(
    _ visit: NamedVisit, of history: DemoHistory, into recorded: inout Recorded
  ) async throws {
    if recorded.records[visit] != nil { return }
    let record = try await consortium.record(of: visit, patient: history.contact)
    let number = recorded.records.count
    try recorded.resources.insert(findings: record.findings.map(\.content), of: number)
    recorded.records[visit] = Recorded.Record(findings: record.digests, number: number)
  }

  /// A visit without what is signed, if it is a supplement that was not held before: what belongs to no visit by
  /// now, as that of an Encounter that was cancelled, may have been signed in one.
  ///
  /// - Returns: nil if nothing of it is left.
  func unsigned(
    _ visit: Visit, of history: DemoHistory, _ recorded: Recorded,
    among known: [PatientHoldings.Visit]
  ) -> Visit? {
    let encounter = DemoHistory.identifier(visit.encounterID)
    guard visit.kind == .supplement,
      !known.contains(where: { $0.encounter == encounter && $0.recordDigest != nil })
    else { return visit }
    let comparison = recorded.resources.comparison(of: visit, with: nil, in: history.present)
    for (record, names) in Self.byRecord(comparison.moved) {
      list(
        "Of no visit by now, signed before as it is in \(place(record, recorded)), and not again",
        names)
    }
    return comparison.addendum?.visit
  }

  /// Requires that the Encounters of visits that were held can be those of this history.
  ///
  /// - Throws: ``CommandFailure`` with `other-visit`.
  func requireSameVisits(
    _ history: DemoHistory, _ recorded: Recorded, among known: [PatientHoldings.Visit]
  ) throws(CommandFailure) {
    for visit in history.visits {
      let encounter = DemoHistory.identifier(visit.encounterID)
      for held in known where held.encounter == encounter && held.amends == nil {
        guard let record = recorded.records[NamedVisit(held.visit, at: held.hospital)],
          let reason = recorded.resources.contradiction(of: visit, toRecord: record.number)
        else { continue }
        throw CommandFailure(
          .badInput, code: "\(ClinicalRecordError.Code.otherVisit)",
          (history.path.map { "\($0): " } ?? "")
            + "\(visit.summary) has the id of the Encounter of visit \(held.visit) of \(held.hospital), "
            + "which was signed before, and is another one: \(reason)",
          hint: ClinicalRecordError.otherVisitHint)
      }
    }
  }

  // MARK: Telling

  /// Says what of a history is not in a record, or not any more in the history.
  ///
  /// - Parameter isHeld: whether the visit was held before, so that an addendum is signed.
  /// - Returns: the same for programs; nil if there is no difference.
  func tell(
    _ comparison: RecordComparison, _ recorded: Recorded, isHeld: Bool
  ) -> DemoReport.DifferenceReport? {
    let addendum = comparison.addendum
    if isHeld, let addendum {
      let parts = [
        (addendum.added.count, "added"), (addendum.corrected.count, "corrected"),
        (addendum.retracted.count, "retracted"),
      ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
      console.line(
        "  The history has what its record has not, \(parts.joined(separator: ", ")): an addendum")
      console.line("  is signed, a visit of its own that names this one.")
      list("Added", addendum.added)
      list("Corrected", addendum.corrected.filter { $0.record == nil }.map(\.name))
      list("Retracted, entered in error by now", addendum.retracted)
    }
    for (record, names) in Self.byRecord(addendum?.corrected ?? []) {
      list("Corrected, of \(place(record, recorded)), which this does not name", names)
    }
    for (record, names) in Self.byRecord(comparison.moved) where isHeld {
      list("Signed before as it is, in \(place(record, recorded)), and not again", names)
    }
    if isHeld, !comparison.elsewhere.isEmpty {
      list("In the record, and by now of another visit or of none", comparison.elsewhere)
    }
    if isHeld, !comparison.absent.isEmpty {
      let isOne = comparison.absent.count == 1
      console.line(
        "  \(Quantity.count(comparison.absent.count, "resource")) of the record "
          + "\(isOne ? "is" : "are") not in this history; the record keeps what was signed:")
      console.line("    \(Self.names(comparison.absent))")
    }
    let report = DemoReport.DifferenceReport(comparison, isHeld: isHeld) {
      recorded.visit(ofRecord: $0).map { "\($0.visit)" }
    }
    return report.isEmpty ? nil : report
  }

  /// Says what is entered in error by now and was signed, and amended by nothing: Encounters whose visits were
  /// held, and what stands in records of visits that the history has no more.
  ///
  /// - Returns: the same for programs.
  func tellRetracted(
    _ history: DemoHistory, _ recorded: Recorded, compared: Set<Int>,
    among known: [PatientHoldings.Visit]
  ) -> [String] {
    var told: [String] = []
    for (name, visit) in history.retractedVisits(among: known) {
      told.append(name)
      console.line(
        "\(name) is entered in error by now, and visit \(visit.visit) of \(visit.hospital) stands on the "
          + "ledger: nothing takes it back.")
      console.line(
        "  Keep the Encounter in the history as it was, with a resource that names it and says so: that is "
          + "signed as an addendum.")
    }
    let others = recorded.resources.retracted(in: history.present, besides: compared)
    if !others.isEmpty {
      list(
        "Entered in error by now, in records of visits that are not compared, which keep what was signed",
        others)
    }
    return told + others
  }

  private func list(_ what: String, _ names: [String]) {
    if !names.isEmpty { console.line("  \(what): \(Self.names(names))") }
  }

  private static func names(_ names: [String]) -> String {
    let shown = 5
    let rest = names.count > shown ? ", and \(names.count - shown) more" : ""
    return names.prefix(shown).joined(separator: ", ") + rest
  }

  private static func byRecord(
    _ places: [Addendum.Place]
  ) -> [(record: Int, names: [String])] {
    Dictionary(grouping: places.filter { $0.record != nil }) { $0.record ?? 0 }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.map(\.name)) }
  }

  private func place(_ record: Int, _ recorded: Recorded) -> String {
    guard let visit = recorded.visit(ofRecord: record) else { return "another record" }
    return "visit \("\(visit.visit)".prefix(8)) of \(visit.hospital)"
  }
}

extension OpenedRecord {
  /// SHA-256 of each finding.
  var digests: [Digest32] { findings.map { Digest32(sha256: $0.content) } }
}
