import Consortium
import Foundation
import Ledger
import SQLiteBackend
import ScaleSimulation

/// The stores of a simulated country in a folder, every commit flushed to disk as in earnest.
struct FolderSimulationStores: SimulationStores {
  let folder: DataFolder

  func state(of party: String) throws -> any StateStore {
    try folder.stateStore(party, chain: ChainName.consortium)
  }

  func roles(of party: String) throws -> any RoleStore { try folder.roleStore(party) }

  func byteCount(of party: String) throws -> Int {
    let path = "\(folder.path)/\(party)/chains/\(ChainName.consortium).sqlite"
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.size] as? NSNumber)?.intValue ?? 0
  }
}
