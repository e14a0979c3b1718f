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
    try store.write(try store.removal(ofPrefix: ""))
    try storage.replace(keys: file, place)
    try addPatient(contact: contact, identity: identity)
  }

  /// Lets a patient's program look whether the clouds still have its notes.
  public func keepNotes(ofPatient contact: String) async throws {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    try await meter.measure(.patient) { try await patient.keepNotes() }
  }

  /// Whether a run before this one may have lost a patient's device, and not brought all of it back: then
  /// there is nothing in the store, or the search that began. What is back already is not asked for again.
  public func mayLackHoldings(_ contact: String) throws -> Bool {
    if isNew { return false }
    let keys = try storage.anyRoleStore("patients/\(contact)").keys(withPrefix: "")
    return keys.isEmpty || keys.contains { $0.hasPrefix(Patient.searchPrefix) }
  }

  /// Finds again what belongs to a patient's root.
  public func restore(patient contact: String) async throws -> Restoration {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    return try await meter.measure(.patient) { try await patient.restore() }
  }

  /// The visits of a patient, by the time at which they opened, by what the patient's program knows.
  public func visits(ofPatient contact: String) async throws -> [PatientHoldings.Visit] {
    try await patient(contact).visits()
  }

  /// All that a patient has, and what the ledger says of who read it.
  public func holdings(ofPatient contact: String) async throws -> PatientHoldings {
    meter.phase = .dataSharing
    let patient = try patient(contact)
    return try await meter.measure(.patient) { try await patient.holdings() }
  }
}
