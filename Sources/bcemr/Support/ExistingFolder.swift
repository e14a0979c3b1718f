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

  /// The logs as the cloud's replays have them: all that is final or confirmed.
  func logs() throws -> [ExportWriter.Log] {
    let cloud = "cloud"
    let consortium = try folder.stateStore(cloud, chain: ChainName.consortium)
    let view = try ConsortiumView(genesis: genesis, store: consortium)
    return try [ExportWriter.Log(view)]
      + genesis.hospitals.map { hospital in
        ExportWriter.Log(
          try HospitalView(
            genesis: genesis, hospital: hospital,
            store: folder.stateStore(cloud, chain: hospital), consortium: consortium))
      }
  }
}
