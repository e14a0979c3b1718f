public import CanonicalEncoding
import EMRScheme
import Ledger

/// A visit as it is to take place.
public struct PlannedVisit: Sendable {
  /// What the driver calls the patient: the `contact` of
  /// ``LocalConsortium/addPatient(contact:identity:)``.
  public var patient: String
  /// The hospital's identifier.
  public var hospital: String
  /// The Encounter's identifier at the hospital.
  public var encounter: String
  /// The complete visit of this patient that it adds to or corrects, if any.
  public var amends: NamedVisit?
  /// By which the hospital finds the team.
  public var symptoms: Symptoms
  /// m_1 … m_n, one for each doctor of the team: together at most ``Limits/findingsByteCount``.
  public var findings: [[UInt8]]
  /// The doctors (k = 1…n) who sign ``draft`` first, and withdraw it before the next one signs.
  public var signingTwice: Set<Int>
  /// The doctors who are elsewhere: patient and doctor compare words. All others see the patient.
  public var comparingWords: Set<Int>

  /// What a doctor signs who then thinks better of it: another content than any finding.
  public static let draft = Array("{}".utf8)

  public init(
    patient: String, hospital: String, encounter: String, amends: NamedVisit? = nil,
    symptoms: Symptoms = Symptoms(), findings: [[UInt8]], signingTwice: Set<Int> = [],
    comparingWords: Set<Int> = []
  ) {
    self.patient = patient
    self.hospital = hospital
    self.encounter = encounter
    self.amends = amends
    self.symptoms = symptoms
    self.findings = findings
    self.signingTwice = signingTwice
    self.comparingWords = comparingWords
  }
}

/// What came of a visit.
public struct VisitOutcome: Sendable {
  /// The visit's identifier on the ledger.
  public let visit: Digest32
  /// The hospital's identifier.
  public let hospital: String
  /// Why it has this team, as the hospital knows it.
  public let team: TeamChoice?
  /// The visit was complete and had its receipt before.
  public let wasKnown: Bool
  /// What the patient found; nil if the receipt was given in an earlier run.
  public let record: CollectedRecord?
}

extension LocalConsortium {
  /// Holds one visit from admission to the patient's receipt (4.3 to 4.5).
  ///
  /// A visit of the same Encounter that was interrupted is closed and tried again; one that is
  /// complete is not repeated. The receipt is final with the next ``settle()``.
  /// - Parameter plan: who gives it away has its findings in memory until they are signed, and no longer.
  public func hold(_ plan: consuming PlannedVisit) async throws -> VisitOutcome {
    var plan = plan
    let (visit, isNew) = try await conduct(&plan)
    let team = try await hospital(plan.hospital).teamChoice(of: visit)
    if !isNew, try await patient(plan.patient).hasReceipted(visit, at: plan.hospital) {
      return VisitOutcome(
        visit: visit, hospital: plan.hospital, team: team, wasKnown: true, record: nil)
    }
    let record = try await collect(visit, plan)
    return VisitOutcome(
      visit: visit, hospital: plan.hospital, team: team, wasKnown: false, record: record)
  }

  /// The record of a visit, opened by its patient, who gives the receipt if that is lacking.
  ///
  /// - Throws: ``ConsortiumError`` `record-tampered` if it is not what the team signed.
  public func record(of visit: NamedVisit, patient contact: String) async throws -> OpenedRecord {
    let collected = try await patient(contact).collect(visit.visit, at: visit.hospital)
    guard let record = collected.record else {
      throw ConsortiumError(.recordTampered, "the record is not what the team signed")
    }
    return record
  }

  /// Admission, group key, diagnosis and storage, unless the visit is complete: nothing of it is final
  /// before the next ``settle()``.
  ///
  /// - Returns: the visit, and whether it was held now.
  package func conduct(
    _ plan: consuming PlannedVisit
  ) async throws -> (visit: Digest32, isNew: Bool) {
    var plan = plan
    return try await conduct(&plan)
  }

  /// - Parameter plan: is left without the findings.
  private func conduct(
    _ plan: inout PlannedVisit
  ) async throws -> (visit: Digest32, isNew: Bool) {
    try Finding.requireRoom(byteCount: plan.findings.reduce(0) { $0 + $1.count })
    let (visit, isNew) = try await open(plan)
    if isNew {
      try await agreeOnGroupKey(visit, at: plan.hospital)
      for position in plan.findings.indices.map({ $0 + 1 }) {
        try await diagnose(visit, plan, position: position)
        plan.findings[position - 1] = []
      }
      try await complete(visit, at: plan.hospital)
    }
    return (visit, isNew)
  }

