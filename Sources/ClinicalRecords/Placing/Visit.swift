import TerminalText

/// One visit: an Encounter and the resources that belong to it. Or the supplement of a history: what belongs
/// to no visit, to be signed as such.
///
/// ``encounterID`` and ``serviceProvider`` are what the file says, to be hashed and compared. The
/// other texts are for people: at most 120 characters on one line, safe to print on a terminal.
public struct Visit: Sendable {
  /// What it is.
  public enum Kind: String, Sendable {
    case encounter
    case supplement
  }

  /// A resource in its place.
  public struct Content: Sendable {
    public let resource: FHIRResource
    public let rule: PlacementRule
    /// Who made it: the practitioners of the visit from 0, in the order in which they appear in it.
    let author: Int?
  }

  public let kind: Kind
  /// The Encounter's id, else its fullUrl, else `#` and the first 16 bytes of SHA-256 of its bytes in
  /// hexadecimal digits; unique in a history.
  /// Of a supplement `#supplement`.
  public let encounterID: String
  /// What identifies the hospital: `serviceProvider.reference`, else its `identifier.value`, else
  /// its `display`, else empty. Of a supplement the patient's `managingOrganization.reference`.
  public let serviceProvider: String
  /// `class`: its display, else its code, as `AMB`.
  public let encounterClass: String?
  /// `type`: its text, else its coding's display.
  public let type: String?
  /// `reasonCode`: its text, else its coding's display.
  public let reason: String?
  /// `period.start`, as `2012-07-01T15:22:50+00:00`, `2012-07` or another dateTime of FHIR.
  public let start: String?
  /// `period.end`, in the same forms.
  public let end: String?

  /// The Encounter itself; a supplement has none.
  public let encounter: FHIRResource?
  /// The Encounter, then the others in the order of the file.
  public internal(set) var contents: [Content] = []

  /// `period`.
  let period: (start: FHIRDateTime?, end: FHIRDateTime?)
  /// Whether its status says that it has begun and not ended.
  let isOngoing: Bool

  /// All resources: the Encounter, then the others in file order.
  public var resources: [FHIRResource] { contents.map(\.resource) }

  /// All resources but the Encounter.
  public var others: [FHIRResource] {
    contents.filter { $0.rule != .isVisit }.map(\.resource)
  }

  /// - Throws: ``ClinicalRecordError`` with `invalidDate` for a period that is none.
  init(_ encounter: FHIRResource) throws(ClinicalRecordError) {
    kind = .encounter
    self.encounter = encounter
    encounterID = encounter.lastingID
    let fields = encounter.value.members
    serviceProvider =
      fields["serviceProvider"]?.string(at: "reference", "identifier.value", "display") ?? ""
    encounterClass = fields["class"]?.string(at: "display", "code").map(printable)
    type = fields["type"]?.string(at: "text", "coding.display").map(printable)
    reason = fields["reasonCode"]?.string(at: "text", "coding.display").map(printable)
    let written = fields["period"]
    period = try written.map(ClinicalDates.period) ?? (nil, nil)
    start = written?["start"]?.string.map(printable)
    end = written?["end"]?.string.map(printable)
    isOngoing =
      fields["status"]?.string.map(EncounterStatus.ongoing.contains) ?? false
  }

  /// The supplement of a patient's history.
  init(supplementOf patient: Patient) {
    (kind, encounterID) = (.supplement, "#supplement")
    serviceProvider = patient.organization
    (encounterClass, type, reason, start, end, encounter) = (nil, nil, nil, nil, nil, nil)
    (period, isOngoing) = ((nil, nil), false)
  }
}

/// The codes of `Encounter.status` in R4.
enum EncounterStatus {
  /// Begun, and not ended.
  static let ongoing: Set<String> = ["arrived", "triaged", "in-progress", "onleave"]
  /// No visit.
  static let notHeld: Set<String> = ["planned", "cancelled", "entered-in-error"]
  private static let others: Set<String> = ["finished", "unknown"]

  /// Whether an Encounter took place; one without a status did.
  ///
  /// - Throws: ``ClinicalRecordError`` with `invalidStatus` for a status that R4 does not have.
  static func isHeld(_ encounter: FHIRResource) throws(ClinicalRecordError) -> Bool {
    guard let value = encounter.value["status"] else { return true }
    let status = value.string ?? ""
    guard ongoing.union(notHeld).union(others).contains(status) else {
      throw value.error(
        .invalidStatus, "\(encounter.label): R4 has no status \(printable(status))"
      ).with(hint: "R5 has others; convert it, as HL7's FHIR validator does with '-to-version 4.0'")
    }
    return !notHeld.contains(status)
  }
}
