import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import SQLiteBackend

/// The data folder of a consortium that exists, held by this process.
struct ExistingFolder {
  let folder: DataFolder
  let genesis: ValidGenesis

  /// - Throws: ``CommandFailure`` if there is none; nothing is left behind then.
  init(_ path: String) throws {
    genesis = try Self.genesis(at: "\(path)/genesis.der", of: path)
    folder = try DataFolder(path: path, creating: false)
  }

  private static func genesis(
    at file: String, of path: String
  ) throws(CommandFailure) -> ValidGenesis {
    do {
      let bytes = try SystemFile.contents(of: file, limit: Genesis.maximumByteCount)
      return try ValidGenesis(Genesis(encoded: bytes))
    } catch let error as CommandFailure {
      guard error.code == "not-found" else { throw error }
      throw CommandFailure(
        .badInput, code: "not-found", "\(path): there is no consortium in this folder",
        hint: "'bcemr demo --data \(path)' makes one")
    } catch {
      throw CommandFailure(error, at: file)
    }
  }

  /// The ledger as its entries make it, every decision of the rules made again.
  func replica() async throws -> Replica {
    let node = try LedgerNode(
      genesis: genesis, following: genesis.hospitals, log: folder.orderingLog())
    try await node.catchUp()
    return await node.read { $0 }
  }
}
