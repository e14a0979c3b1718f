public import CanonicalEncoding
import EMRScheme
import Ledger

extension LocalConsortium {
  /// A doctor asks a patient, through the system manager (4.6, step 1), under an address that the patient
  /// has made for this doctor and told in person.
  ///
  /// - Returns: the digest of the request.
  public func requestAccess(
    doctor id: String, patient: String, purpose: String
  ) async throws -> Digest32 {
    meter.phase = .dataSharing
    let doctor = try doctor(id)
    let address = try await self.address(ofPatient: patient)
    let request = try await meter.measure(.doctor) {
      try await doctor.requestAccess(address: address, purpose: purpose)
    }
    environment.observe(.accessRequested(doctor: id, patient: patient, purpose: purpose))
    return request
  }

  /// The patient consents for one visit. Nothing opens before the next ``settle()``.
  ///
  /// - Parameters:
  ///   - hospital: whose visit it is; nil if the patient knows one alone with this identifier.
  ///   - expiresAt: ledger time in seconds since 1970.
  /// - Returns: the digest of the consent.
  public func consent(
    patient id: String, to request: Digest32, visit: Digest32, at hospital: String? = nil,
    expiresAt: UInt64
  ) async throws -> Digest32 {
    meter.phase = .dataSharing
    let patient = try patient(id)
    let hospital = try await self.hospital(hospital, ofVisit: visit, patient)
    let consent = try await meter.measure(.patient) {
      try await patient.consent(to: request, visit: visit, at: hospital, expiresAt: expiresAt)
    }
    // As the manager's own machine does by itself; what fails comes with ``settle()``.
    _ = try? await manager.bringNotices()
    environment.observe(
      .consented(
        visit: visit, consent: consent, expiresAt: expiresAt,
        standing: try await patient.standing(ofConsent: consent) ?? .sent))
    return consent
  }

  /// The doctor opens the record of a consent, and checks it against the ledger.
  ///
  /// - Throws: ``ConsortiumError`` with the reason of a refusal, as `consent-revoked`.
  public func openRecord(
    doctor id: String, consent: Digest32
  ) async throws -> OpenedRecord {
    meter.phase = .dataSharing
    try await keepUp()
    let doctor = try doctor(id)
    let record = try await meter.measure(.doctor) { try await doctor.open(consent: consent) }
    environment.observe(.recordShared(visit: record.visit, doctor: id))
    return record
  }

  /// The doctor asks for a record without a consent.
  ///
  /// - Returns: the refusal; any other outcome is thrown.
  public func openRecordWithoutConsent(
    doctor id: String, visit: Digest32
  ) async throws -> ConsortiumError {
    meter.phase = .dataSharing
    let doctor = try doctor(id)
    return try await meter.measure(.doctor) {
      try await doctor.refusalWithoutConsent(visit: visit)
    }
  }

  /// The patient takes a consent back.
  ///
  /// - Returns: how the revocation stands.
  @discardableResult
  public func revoke(patient id: String, consent: Digest32) async throws -> SubmissionStanding {
    meter.phase = .dataSharing
    let patient = try patient(id)
    let standing = try await meter.measure(.patient) { try await patient.revoke(consent) }
    environment.observe(.revoked(consent: consent, standing: standing))
    return standing
  }

  /// Who asked for a visit's record and was given it.
  ///
  /// - Parameter hospital: as ``consent(patient:to:visit:at:expiresAt:)``.
  public func accessLog(
    patient id: String, visit: Digest32, at hospital: String? = nil
  ) async throws -> AccessLog {
    meter.phase = .dataSharing
    let patient = try patient(id)
    let hospital = try await self.hospital(hospital, ofVisit: visit, patient)
    return try await meter.measure(.patient) { try await patient.accessLog(visit, at: hospital) }
  }

  private func hospital(
    _ named: String?, ofVisit visit: Digest32, _ patient: Patient
  ) async throws -> String {
    if let named { return named }
    let known = try await patient.hospitals(ofVisit: visit)
    guard known.count == 1 else {
      throw ConsortiumError(.unknownVisit, "\(known.count) hospitals have such a visit")
    }
    return known[0]
  }
}

extension Doctor {
  /// Asks the proxy for a record that nobody consented to.
  ///
  /// - Returns: the proxy's refusal.
  fileprivate func refusalWithoutConsent(visit: Digest32) async throws -> ConsortiumError {
    let manager = await client.currentMembers().manager
    let made = Digest32(sha256: visit.bytes + randomness.bytes(32))
    do {
      _ = try await ask(
        Reencrypt(consent: made, share: randomness.bytes(32), index: 0), of: manager.id)
    } catch let refusal as ConsortiumError {
      return refusal
    }
    throw ConsortiumError(.wrongState, "the proxy answered without a consent")
  }
}
