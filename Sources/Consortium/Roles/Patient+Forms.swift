import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What a patient keeps of a ticket whose visit was agreed to: of the form nothing.
struct PatientAgreement: NamedValue {
  static let name = "patient-agreement"

  let encounter: String
  let visit: Digest32
  let contextDigest: Digest32
  /// Which one it is of its Encounter.
  let attempt: UInt64

  init(_ visit: PatientVisit, attempt: UInt64) {
    (encounter, self.visit) = (visit.encounter, visit.context.visitID)
    (contextDigest, self.attempt) = (visit.context.digest, attempt)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.text("encounter", encounter)
    fields.digest("visit", visit)
    fields.digest("contextDigest", contextDigest)
    fields.integer("attempt", attempt)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    encounter = try fields.text("encounter", maximum: 256)
    visit = try fields.digest("visit")
    contextDigest = try fields.digest("contextDigest")
    attempt = try fields.integer("attempt")
  }
}

/// A form says what the patient complains of. It is kept as long as it may have to be sent again, and no
/// longer: until there is a visit to agree to, or its ticket is over.
extension Patient {
  private static let dayPrefix = "admission-day/"
  private static func dayKey(_ day: UInt64, _ ticket: [UInt8]) -> String {
    "\(dayPrefix)\(day)/\(ticket.hex)"
  }
  /// That forms from before their days were noted have one.
  private static let datedKey = "admissions-dated"
  private static func agreementKey(_ ticket: [UInt8]) -> String { "agreed/\(ticket.hex)" }
  /// How many days a form is kept: a ticket is good for one, and its form is answered for eight more.
  private static let daysKept: UInt64 = 10
  private static let secondsOfDay: UInt64 = 86_400
  private var today: UInt64 { inbox.clock() / Self.secondsOfDay }

  /// What was agreed to with a ticket.
  ///
  /// - Throws: ``ConsortiumError`` `reused` if that was for another Encounter.
  func agreement(_ ticket: [UInt8], to encounter: String) throws -> PatientAgreement? {
    guard let known: PatientAgreement = try store.load(Self.agreementKey(ticket)) else {
      return nil
    }
    guard known.encounter == encounter else {
      throw ConsortiumError(.reused, "the ticket was used for another Encounter")
    }
    return known
  }

  /// Whether anything was agreed to with a ticket.
  func hasAgreed(with ticket: [UInt8]) throws -> Bool {
    try store.value(forKey: Self.agreementKey(ticket)) != nil
  }

  /// Agrees to a visit, once for each ticket. What the form says is needed no more.
  func agree(
    to visit: PatientVisit, _ attempt: UInt64, with ticket: [UInt8]
  ) throws -> PatientAgreement {
    if let known = try agreement(ticket, to: visit.encounter) { return known }
    let context = visit.context
    let agreement = PatientAgreement(visit, attempt: attempt)
    var changes = try removalOfForm(ticket)
    changes.merge(try agreementChanges(to: visit)) { $1 }
    changes[Self.lastVisitKey(visit.encounter, context.hospital)] = context.visitID.bytes
    changes[Self.agreementKey(ticket)] = Message(agreement).encoded()
    try store.write(changes)
    return agreement
  }

  /// Tells the hospital that the patient agrees.
  func authorize(_ agreement: PatientAgreement, at hospital: String) async throws -> Admission {
    let context = try visit(agreement.visit, at: hospital).context
    guard context.digest == agreement.contextDigest else {
      throw ConsortiumError(.wrongContext, "another visit was agreed to since")
    }
    let keys = try keys(of: context)
    _ = try await client.ask(
      AuthorizeVisit(
        contextDigest: context.digest, visitKeyProof: try keys.visitKey.prove(context),
        signature: keys.signingKey.sign(context)),
      of: hospital, by: [author(context, keys.signingKey)])
    try noteOpened(context)
    return .opened(context, attempt: agreement.attempt)
  }

  // MARK: Forgetting

  /// Keeps a form, and on which day it was made.
  func keep(_ admission: PatientAdmission, _ ticket: [UInt8]) throws {
    try store.write([
      Self.dayKey(today, ticket): [],
      Self.admissionKey(ticket): Message(admission).encoded(),
    ])
  }

  private func removalOfForm(_ ticket: [UInt8]) throws -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [Self.admissionKey(ticket): nil]
    for key in try store.keys(withPrefix: Self.dayPrefix) where key.hasSuffix("/\(ticket.hex)") {
      changes.updateValue(nil, forKey: key)
    }
    return changes
  }

  /// Forgets forms whose tickets are over: those of the last days are looked at, and no others.
  ///
  /// A form of a day to come was made by a clock that was ahead, and counts as of today. One that is over by the own
  /// clock alone stays: by it, the patient is admitted yet.
  func forgetForms() async throws {
    try dateForms()
    guard try forms().contains(where: { $0.day &+ Self.daysKept < today }) else { return }
    let day = try await client.timeToForget() / Self.secondsOfDay
    for form in try forms() where form.day &+ Self.daysKept < day {
      try store.write([form.key: nil, "\(Self.admissionKey([]))\(form.ticket)": nil])
    }
  }

  /// Gives forms a day that have none, or one that has not come.
  private func dateForms() throws {
    var changes: [String: [UInt8]?] = [:]
    if try store.value(forKey: Self.datedKey) == nil {
      changes[Self.datedKey] = []
      let prefix = Self.admissionKey([])
      for key in try store.keys(withPrefix: prefix) {
        changes["\(Self.dayPrefix)\(today)/\(key.dropFirst(prefix.count))"] = []
      }
    }
    for form in try forms() where form.day > today {
      changes.updateValue(nil, forKey: form.key)
      changes["\(Self.dayPrefix)\(today)/\(form.ticket)"] = []
    }
    if !changes.isEmpty { try store.write(changes) }
  }

  /// The rows of forms with their days.
  private func forms() throws -> [(key: String, day: UInt64, ticket: Substring)] {
    try store.keys(withPrefix: Self.dayPrefix).compactMap { key in
      let parts = key.dropFirst(Self.dayPrefix.count).split(separator: "/")
      guard parts.count == 2, let day = UInt64(parts[0]) else { return nil }
      return (key, day, parts[1])
    }
  }
}
