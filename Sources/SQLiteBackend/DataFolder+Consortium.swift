public import Consortium
public import Credentials

/// A whole consortium in one folder: a place for each role, with its key file beside its stores.
extension DataFolder: ConsortiumStorage {
  public func keys(_ place: String, owner: String) throws -> KeyFile? {
    guard let path = try existingKeyFile(place) else { return nil }
    return try KeyFile.read(from: path, owner: owner)
  }

  public func create(keys: KeyFile, _ place: String) throws {
    try keys.create(at: try keyFile(place))
  }

  public func replace(keys: KeyFile, _ place: String) throws {
    try keys.replace(at: try keyFile(place))
  }
}
