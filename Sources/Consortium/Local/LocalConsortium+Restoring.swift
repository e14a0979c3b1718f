public import Credentials

/// A patient who loses everything, for a demonstration of how it comes back.
extension LocalConsortium {
  /// The patient's root in 24 words, for paper.
  public func recoveryPhrase(ofPatient contact: String) throws -> RecoveryPhrase {
    try patient(contact).keys.recoveryPhrase
  }

  /// Takes from a patient the device and its folder: all that it knows, and the key file. In their place
  /// comes a new program, which has the words and nothing else.
  ///
  /// The new key file takes the place of the old one in one step: a demonstration may be killed at any
  /// moment, and has no paper.
  /// - Parameter words: as somebody reads them from paper.
  /// - Throws: ``CredentialError`` for words that are none; what the storage throws.
  public func loseDevice(ofPatient contact: String, words: String) async throws {
    let identity = try patient(contact).identity
    let place = "patients/\(contact)"
    let file = try PatientKeys.restored(owner: contact, from: RecoveryPhrase(words: words))
    let store = try storage.anyRoleStore(place)
    for address in try Patient.addresses(store) { delivery.unregister(address) }
    patients[contact] = nil
    var changes: [String: [UInt8]?] = [:]
    for key in try store.keys(withPrefix: "") { changes.updateValue(nil, forKey: key) }
    changes[Self.lostMark] = [1]
    try store.write(changes)
    try storage.replace(keys: file, place)
    try addPatient(contact: contact, identity: identity)
  }

  /// Lets a patient's program look whether the clouds still have its notes.
  public func keepNotes(ofPatient contact: String) async throws {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    try await meter.measure(.patient) { try await patient.keepNotes() }
  }

  private static let lostMark = "device-lost"

  /// Whether a patient's device was lost, in an earlier run too, and not all of it is back.
  public func hasLostDevice(_ contact: String) throws -> Bool {
    try storage.anyRoleStore("patients/\(contact)").value(forKey: Self.lostMark) != nil
  }

  /// Finds again what belongs to a patient's root.
  public func restore(patient contact: String) async throws -> Restoration {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    let restoration = try await meter.measure(.patient) { try await patient.restore() }
    if restoration.isComplete {
      try storage.anyRoleStore("patients/\(contact)").write([Self.lostMark: nil])
    }
    return restoration
  }

  /// All that a patient has, and what the ledger says of who read it.
  public func holdings(ofPatient contact: String) async throws -> PatientHoldings {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    return try await meter.measure(.patient) { try await patient.holdings() }
  }
}
