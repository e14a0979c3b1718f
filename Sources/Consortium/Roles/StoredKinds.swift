import CanonicalEncoding
import Ledger

/// The kinds of values that roles keep in their stores. What is one of them is read back before it is stored: no
/// role shuts itself out by a row that it cannot read again, and says that something was done which is lost then.
package enum StoredKinds {
  private static let kinds: [any NamedValue.Type] = [
    // Doctors
    CurrentDoctor.Seen.self, DoctorVisit.self, EndedVisit.self, FormerFindings.self,
    HeldConsent.self, ReceivedFindings.self, RequestSecrets.self, RotatedKey.self,
    OwnSignature.self, SignedCommitments.self, SubmitAccessRequest.self,
    // Patients
    ForwardAccessRequest.self, KnownConsent.self, NoteState.self, PatientAdmission.self,
    PatientAgreement.self, PatientVisit.self, PendingConsent.self, SearchState.self,
    // Hospitals
    DoctorRotation.self, Employment.self, HospitalVisit.self, IssuedTicket.self,
    PatientOfVisit.self, TeamChoice.self,
    // Clouds and the manager
    Deposit.self, HalfSentRecord.self, KeptNote.self, PendingNotice.self,
    // Several
    KeptSubmission.self, StoredEnvelopeKey.self, SubmissionRows.Count.self,
  ]

  package static let names = byName.keys.sorted()
  private static let byName = Dictionary(uniqueKeysWithValues: kinds.map { ($0.name, $0) })

  /// - Throws: ``StoreError`` `invalidValue` for a `Message` of a kind that stands in no store, or that no decoder takes.
  static func check(_ key: String, _ bytes: [UInt8]) throws(StoreError) {
    guard let name = FieldDecoder.leadingText(of: .message, in: bytes, maximum: 64) else { return }
    guard let kind = byName[name] else {
      throw StoreError(.invalidValue, "\"\(key)\": nothing reads \(name) from a store")
    }
    do {
      try read(bytes, kind)
    } catch {
      throw StoreError(.invalidValue, "\"\(key)\": \(error.message)")
    }
  }

  private static func read<Kind: NamedValue>(
    _ bytes: [UInt8], _ kind: Kind.Type
  ) throws(DecodingFailure) {
    _ = try Message<Kind>(encoded: bytes)
  }
}
