import CanonicalEncoding
import Consortium
import Ledger

/// What the patient lets others read, and takes back.
extension Demonstration {
  /// The patient lets a doctor of the next hospital read the first half of the visits.
  mutating func share(
    _ visits: [HeldVisit], of history: DemoHistory, after hospital: String
  ) async throws -> DemoReport.SharingReport {
    let doctor = doctor(1, ofHospitalAfter: hospital)
    let half = visits.prefix((visits.count + 1) / 2)
    console.progress("\(history.contact): sharing \(Quantity.count(half.count, "visit"))")
    console.heading("Sharing")
    let added = half.reduce(0) { $0 + $1.addenda.count }
    let list =
      Self.list(half)
      + (added == 0 ? "" : " with \(added) \(added == 1 ? "addendum" : "addenda")")
    let request = try await consortium.requestAccess(
      doctor: doctor, patient: history.contact, purpose: Self.purpose)
    let expiresAt = await consortium.ledgerTime() + Self.consentSeconds

    // Who reads a visit reads what corrects it.
    let shared = half.flatMap { [$0] + $0.addenda }
    var consents: [Digest32] = []
    for visit in shared {
      consents.append(
        try await consortium.consent(
          patient: history.contact, to: request, visit: visit.visit, expiresAt: expiresAt))
    }
    try await consortium.settle()
    let given = try await followUp(.consent, consents, of: history)
    console.line(
      "  The patient consents to \(list), until \(LedgerTime.text(expiresAt)): "
        + "\(given.allSatisfy(\.isFinal) ? "final" : "not final").")

    var opened: [String] = []
    for (visit, consent) in zip(shared, consents) {
      let record = try await consortium.openRecord(doctor: doctor, consent: consent)
      check(
        "visit \(visit.visit): the doctor reads what the team signed",
        record.digests == visit.findings)
      opened.append("\(visit.visit)")
    }
    console.line(
      "  \(doctor) opens \(list) and finds what the teams signed, byte for byte.")

    var refused: [DemoReport.SharingReport.Refusal] = []
    for visit in visits.dropFirst(half.count) {
      let refusal = try await consortium.openRecordWithoutConsent(
        doctor: doctor, visit: visit.visit)
      refuse(visit, "no consent", refusal, expected: .consentUnknown, &refused)
    }
    if visits.count > half.count {
      console.line(
        "  \(doctor) asks for \(Self.list(visits.dropFirst(half.count))) too: refused, there is no consent."
      )
    }
    var revoked: DemoReport.SharingReport.Given?
    if let first = half.first, let consent = consents.first {
      let standing = try await consortium.revoke(patient: history.contact, consent: consent)
      try await consortium.settle()
      let proven = try await followUp(.revocation, [consent], of: history).first ?? standing
      revoked = .init(visit: "\(first.visit)", stands: .init(proven))
      let refusal = try await refusal(doctor, consent)
      refuse(first, "consent revoked", refusal, expected: .consentRevoked, &refused)
      console.line(
        "  The patient takes the consent to visit \(first.number) back: "
          + "\(standing.told(by: first.hospital)), then \(proven.told(by: first.hospital)).")
      console.line("  \(doctor) asks again: refused.")
      console.line("  What was read before stays read.")
    }
    return DemoReport.SharingReport(
      doctor: doctor, purpose: Self.purpose, expiresAt: LedgerTime.text(expiresAt), opened: opened,
      refused: refused,
      consents: zip(shared, given).map { .init(visit: "\($0.visit)", stands: .init($1)) },
      revoked: revoked)
  }

  /// The patient's program asks how the consents, or their revocations, stand.
  private mutating func followUp(
    _ kind: Submission.Kind, _ consents: [Digest32], of history: DemoHistory
  ) async throws -> [SubmissionStanding] {
    let submissions = try await consortium.followUp(patient: history.contact)
    let standings = consents.map { consent in
      submissions.last { $0.kind == kind && $0.consent == consent }?.standing ?? .sent
    }
    let name = kind == .consent ? "consents" : "revocation"
    check(
      "\(history.contact): the \(name) of what is shared \(kind == .consent ? "are" : "is") final",
      standings.allSatisfy(\.isFinal))
    return standings
  }

  // MARK: A hospital that swallows a revocation