  /// Admission (4.3): PID, evidence, order and context, agreed to by the patient.
  ///
  /// - Returns: the visit, and whether it was opened now.
  package func open(_ plan: PlannedVisit) async throws -> (visit: Digest32, isNew: Bool) {
    meter.phase = .groupKeyGeneration
    let patient = try patient(plan.patient)
    let ticket = try await ticket(for: plan.patient, at: plan.hospital)
    let admission = try await meter.measure(.patient) {
      try await patient.admit(
        to: plan.hospital, encounter: plan.encounter, symptoms: plan.symptoms, ticket: ticket,
        amending: plan.amends)
    }
    switch admission {
    case .complete(let visit):
      environment.observe(.visitKnown(visit: visit, hospital: plan.hospital))
      return (visit, false)
    case .opened(let context, let attempt):
      guard context.signers.count == plan.findings.count else {
        throw ConsortiumError(
          .wrongState,
          "\(plan.findings.count) findings for a team of \(context.signers.count)")
      }
      if let team = try await hospital(plan.hospital).teamChoice(of: context.visitID) {
        environment.observe(
          .visitOpened(
            visit: context.visitID, hospital: plan.hospital, team: team,
            openedAt: context.openedAt, attempt: attempt))
      }
      return (context.visitID, true)
    }
  }

  /// The patient comes to the counter, is identified, and takes a ticket away, on paper.
  private func ticket(for contact: String, at id: String) async throws -> AdmissionTicket {
    let (hospital, patient) = (try hospital(id), try patient(contact))
    let ticket = try await meter.measure(.hospital) {
      try await hospital.issueTicket(for: patient.identity)
    }
    environment.observe(
      .ticketIssued(hospital: id, patient: contact, code: ticket.text, words: ticket.words))
    return try AdmissionTicket(text: ticket.text)
  }

  package func agreeOnGroupKey(_ visit: Digest32, at id: String) async throws {
    meter.phase = .groupKeyGeneration
    let hospital = try hospital(id)
    try await meter.measure(.hospital) { try await hospital.establishGroupKey(visit) }
    environment.observe(
      .groupKeyAgreed(visit: visit, team: try await context(visit, id).signers.map(\.doctor)))
  }

  /// The patient is with D_k, or compares words with D_k, who signs m_k (4.4), as often as planned.
  package func diagnose(
    _ visit: Digest32, _ plan: PlannedVisit, position: Int
  ) async throws {
    meter.phase = .diagnose
    let context = try await context(visit, plan.hospital)
    let signer = context.signers[position - 1].doctor
    let doctor = try doctor(signer)
    try await meet(
      doctor, try patient(plan.patient), visit, at: plan.hospital,
      isElsewhere: plan.comparingWords.contains(position))
    let drafts = plan.signingTwice.contains(position) ? [PlannedVisit.draft] : []
    for (attempt, content) in zip(1..., drafts + [plan.findings[position - 1]]) {
      _ = try await meter.measure(.doctor) { try await doctor.diagnose(visit, content) }
      environment.observe(
        .signed(
          visit: visit, doctor: signer, position: position, attempt: attempt,
          deadline: context.deadline(ofPosition: position)))
    }
  }

  /// Carries by hand what a patient shows: the code from one device to the other, or the words.
  private func meet(
    _ doctor: Doctor, _ patient: Patient, _ visit: Digest32, at hospital: String,
    isElsewhere: Bool
  ) async throws {
    let code: PresenceCode
    if isElsewhere {
      code = try await meter.measure(.patient) {
        try await patient.showPresence(visit, at: hospital, to: doctor.id)
      }
      let words = code.words.joined(separator: " ")
      try await meter.measure(.doctor) { try await doctor.confirm(words, visit: visit) }
    } else {
      code = try await meter.measure(.patient) {
        try await patient.presence(visit, at: hospital, to: doctor.id)
      }
      let text = code.text
      _ = try await meter.measure(.doctor) { try await doctor.take(presence: text) }
    }
    environment.observe(
      .presenceShown(
        visit: visit, doctor: doctor.id, code: code.text, words: isElsewhere ? code.words : nil))
  }

  /// The last doctor seals the record (4.4, step 3), stores it and completes the visit (4.5).
  package func complete(_ visit: Digest32, at hospital: String) async throws {
    meter.phase = .diagnose
    guard let signer = try await context(visit, hospital).signers.last?.doctor else { return }
    let doctor = try doctor(signer)
    try await meter.measure(.doctor) { try await doctor.sealRecord(visit) }
    environment.observe(.sealed(visit: visit, doctor: signer))
    meter.phase = .dataStorage
    let standing = try await meter.measure(.doctor) { try await doctor.completeVisit(visit) }
    environment.observe(.completed(visit: visit, hospital: hospital, standing: standing))
  }

  /// The visit becomes final, and the patient opens the record and gives the receipt.
  package func collect(_ visit: Digest32, _ plan: PlannedVisit) async throws -> CollectedRecord {
    meter.phase = .dataStorage
    try await settle()
    environment.observe(.final(visit: visit))
    let patient = try patient(plan.patient)
    let record = try await meter.measure(.patient) {
      try await patient.collect(visit, at: plan.hospital)
    }
    environment.observe(
      .receipted(
        visit: visit, hospital: plan.hospital, acknowledged: record.record != nil,
        standing: record.receipt))
    return record
  }

  private func context(_ visit: Digest32, _ hospital: String) async throws -> VisitContext {
    try await self.hospital(hospital).views.context(of: visit, at: hospital)
  }
}
