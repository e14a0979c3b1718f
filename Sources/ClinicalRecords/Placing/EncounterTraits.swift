import TerminalText

/// What of an Encounter tells it from another one of its id, as it is on another server.
struct EncounterTraits {
  let id: String?
  private let start: FHIRDateTime?
  /// Nil if it goes on.
  private let end: FHIRDateTime?
  private let provider: String
  /// By field, the server that an absolute reference names.
  private let servers: [String: String]

  /// Nil if its period is none.
  init?(_ encounter: FHIRResource) {
    id = encounter.id
    let fields = encounter.value.members
    do {
      let period: (start: FHIRDateTime?, end: FHIRDateTime?) =
        try fields["period"].map(ClinicalDates.period) ?? (nil, nil)
      start = period.start
      let isOngoing = fields["status"]?.string.map(EncounterStatus.ongoing.contains) ?? false
      end = period.end ?? (isOngoing ? nil : period.start?.dayAsWritten)
    } catch {
      return nil
    }
    provider =
      fields["serviceProvider"]?.string(at: "reference", "identifier.value", "display") ?? ""
    var servers: [String: String] = [:]
    for field in ["subject", "serviceProvider"] {
      guard let text = fields[field]?["reference"]?.string, let base = ReferenceForm.base(text)
      else { continue }
      servers[field] = String(base)
    }
    self.servers = servers
  }

  /// Whether no other hospital is called so, as Organization/1 may be on each server.
  private var isHospitalKnown: Bool {
    switch ReferenceForm(provider) {
    case .absolute, .conditional: true
    case .contained, .relative, .illegal: false
    }
  }

  /// Why this cannot be the other one, corrected; nil if it can.
  ///
  /// At one hospital an id is of one visit. Where it cannot be told that the hospital is the same, not all that can
  /// be corrected in an Encounter can have been wrong at once: the period without a common day, or its beginning
  /// together with the hospital, or the server of who is named.
  func contradiction(to other: Self) -> String? {
    for (field, server) in servers.sorted(by: { $0.key < $1.key }) {
      guard let known = other.servers[field],
        ReferenceForm.folded(known) != ReferenceForm.folded(server)
      else { continue }
      return "its \(field) is on another server, \(printable(server)) and not \(printable(known))"
    }
    if isHospitalKnown, provider == other.provider { return nil }
    guard let start, let known = other.start else { return nil }
    if end?.isCertainlyBefore(known.dayAsWritten) ?? false
      || other.end?.isCertainlyBefore(start.dayAsWritten) ?? false
    {
      return "its period has no day in common with the one that was signed"
    }
    let isOtherStart = start.isCertainlyBefore(known) || known.isCertainlyBefore(start)
    if isOtherStart, !provider.isEmpty, !other.provider.isEmpty, provider != other.provider {
      return "its serviceProvider and its beginning are others than those that were signed"
    }
    return nil
  }
}

extension FHIRHistory {
  /// Requires that Encounters of one id in several histories of one patient can be one visit, of which the later
  /// is a correction.
  ///
  /// - Throws: ``ClinicalRecordError`` with `otherVisit`.
  public static func requireOneVisitForEachID(
    _ histories: [FHIRHistory]
  ) throws(ClinicalRecordError) {
    var known: [String: [String: EncounterTraits]] = [:]
    for history in histories {
      for visit in history.visits {
        guard let encounter = visit.encounter, let traits = EncounterTraits(encounter) else {
          continue
        }
        let identity = history.patient.identity
        if let other = known[identity]?[visit.encounterID],
          let reason = traits.contradiction(to: other)
        {
          throw encounter.value.error(
            .otherVisit,
            "\(encounter.label) has the id of an Encounter of another file of this patient, and is "
              + "another visit: \(reason)"
          ).with(hint: ClinicalRecordError.otherVisitHint)
        }
        known[identity, default: [:]][visit.encounterID] = traits
      }
    }
  }
}

extension ClinicalRecordError {
  /// What to do about an Encounter that would be taken for another one.
  public static let otherVisitHint =
    "if it is another visit, give its Encounter an id of its own, as with the name of its server before "
    + "it; if it is the same, keep the Encounter as it was signed, and say what was wrong with it in a "
    + "resource that names it"
}
