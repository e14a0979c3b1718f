import ArgumentParser
import ClinicalRecords
import TerminalText

struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Show what of a history would be signed in which visit by which doctor; sign nothing.",
    discussion: """
      For each resource: the visit in which it lies, by which rule, the doctor's place in the team, and \
      why it is that doctor's. What belongs to no visit is in a supplement, which has a team of its own. \
      Encounters that did not take place, and what is in no finding, are named.
      """)

  @Argument(
    help:
      "FHIR R4 in JSON: a Bundle, or NDJSON; also packed by gzip. NDJSON files are one history. - is stdin."
  )
  var files: [String]

  @Option(help: ArgumentHelp("How many doctors sign a visit, 1 to 16.", valueName: "n"))
  var doctors = 3

  @Flag(help: "Make a history of each patient of a file.")
  var split = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard Visit.teamSizes.contains(doctors) else {
      throw ValidationError("--doctors is 1 to 16")
    }
  }

  func run() async throws {
    let inputs = try HistoryInput.read(files, splits: split)
    let plans = inputs.map { ($0.paths, HistoryPlan($0.history, teamSize: doctors)) }
    if output.json {
      Console.write(PlanReport(plans))
      return
    }
    for (index, (paths, plan)) in plans.enumerated() {
      if index > 0 { output.console.line() }
      plan.print(paths, to: output.console)
    }
  }
}

/// The JSON of `bcemr plan --json` (docs/command-line.md).
struct PlanReport: Encodable {
  struct History: Encodable {
    let files: [String]
    let patient: String
    let identity: String
    let identityFrom: String
    let teamSize: Int
    let parts: [Part]
    let notHeld: [Resource]
    let leftOut: [Resource]
    let future: [Resource]
    let early: [Resource]
    let counts: [Count]
  }

  struct Part: Encodable {
    let kind: String
    let encounter: String
    let start: String?
    let end: String?
    let resources: [Resource]
  }

  struct Resource: Encodable {
    let type: String
    let id: String?
    /// As `entry[3]`.
    let place: String
    let bytes: Int
    var rule: String?
    var doctor: Int?
    var doctorRule: String?
    /// Why it is no visit, or in no finding, or what its date is before.
    var reason: String?
    /// How far it is dated after now.
    var days: Int?
  }

  struct Count: Encodable {
    let type: String
    let rule: String
    let inSupplement: Bool
    let count: Int

    init(_ count: HistoryPlan.Count) {
      (type, rule) = (count.type, count.rule.rawValue)
      (inSupplement, self.count) = (count.isInSupplement, count.count)
    }
  }

  let histories: [History]

  init(_ plans: [(paths: [String], plan: HistoryPlan)]) {
    histories = plans.map { paths, plan in
      let history = plan.history
      return History(
        files: paths, patient: history.patient.introduction, identity: history.patient.identity,
        identityFrom: history.patient.ground.rawValue, teamSize: plan.teamSize,
        parts: plan.parts.map(Part.init),
        notHeld: history.notHeld.map { Resource($0.encounter, reason: $0.status) },
        leftOut: history.leftOut.map { Resource($0.resource, reason: $0.reason.rawValue) },
        future: Resource.future(of: history), early: Resource.early(in: history),
        counts: plan.counts.map(Count.init))
    }
  }
}

extension PlanReport.Part {
  fileprivate init(_ part: HistoryPlan.Part) {
    let visit = part.visit
    self.init(
      kind: visit.kind.rawValue, encounter: visit.encounterID, start: visit.start, end: visit.end,
      resources: part.items.map { item in
        PlanReport.Resource(
          type: item.type, id: item.id, place: item.place, bytes: item.byteCount,
          rule: item.rule.rawValue, doctor: item.doctor.doctor,
          doctorRule: item.doctor.rule.rawValue)
      })
  }
}

extension PlanReport.Resource {
  fileprivate init(_ resource: FHIRResource, reason: String? = nil, days: Int? = nil) {
    self.init(
      type: resource.type, id: resource.id, place: resource.place, bytes: resource.bytes.count,
      reason: reason, days: days)
  }

  /// What of a history is dated after now.
  static func future(of history: FHIRHistory) -> [Self] {
    history.futureDates(now: LedgerTime.now()).map { Self($0.resource, days: $0.days) }
  }

  /// What of a history is dated before the patient's birth, or a century before its visit.
  static func early(in history: FHIRHistory) -> [Self] {
    history.earlyDates.map { Self($0.resource, reason: $0.ground.rawValue) }
  }
}

extension HistoryPlan {
  fileprivate func print(_ paths: [String], to console: Console) {
    let names = printable(paths.joined(separator: ", "), limit: .max)
    console.line("\(names): \(history.patient.introduction)")
    let identity = printable(history.patient.identity)
    console.line("known as \(identity), by \(history.patient.ground.told)")
    console.line("\(size), for teams of \(Quantity.count(teamSize, "doctor"))")
    for (number, part) in parts.enumerated() {
      let isVisit = part.visit.kind == .encounter
      console.heading(isVisit ? "Visit \(number + 1): \(part.visit.summary)" : "Supplement")
      let rows = part.items.map { item in
        [
          "  " + printable(item.type + (item.id.map { "/\($0)" } ?? "")),
          printable(item.place, limit: .max), item.rule.explanation, "doctor \(item.doctor.doctor)",
          item.doctor.rule.explanation,
        ]
      }
      console.line(Table.text(rows, leading: 5))
    }
    console.heading("Counts")
    let rows = counts.map {
      [
        "  " + printable($0.type), "\($0.count)", $0.isInSupplement ? "supplement" : "visits",
        $0.rule.explanation,
      ]
    }
    console.line(Table.text(rows, leading: 4))
    let remarks = remarks
    if !remarks.isEmpty { console.heading("To know") }
    for remark in remarks { console.line("  " + remark) }
  }
}

extension ClinicalRecords.Patient.Ground {
  fileprivate var told: String {
    switch self {
    case .identifier: "Patient.identifier"
    case .id: "Patient.id"
    case .reference: "the reference to the patient"
    case .encounter: "the first Encounter"
    }
  }
}
