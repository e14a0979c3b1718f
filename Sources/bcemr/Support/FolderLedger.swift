import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import SQLiteBackend

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

  /// - Returns: nil where there is no ledger.
  func ledger() throws -> FolderLedger? {
    guard let bytes = try genesis(), let genesis = try? ValidGenesis(Genesis(encoded: bytes)) else {
      return nil
    }
    func longest(_ parties: [String]) -> (keeper: String, view: ConsortiumView)? {
      var longest: (keeper: String, view: ConsortiumView)?
      for party in parties {
        guard let view = consortium(of: party, genesis), view.size > longest?.view.size ?? 0 else {
          continue
        }
        longest = (party, view)
      }
      return longest
    }
    // The manager's, which is behind theirs, counts where no supernode has one.
    let found =
      longest(genesis.members.supernodes.map(\.id)) ?? longest([genesis.members.manager.id])
    return FolderLedger(
      genesis: genesis,
      consortium: try found?.view ?? ConsortiumView(genesis: genesis, store: EmptyStateStore()),
      keeper: found?.keeper)
  }
}

/// The ledger of a folder, with the replay of the consortium chain that has most.
struct FolderLedger {
  let genesis: ValidGenesis
  let consortium: ConsortiumView
  /// Whose replay it is; nil if nobody has one with a leaf, and it is empty.
  let keeper: String?
}
