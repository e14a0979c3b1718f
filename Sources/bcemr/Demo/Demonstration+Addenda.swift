import CanonicalEncoding
import ClinicalRecords
import Consortium

extension Demonstration {
  /// What the record of a visit from an earlier run has, with its addenda.
  struct Recorded {
    /// SHA-256 of each finding of the visit itself.
    let findings: [Digest32]
    /// In the order in which they were opened.
    let addenda: [HeldVisit]
    let resources: RecordedResources
  }

  /// Opens the record of a visit that was held before, and of all that amend it.
  ///
  /// - Parameter known: the visits of this patient, as they opened.
  func recorded(
    _ visit: NamedVisit, of history: DemoHistory, among known: [PatientHoldings.Visit]
  ) async throws -> Recorded {
    let record = try await consortium.record(of: visit, patient: history.contact)
    var resources = RecordedResources()
    for finding in record.findings { try resources.insert(finding: finding.content) }
    var addenda: [HeldVisit] = []
    for addendum in known where addendum.amends == visit && addendum.recordDigest != nil {
      let more = try await consortium.record(
        of: NamedVisit(addendum.visit, at: addendum.hospital), patient: history.contact)
      for finding in more.findings { try resources.insert(finding: finding.content) }
      addenda.append(
        HeldVisit(
          visit: addendum.visit, hospital: addendum.hospital, findings: more.digests,
          number: 0))
    }
    return Recorded(findings: record.digests, addenda: addenda, resources: resources)
  }

  /// Says what of a history is not in a record, or not any more in the history.
  func tell(_ addendum: Addendum?, lacking: Int) {
    if let addendum {
      var parts: [String] = []
      if addendum.added > 0 { parts.append("\(addendum.added) added") }
      if addendum.corrected > 0 { parts.append("\(addendum.corrected) corrected") }
      console.line(
        "  The history has what its record has not, \(parts.joined(separator: ", ")): an addendum")
      console.line("  is signed, a visit of its own that names this one.")
    }
    if lacking > 0 {
      console.line(
        "  \(Quantity.count(lacking, "resource")) of the record "
          + "\(lacking == 1 ? "is" : "are") not in this history; the record keeps what was signed.")
    }
  }
}

extension OpenedRecord {
  /// SHA-256 of each finding.
  var digests: [Digest32] { findings.map { Digest32(sha256: $0.content) } }
}
