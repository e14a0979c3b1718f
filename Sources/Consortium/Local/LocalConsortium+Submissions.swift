/// What people follow up of what they submitted.
extension LocalConsortium {
  /// A patient's program goes on with everything that is not final.
  ///
  /// - Parameter patience: seconds within which a hospital has to take what is sent to it, before it is
  ///   demanded in public; nil for never.
  /// - Returns: what was submitted and how it stands, the newest last.
  @discardableResult
  public func followUp(
    patient id: String, demandingAfter patience: UInt64? = Submission.patience
  ) async throws -> [Submission] {
    let patient = try patient(id)
    return try await meter.measure(.patient) {
      try await patient.followUp(demandingAfter: patience)
    }
  }

  /// The same of a doctor's program.
  @discardableResult
  public func followUp(
    doctor id: String, demandingAfter patience: UInt64? = Submission.patience
  ) async throws -> [Submission] {
    let doctor = try doctor(id)
    return try await meter.measure(.doctor) {
      try await doctor.followUp(demandingAfter: patience)
    }
  }
}
