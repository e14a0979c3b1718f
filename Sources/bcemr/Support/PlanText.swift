import ClinicalRecords
import TerminalText

extension ClinicalRecords.Patient {
  /// As a physician would introduce the patient.
  var introduction: String {
    let facts = [name ?? "A patient", gender, birthDate.map { "born \($0)" }]
    return facts.compactMap(\.self).joined(separator: ", ")
  }

  /// What is said where a patient is not known by an identifier.
  var identityRemark: String? {
    switch ground {
    case .identifier: nil
    case .id:
      "There is no Patient.identifier: the patient is known by id, name and birth date alone."
    case .reference: "There is no Patient: the patient is known by the reference to one alone."
    case .encounter: "Nothing names a patient: the patient is known by the first Encounter alone."
    }
  }
}

extension HistoryPlan {
  /// As `4 visits and a supplement`.
  var size: String {
    Quantity.count(history.visits.count, "visit")
      + (history.supplement == nil ? "" : " and a supplement")
  }

  /// What a reader has to know beside the visits: by what the patient is known, what is no visit, what is
  /// in no finding, what is dated after now or too early, and what was placed by other rules than what it names itself.
  var remarks: [String] {
    var lines = [history.patient.identityRemark].compactMap(\.self)
    let visits = history.notHeld.map { "\($0.encounter.label) is \($0.status)" }
    lines += Self.list("No visit", visits)
    let left = history.leftOut.map { "\($0.resource.label) is \($0.reason.told)" }
    lines += Self.list("In no finding", left)
    let future = history.futureDates(now: LedgerTime.now()).map {
      "\($0.resource.label) by \(Quantity.count($0.days, "day"))"
    }
    lines += Self.list("Dated after now", future)
    for (ground, title) in [
      (EarlyDate.Ground.beforeBirth, "Dated before the patient's birth"),
      (EarlyDate.Ground.centuryBeforeVisit, "Dated a hundred years or more before its visit"),
    ] {
      let early = history.earlyDates.filter { $0.ground == ground }.map(\.resource.label)
      lines += Self.list(title, early)
    }
    for count in countsByRules {
      let place = count.isInSupplement ? "in the supplement" : "in a visit"
      lines.append(
        "\(Quantity.count(count.count, printable(count.type))) \(place): \(count.rule.explanation)."
      )
    }
    return lines
  }

  private static func list(_ title: String, _ items: [String]) -> [String] {
    let shown = items.prefix(8).map { "\(title): \($0)." }
    let more = items.count - shown.count
    return shown + (more > 0 ? ["\(title): \(more) more."] : [])
  }
}

extension FHIRHistory.LeftOut.Reason {
  fileprivate var told: String {
    switch self {
    case .enteredInError: "entered in error"
    case .repeated: "there before, with the same bytes"
    case .ofNoPatient: "of no patient"
    case .withoutVisit: "of a patient without a visit"
    }
  }
}

extension Visit {
  /// As `2024-02-06, Encounter for check up`.
  var summary: String {
    if kind == .supplement { return "supplement, what belongs to no visit" }
    return [start.map { String($0.prefix(10)) }, type ?? encounterClass, reason]
      .compactMap(\.self).joined(separator: ", ")
  }

  /// What doctor `position` of the team sees, as `1 Encounter, 3 Observations`.
  func share(ofPosition position: Int, team: Int) -> String {
    var counts: [String: Int] = [:]
    // In the order in which they appear.
    var types: [String] = []
    for (content, place) in zip(contents, places(forTeamOf: team)) where place.doctor == position {
      let type = content.resource.type
      if counts[type] == nil { types.append(type) }
      counts[type, default: 0] += 1
    }
    if types.isEmpty { return "nothing of their own" }
    return types.map { Quantity.count(counts[$0] ?? 0, printable($0)) }.joined(separator: ", ")
  }
}
