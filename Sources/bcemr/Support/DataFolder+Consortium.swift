public import Consortium
public import Credentials
import Foundation
public import SQLiteBackend

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

extension DataFolder {
  /// Runs `body` with a new folder, which is removed afterwards.
  static func temporary<Value>(_ body: (DataFolder) async throws -> Value) async throws -> Value {
    let name = "bcemr-\(UInt64.random(in: .min ... .max))"
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    let folder = try DataFolder(path: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(folder)
  }
}
