import CanonicalEncoding
import Consortium
import Ledger
import SQLiteBackend

extension DataFolder {
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
