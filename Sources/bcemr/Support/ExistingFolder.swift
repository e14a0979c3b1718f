import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend

/// The data folder of a consortium that exists, read by this process.
struct ExistingFolder {
  let folder: DataFolder
  let genesis: ValidGenesis
  /// Whose replay of the consortium chain says who takes part: the first cloud's; where there is none that
  /// can be read, the longest of another party.
  private let witness: String
  /// Who takes part, and all hospitals that there were, as that replay has it; where none can be read, as
  /// the genesis has it.
  let members: ValidMembers
  let hospitals: [String]
  /// The cloud of each hospital; the last that it had, if it is none any more.
  private let clouds: [String: String]

  /// - Throws: ``CommandFailure`` if there is none; nothing is left behind then.
  init(_ path: String) throws {
    try Self.requireFolder(path)
    try DataFolder.requireOutside(path)
    try DataFolder.requireNoTiles(path)
    genesis = try Self.genesis(at: "\(path)/genesis.der", of: path)
    let folder = try DataFolder(reading: path)
    self.folder = folder
    var (members, hospitals) = (genesis.members, genesis.members.hospitals)
    var assigned: [String: String] = [:]
    for hospital in hospitals { assigned[hospital] = members.cloud(ofHospital: hospital) }
    let found = Self.witness(in: folder, genesis)
    witness = found?.party ?? Self.cloud
    if let view = found?.view, let present = try? view.members, let all = try? view.hospitals {
      (members, hospitals) = (present, all)
      for hospital in all {
        assigned[hospital] = (try? view.members(having: hospital))?.cloud(ofHospital: hospital)
      }
    }
    (self.members, self.hospitals, clouds) = (members, hospitals, assigned)
  }

  private static let cloud = "cloud"

  /// What has to be known of the folder though it can be read: that it lacks what this machine has seen of its
  /// ledger. It is said on stderr too, unless a report says it; nil if there is nothing.
  func remarks(for console: Console) -> [DemoReport.Remark]? {
    guard let remark = LedgerWitness.remark(onReading: folder) else { return nil }
    if !console.isReported { Console.diagnostic(remark.message) }
    return [remark]
  }

  private static func witness(
    in folder: DataFolder, _ genesis: ValidGenesis
  ) -> (party: String, view: ConsortiumView)? {
    if let own = folder.consortium(of: cloud, genesis), own.size > 0 { return (cloud, own) }
    let parties = genesis.members.supernodes.map(\.id) + [genesis.members.manager.id]
    return parties.compactMap { party in
      folder.consortium(of: party, genesis).map { (party, $0) }
    }.max { $0.1.size < $1.1.size }
  }

  /// The consortium chain, for who asks about members and delegates.
  func consortium() throws -> ConsortiumView {
    if witness != Self.cloud {
      Console.diagnostic(
        "\(folder.path)/\(Self.cloud)/chains/consortium.sqlite cannot be read; this is what \(witness) has"
      )
    }
    return try reading(witness, ChainName.consortium) {
      try ConsortiumView(genesis: genesis, store: state(witness, chain: ChainName.consortium))
    }
  }

  /// All clouds, of whose replays of the consortium chain the first one's is read.
  var allClouds: [String] {
    [Self.cloud]
      + members.supernodes.filter { $0.role == .cloud && $0.id != Self.cloud }.map(\.id)
  }

  /// The cloud that confirms a hospital's chain.
  func cloud(of hospital: String) -> String { clouds[hospital] ?? Self.cloud }

  /// The cloud whose replay of a hospital's chain is read: the present one's, unless that is still taking
  /// the chain over, and another has all that is anchored.
  func keeper(of hospital: String) -> String {
    let present = cloud(of: hospital)
    let others = allClouds.filter { $0 != present }
    guard !others.isEmpty,
      let consortium = try? state(Self.cloud, chain: ChainName.consortium),
      let view = try? ConsortiumView(genesis: genesis, store: consortium),
      let anchor = try? view.anchor(of: hospital)
    else { return present }
    func hasAll(_ cloud: String) -> Bool {
      guard folder.hasStateStore(cloud, chain: hospital),
        let store = try? folder.stateStore(cloud, chain: hospital),
        let chain = try? HospitalView(
          genesis: genesis, hospital: hospital, store: store, consortium: consortium)
      else { return false }
      return chain.size >= anchor.size
    }
    return hasAll(present) ? present : others.first(where: hasAll) ?? present
  }

