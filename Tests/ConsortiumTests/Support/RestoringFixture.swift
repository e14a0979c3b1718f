import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Patients who have nothing but the words.
extension TestConsortium {
  /// What a patient has written down.
  @inline(never)
  func words(of contact: String = TestConsortium.patient) throws -> String {
    try PatientRoot(secret("root", of: "patients/\(contact)")).recoveryPhrase.text
  }

  /// A program on another device, which was given these words.
  @inline(never)
  func newDevice(
    words: String, store: any RoleStore, _ consortium: LocalConsortium, seed: UInt64 = 77
  ) throws -> Patient {
    let file = try PatientKeys.restored(owner: "restored", from: RecoveryPhrase(words: words))
    return try Patient(
      identity: Self.identity, genesis: consortium.genesis, keys: PatientKeys(file), store: store,
      courier: try #require(wire.courier), clock: { [self] in time },
      randomness: SeededGenerator(seed: seed))
  }

  /// Takes the patient's device away, and gives a new program the words.
  func loseDevice(_ consortium: LocalConsortium) async throws {
    try await consortium.loseDevice(ofPatient: Self.patient, words: words())
  }

  /// A final consent that a doctor of hospital 2 reads a visit.
  func consent(
    to visit: Digest32, doctor: String = TestConsortium.reader, purpose: String,
    _ consortium: LocalConsortium
  ) async throws -> Digest32 {
    let request = try await consortium.requestAccess(
      doctor: doctor, patient: Self.patient, purpose: purpose)
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 36_000)
    try await consortium.settle()
    return consent
  }
}

/// A patient with a visit that is shared, and what there is of it.
struct RestoringSituation {
  let test: TestConsortium
  let consortium: LocalConsortium
  let visit: Digest32
  let context: VisitContext
  let consent: Digest32
  let before: PatientHoldings

  init() async throws {
    test = TestConsortium(teamSize: 1)
    consortium = try await test.open()
    visit = try await consortium.hold(test.plan()).visit
    context = try await test.state(of: visit, consortium).context
    consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    before = try await consortium.holdings(ofPatient: TestConsortium.patient)
  }

  func restore() async throws -> Restoration {
    try await test.loseDevice(consortium)
    return try await consortium.restore(patient: TestConsortium.patient)
  }

  func holdings() async throws -> PatientHoldings {
    try await consortium.holdings(ofPatient: TestConsortium.patient)
  }

  /// The notes that the patient has had the cloud keep.
  var notes: [KeptNote] { test.wire.requests(KeepNote.self).map(\.note) }

  /// Changes the notes that the cloud gives; `nil` for none.
  func answerNotes(_ note: @escaping @Sendable (KeptNote?) -> KeptNote?) {
    test.wire.answer(FetchNote.self) { FetchedNote(status: $0.status, note: note($0.note)) }
  }
}