  /// The patient consents once more, and takes it back while the hospital takes no revocation.
  mutating func swallow(
    _ visit: HeldVisit, of history: DemoHistory, at hospital: String, reader: String
  ) async throws -> DemoReport.SwallowedReport {
    console.heading("A hospital swallows a revocation")
    let patient = history.contact
    let consent = try await consent(
      by: patient, to: visit.visit, reader: reader, purpose: Self.purpose)
    try await consortium.swallowRevocations(at: hospital)
    let silence = await refusal {
      _ = try await consortium.revoke(patient: patient, consent: consent)
    }
    check("\(hospital) swallows the revocation", silence?.code == .unreachable)
    func sought() async throws -> Submission? {
      // The patient does not wait an hour.
      try await consortium.followUp(patient: patient, demandingAfter: 0)
        .last { $0.kind == .revocation && $0.consent == consent }
    }
    // Three attempts in a row: one that is lost is no reason to demand anything.
    _ = try await sought()
    let sent = try await sought()
    console.line(
      "  The patient takes a new consent to visit \(visit.number) back: "
        + "\((sent?.standing ?? .sent).told(by: hospital)).")
    check("nobody is told that it is done", sent?.standing == .sent)
    try await consortium.settle()
    let demanded = try await sought()
    check(
      "the demand is final, and says who did not take the revocation",
      demanded?.demand != nil && demanded?.swallowedBy == hospital)
    console.line("  The patient demands it through the cloud, where all organisations see it.")
    let refused = await refusal {
      _ = try await consortium.openRecord(doctor: reader, consent: consent)
    }
    check("visit \(visit.visit): refused, revocation demanded", refused?.code == .consentRevoked)
    console.line(
      "  The demand is final at \(demanded?.demand ?? 0) of the consortium chain, and counts. "
        + "\(reader) asks: refused.")
    try await consortium.settle()
    let last = try await sought()
    try await consortium.endSwallowing(at: hospital)
    let standing = last?.standing ?? .sent
    check("\(hospital) has had to take the revocation", standing.isFinal)
    console.line(
      "  Swallowed by \(last?.swallowedBy ?? "nobody"), which has had to answer the demand: "
        + "\(standing.told(by: hospital)).")
    return DemoReport.SwallowedReport(
      visit: "\(visit.visit)", hospital: hospital, demand: last?.demand,
      swallowedBy: last?.swallowedBy, stands: .init(standing), refused: refused.map { "\($0.code)" }
    )
  }

  /// A doctor of the hospital that comes after one.
  func doctor(_ number: Int, ofHospitalAfter hospital: String) -> String {
    let hospitals = consortium.genesis.members.hospitals
    let index = hospitals.firstIndex(of: hospital) ?? 0
    return "\(hospitals[(index + 1) % hospitals.count])-doctor-\(number)"
  }

  /// A final consent that a doctor who asks for it reads one visit.
  func consent(
    by patient: String, to visit: Digest32, reader: String, purpose: String
  ) async throws -> Digest32 {
    let request = try await consortium.requestAccess(
      doctor: reader, patient: patient, purpose: purpose)
    let consent = try await consortium.consent(
      patient: patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + Self.consentSeconds)
    try await consortium.settle()
    return consent
  }

  /// Why something cannot be done; nil if it can.
  func refusal(_ body: () async throws -> Void) async -> ConsortiumError? {
    do {
      try await body()
      return nil
    } catch {
      return ConsortiumError(error)
    }
  }

  /// Why the doctor cannot open a record; nil if it opens.
  func refusal(_ doctor: String, _ consent: Digest32) async throws -> ConsortiumError? {
    do {
      _ = try await consortium.openRecord(doctor: doctor, consent: consent)
      return nil
    } catch let refusal as ConsortiumError {
      return refusal
    }
  }

  private mutating func refuse(
    _ visit: HeldVisit, _ reason: String, _ refusal: ConsortiumError?,
    expected: ConsortiumError.Code, _ refused: inout [DemoReport.SharingReport.Refusal]
  ) {
    check("visit \(visit.visit): refused, \(reason)", refusal?.code == expected)
    guard let refusal else { return }
    refused.append(
      .init(visit: "\(visit.visit)", reason: reason, code: "\(refusal.code)"))
  }

  /// As `visit 1` or `visits 1 to 3`.
  private static func list(_ visits: ArraySlice<HeldVisit>) -> String {
    guard let first = visits.first?.number, let last = visits.last?.number else { return "nothing" }
    return first == last ? "visit \(first)" : "visits \(first) to \(last)"
  }
}