  /// - Throws: ``CommandFailure`` `not-a-folder` for a file, as an export of a ledger is one.
  private static func requireFolder(_ path: String) throws(CommandFailure) {
    guard FileManager.default.fileExists(atPath: path), !SystemFile.isFolder(path) else { return }
    throw CommandFailure(
      .badInput, code: "not-a-folder",
      "\(path): this is no folder, and the data folder of a consortium is needed",
      hint: (try? SystemFile.beginsLikeExport(path)) == true
        ? "'bcemr verify \(path)' checks an export of a ledger" : nil)
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
      if let lost = LedgerWitness.lost(path) { throw lost }
      throw CommandFailure(
        .badInput, code: "not-found",
        SystemFile.isFolder(path)
          ? "\(path): there is no consortium in this folder" : "\(path): there is no such folder",
        hint: "'bcemr demo --data \(path)' makes one")
    } catch {
      throw CommandFailure(error, at: file)
    }
  }

  /// What a role's replay of a chain has come to; nothing, if the role has not begun.
  func state(_ role: String, chain: String) throws -> any StateStore {
    try Self.state(in: folder, role, chain: chain)
  }

  private static func state(
    in folder: DataFolder, _ role: String, chain: String
  ) throws -> any StateStore {
    folder.hasStateStore(role, chain: chain)
      ? try folder.stateStore(role, chain: chain) : EmptyStateStore()
  }

  /// The file of a role's replay of a chain.
  private func file(_ role: String, _ chain: String) -> String {
    "\(folder.path)/\(role)/chains/\(chain).sqlite"
  }

  /// Reads a role's replay of a chain, so that an error names its file.
  private func reading<Value>(
    _ role: String, _ chain: String, _ body: () throws -> Value
  ) throws(CommandFailure) -> Value {
    do {
      return try body()
    } catch {
      throw CommandFailure(error, at: file(role, chain))
    }
  }

  /// The logs as the clouds' replays have them: all that is final or confirmed.
  ///
  /// - Throws: ``CommandFailure``, as the logs do; it names the file that cannot be read.
  func logs() throws(CommandFailure) -> [ExportWriter.Log] {
    func log(
      _ role: String, _ chain: String, _ read: () throws -> ExportWriter.Log
    ) throws(CommandFailure) -> ExportWriter.Log {
      let file = file(role, chain)
      return try reading(role, chain, read).mapErrors { CommandFailure($0, at: file) }
    }
    let consortium = try reading(Self.cloud, ChainName.consortium) {
      try state(Self.cloud, chain: ChainName.consortium)
    }
    var logs = [
      try log(Self.cloud, ChainName.consortium) {
        ExportWriter.Log(try ConsortiumView(genesis: genesis, store: consortium))
      }
    ]
    for hospital in hospitals {
      let keeper = keeper(of: hospital)
      logs.append(
        try log(keeper, hospital) {
          ExportWriter.Log(
            try HospitalView(
              genesis: genesis, hospital: hospital, store: state(keeper, chain: hospital),
              consortium: consortium))
        })
    }
    return logs
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
    let parties = members.supernodes.map(\.id) + [members.manager.id]
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
    let longest = try reading(Self.cloud, ChainName.consortium) {
      let own = try state(Self.cloud, chain: ChainName.consortium)
      return try self.longest(
        beginningWith: Replay(state: own, view: ConsortiumView(genesis: genesis, store: own)))
    }
    let consortium = longest.view
    for hospital in hospitals {
      let keeper = keeper(of: hospital)
      let anchor = try consortium.anchor(of: hospital)
      let (size, isAnchored) = try reading(keeper, hospital) { () throws -> (UInt64, Bool) in
        let chain = try HospitalView(
          genesis: genesis, hospital: hospital, store: state(keeper, chain: hospital),
          consortium: longest.state)
        let size = min(chain.size, chain.confirmed?.size ?? 0)
        return (size, try anchor.map { try size >= $0.size && chain.leads(to: $0) } ?? true)
      }
      guard let anchor, !isAnchored else { continue }
      let anchored = "consortium block \(anchor.height) anchors \(anchor.size) leaves of it"
      let (code, what) =
        if !folder.hasStateStore(keeper, chain: hospital) {
          ("missing", "the chain is missing, and \(anchored)")
        } else if size < anchor.size {
          ("behind", "the chain ends at \(size), and \(anchored)")
        } else {
          ("diverged", "the chain is not the one that consortium block \(anchor.height) anchors")
        }
      throw CommandFailure(
        .checkFailed, code: code, "\(file(keeper, hospital)): \(what)",
        hint: "'bcemr fsck \(folder.path)' says what else is wrong")
    }
  }
}

/// The state of a chain that has no leaf.
struct EmptyStateStore: StateStore {
  func value(forKey key: [UInt8]) -> [UInt8]? { nil }

  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    throw StoreError(.unavailable, "there is no such store")
  }
}
