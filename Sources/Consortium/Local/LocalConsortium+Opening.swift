package import CanonicalEncoding
import Ledger

/// One record, for who may read it.
extension LocalConsortium {
  /// The patient of this visit opens its record, and gives no receipt.
  ///
  /// - Returns: with the patient's visits that add to it, or correct it.
  /// - Throws: ``ConsortiumError`` `unknown-visit` if it is no visit of a patient who was brought in,
  ///   `record-tampered` if the record is not what the team signed.
  package func openOwnRecord(
    _ visit: Digest32, at hospital: String
  ) async throws -> (record: OpenedRecord, amendedBy: [NamedVisit]) {
    for (_, patient) in patients.sorted(by: { $0.key < $1.key })
    where try await patient.hospitals(ofVisit: visit).contains(hospital) {
      let record = try await meter.measure(.patient) {
        try await patient.read(visit, at: hospital)
      }
      let addenda = try await patient.visits()
        .filter { $0.amends == NamedVisit(visit, at: hospital) }
      return (record, addenda.map { NamedVisit($0.visit, at: $0.hospital) })
    }
    throw ConsortiumError(.unknownVisit, "it is a visit of no patient who has keys here")
  }

  /// A doctor opens the record of a visit by a consent that was not used yet, which uses it.
  ///
  /// - Parameter keep: returns when the record is kept.
  /// - Throws: ``ConsortiumError`` `consent-unknown` without a consent, `reused` if all were used, and as
  ///   ``Doctor/open(consent:keepingBy:)``.
  package func openSharedRecord(
    _ visit: Digest32, at hospital: String, by id: String,
    keepingBy keep: @escaping @Sendable (OpenedRecord) async throws -> Void
  ) async throws -> OpenedRecord {
    let doctor = try doctor(id)
    let consents = try await doctor.consents().filter {
      $0.visit == visit && $0.hospital == hospital
    }
    guard !consents.isEmpty else {
      throw ConsortiumError(
        .consentUnknown, "the patient has given \(id) no consent to this visit")
    }
    // The one that lasts longest, if it still stands; if none does, of that one it is said why.
    var failure: ConsortiumError?
    let latest = consents.filter { $0.expiresAt == consents.last?.expiresAt }
    if latest.allSatisfy(\.isUsed) {
      failure = ConsortiumError(
        .reused, "\(id) has opened the record already: the consent was used")
    }
    for consent in consents.reversed() where !consent.isUsed {
      do {
        return try await meter.measure(.doctor) {
          try await doctor.open(consent: consent.consent, keepingBy: keep)
        }
      } catch let error as ConsortiumError
        where [.consentRevoked, .consentExpired].contains(error.code)
      {
        failure = failure ?? error
      }
    }
    throw failure
      ?? ConsortiumError(.reused, "\(id) has opened the record already: the consent was used")
  }
}

extension Patient {
  /// Opens the record of a final visit and compares it with the ledger; nothing is signed.
  fileprivate func read(_ visit: Digest32, at hospital: String) async throws -> OpenedRecord {
    let (completion, signed, keys) = try await completion(of: visit, at: hospital)
    guard let record = try await open(completion, signed, keys).record else {
      throw ConsortiumError(.recordTampered, "the record is not what the team signed")
    }
    return OpenedRecord(record)
  }
}
