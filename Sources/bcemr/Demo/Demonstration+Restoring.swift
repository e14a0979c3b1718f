import CanonicalEncoding
import Consortium
import Credentials
import Ledger

extension Demonstration {
  /// The patient loses the device with all that is on it, and has everything back from 24 words.
  ///
  /// - Parameters:
  ///   - visit: one that is shared before, with a consent that is taken back after.
  ///   - number: as which the story knows that visit.
  mutating func restore(
    _ history: DemoHistory, sharing visit: Digest32, of number: Int, after hospital: String
  ) async throws -> DemoReport.RestoringReport {
    let start = MonotoneTime.nanoseconds()
    let contact = history.contact
    console.progress("\(contact): restoring from the recovery phrase")
    console.heading("The device is lost")
    let doctor = doctor(2, ofHospitalAfter: hospital)
    let consent = try await consent(
      by: contact, to: visit, reader: doctor, purpose: "second opinion")
    console.line("  The patient consents that \(doctor) reads visit \(number).")

    // As a program does now and then: a cloud may have lost some of an earlier run.
    try await consortium.keepNotes(ofPatient: contact)
    let before = try await consortium.holdings(ofPatient: contact).onLedger
    let words = try await consortium.recoveryPhrase(ofPatient: contact).text
    try await consortium.loseDevice(ofPatient: contact, words: words)
    console.line(
      "  Then the device is lost, with keys, visits and consents: the patient's folder is")
    console.line("  emptied. What is left are 24 words on paper.")
    if showsCodes { console.line("  The words are \(words).") }
    let empty = try await consortium.holdings(ofPatient: contact)
    check("nothing of the patient's is left", empty == PatientHoldings())

    let restoration = try await consortium.restore(patient: contact)
    let after = try await consortium.holdings(ofPatient: contact).onLedger
    let leaves = restoration.sources.reduce(0) { $0 + $1.leaves }
    let undocumented = after.consents.count { $0.doctor == nil }
    let known = after.consents.count - undocumented
    check("everybody was asked for everything", restoration.isComplete)
    check("the words give back what the patient had", after == before)
    console.line(
      "  A new program has the words alone. It looks at \(leaves) leaves of the chains, by")
    console.line(
      "  hospitals and cloud, knows its own among all visits, and fetches notes and records:")
    console.line(
      "  \(Quantity.count(after.visits.count, "visit")) with records, "
        + "\(Quantity.count(known, "consent")) with who and why, "
        + "\(Quantity.count(after.access.count, "line")) of the access log;")
    console.line(
      after == before ? "  the same as before." : "  NOT the same as before.")
    console.line("  Of the access log, the lines of visit \(number):")
    for line in after.access where line.visit == visit {
      console.line("    visit \(number): \(Self.text(line))")
    }
    let unheard = after.unheard.keys.sorted()
    if !unheard.isEmpty {
      console.line(
        "  There may be more: not heard about the access log: \(unheard.joined(separator: ", ")).")
    }

    try await consortium.revoke(patient: contact, consent: consent)
    try await consortium.settle()
    let refused = try await refusal(doctor, consent)
    check("a consent from before is taken back", refused?.code == .consentRevoked)
    console.line(
      "  The consent to \(doctor) is taken back; \(doctor) asks for the record: refused.")
    return DemoReport.RestoringReport(
      leavesLookedAt: leaves, visits: after.visits.map { "\($0.visit)" }, consents: known,
      consentsWithoutDocument: undocumented, accessLog: after.access.count,
      accessLogUnheard: unheard,
      isSame: after == before, revokedVisit: "\(visit)", refusedCode: refused.map { "\($0.code)" },
      nanoseconds: MonotoneTime.nanoseconds() - start)
  }

  private static func text(_ record: AccessRecord) -> String {
    let who = record.doctor.map { ", \($0)" } ?? ""
    let why = record.purpose.map { ", \($0)" } ?? ""
    let place = record.demand.map { ", demanded at \($0) of the consortium chain" } ?? ""
    return "\(record.event.rawValue)\(who)\(why)\(place)"
  }
}
