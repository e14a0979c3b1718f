public import Consortium
public import Credentials

/// A whole consortium in one folder: a place for each role, with its key file beside its stores.
extension DataFolder: ConsortiumStorage {
  public func keys(_ place: String, owner: String) throws -> KeyFile? {
    guard let path = try existingKeyFile(place) else {
      if let contact = Self.contact(place), try contacts().contains(contact) {
        throw CredentialError(
          .missingKeys,
          "\(keyLocation(place)): the keys of \(contact), who is a patient here, are missing")
      }
      return nil
    }
    // Of who was killed between the two steps.
    if let contact = Self.contact(place) { try note(contact: contact) }
    return try KeyFile.read(from: path, owner: owner)
  }

  public func create(keys: KeyFile, _ place: String) throws {
    try keys.create(at: try keyFile(place))
    if let contact = Self.contact(place) { try note(contact: contact) }
  }

  /// What the driver calls the patient whose place this is; nil for others.
  private static func contact(_ place: String) -> String? {
    place.hasPrefix("patients/") ? String(place.dropFirst("patients/".count)) : nil
  }

  public func replace(keys: KeyFile, _ place: String) throws {
    try keys.replace(at: try keyFile(place))
  }
}
