import CanonicalEncoding
public import Consortium
public import Credentials
import Foundation
import Ledger
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
  /// Whether a folder is a data folder, or was one that lost its lock or its stores: a folder of tiles has
  /// nothing beside its genesis but logs.
  static func isPlace(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/genesis.der")
      && (FileManager.default.fileExists(atPath: "\(path)/lock") || firstStore(in: path) != nil)
  }

  /// - Throws: ``CommandFailure`` `not-a-folder` for a ledger as tiles, which `bcemr export` wrote.
  static func requireNoTiles(_ path: String) throws(CommandFailure) {
    guard !isPlace(path), FileManager.default.fileExists(atPath: "\(path)/genesis.der"),
      FileManager.default.fileExists(
        atPath: "\(path)/\(ExportPath.checkpoint(ChainName.consortium))")
    else { return }
    throw CommandFailure(
      .badInput, code: "not-a-folder",
      "\(path): this is an export of a ledger as tiles, and the data folder of a consortium is needed",
      hint: "'bcemr verify \(path)' checks it")
  }

  /// - Throws: ``CommandFailure`` `inside-data-folder` for what lies in a data folder, as the folder of a role:
  ///   no other ledger is there, and none is to be founded among the stores of one.
  static func requireOutside(_ path: String) throws(CommandFailure) {
    var place = SystemFile.absolute(path)
    while place != "/" {
      place = SystemFile.parent(of: place)
      guard isPlace(place) else { continue }
      throw CommandFailure(
        .badInput, code: "inside-data-folder",
        "\(path): this is in the data folder \(place) of a consortium",
        hint: "name that folder, or one outside of it")
    }
  }

  /// A party's replay of the consortium chain, if it can be read.
  func consortium(of party: String, _ genesis: ValidGenesis) -> ConsortiumView? {
    guard hasStateStore(party, chain: ChainName.consortium),
      let store = try? stateStore(party, chain: ChainName.consortium)
    else { return nil }
    return try? ConsortiumView(genesis: genesis, store: store)
  }

  /// - Returns: nil where there is no ledger, or nobody's replay can be read.
  func ledger() throws -> FolderLedger? {
    guard let bytes = try genesis(), let genesis = try? ValidGenesis(Genesis(encoded: bytes)),
      let longest = genesis.members.supernodes.compactMap({ consortium(of: $0.id, genesis) })
        .max(by: { $0.size < $1.size })
    else { return nil }
    return FolderLedger(genesis: genesis, consortium: longest)
  }
}

/// The ledger of a folder, with the replay of the consortium chain that has most.
struct FolderLedger {
  let genesis: ValidGenesis
  let consortium: ConsortiumView
}
