import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import SQLiteBackend

/// The data folder of a consortium that exists, read by this process.
struct ExistingFolder {
  let folder: DataFolder
  let genesis: ValidGenesis

  /// - Throws: ``CommandFailure`` if there is none; nothing is left behind then.
  init(_ path: String) throws {
    genesis = try Self.genesis(at: "\(path)/genesis.der", of: path)
    folder = try DataFolder(reading: path)
  }

  private static func genesis(
    at file: String, of path: String
  ) throws(CommandFailure) -> ValidGenesis {
    do {
      let bytes = try SystemFile.contents(of: file, limit: Genesis.maximumByteCount)
      return try ValidGenesis(Genesis(encoded: bytes))
    } catch let error as CommandFailure {
      guard error.code == "not-found" else { throw error }
      if let store = DataFolder.firstStore(in: path) {
        throw CommandFailure(
          .badInput, code: "not-found",
          "\(file): the file is missing, and \(path)/\(store) of its ledger is here",
          hint: "put it back; every export of the ledger begins with it")
      }
      throw CommandFailure(
        .badInput, code: "not-found", "\(path): there is no consortium in this folder",
        hint: "'bcemr demo --data \(path)' makes one")
    } catch {
      throw CommandFailure(error, at: file)
    }
  }

  /// What a role's replay of a chain has come to; nothing, if the role has not begun.
  func state(_ role: String, chain: String) throws -> any StateStore {
    folder.hasStateStore(role, chain: chain)
      ? try folder.stateStore(role, chain: chain) : EmptyStateStore()
  }

  /// The logs as the cloud's replays have them: all that is final or confirmed.
  func logs() throws -> [ExportWriter.Log] {
    let cloud = "cloud"
    let consortium = try state(cloud, chain: ChainName.consortium)
    let view = try ConsortiumView(genesis: genesis, store: consortium)
    return try [ExportWriter.Log(view)]
      + genesis.hospitals.map { hospital in
        ExportWriter.Log(
          try HospitalView(
            genesis: genesis, hospital: hospital, store: state(cloud, chain: hospital),
            consortium: consortium))
      }
  }

  /// A party's replay of the consortium chain.
  struct Replay {
    let state: any StateStore
    let view: ConsortiumView
  }

  /// The longest replay that a party has of the consortium chain and that begins with this one.
  func longest(beginningWith own: Replay) throws -> Replay {
    let checkpoint = try own.view.checkpoint(size: own.view.size)
    var longest = own
    let parties = genesis.genesis.supernodes.map(\.id) + [genesis.genesis.manager.id]
    for party in parties {
      // What cannot be read says nothing.
      guard let state = try? state(party, chain: ChainName.consortium),
        let view = try? ConsortiumView(genesis: genesis, store: state),
        view.size > longest.view.size,
        (try? view.checkpoint(size: own.view.size)) == checkpoint
      else { continue }
      longest = Replay(state: state, view: view)
    }
    return longest
  }

  /// - Throws: ``CommandFailure`` if a chain ends at the cloud before what is anchored of it, as when the
  ///   cloud's files were put back, or is another one.
  func requireAnchoredChains() throws {
    let cloud = "cloud"
    let own = try state(cloud, chain: ChainName.consortium)
    let longest = try longest(
      beginningWith: Replay(state: own, view: ConsortiumView(genesis: genesis, store: own)))
    let consortium = longest.view
    for hospital in genesis.hospitals {
      let chain = try HospitalView(
        genesis: genesis, hospital: hospital, store: state(cloud, chain: hospital),
        consortium: longest.state)
      guard let anchor = try consortium.anchor(of: hospital) else { continue }
      let size = min(chain.size, chain.confirmed?.size ?? 0)
      if try size >= anchor.size && chain.leads(to: anchor) { continue }
      let anchored = "consortium block \(anchor.height) anchors \(anchor.size) leaves of it"
      let (code, what) =
        if !folder.hasStateStore(cloud, chain: hospital) {
          ("missing", "the chain is missing, and \(anchored)")
        } else if size < anchor.size {
          ("behind", "the chain ends at \(size), and \(anchored)")
        } else {
          ("diverged", "the chain is not the one that consortium block \(anchor.height) anchors")
        }
      throw CommandFailure(
        .checkFailed, code: code, "\(folder.path)/\(cloud)/chains/\(hospital).sqlite: \(what)",
        hint: "'bcemr fsck \(folder.path)' says what else is wrong")
    }
  }
}

private struct EmptyStateStore: StateStore {
  func value(forKey key: [UInt8]) -> [UInt8]? { nil }

  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    throw StoreError(.unavailable, "there is no such store")
  }
}
