import ArgumentParser
import CanonicalEncoding
import Foundation
import Ledger
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Writes the chains that a daemon has into a file that anybody can verify, while it runs or not.
struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Write the chains of this daemon into one file that a court or an auditor can verify.",
    discussion: """
      The consortium chain, and the chains of hospitals that the roles here keep: a hospital's own, at a cloud \
      those that it confirms. They are taken as of one moment, also while the daemon runs, which waits meanwhile. \
      In the file are entries, hashes and signatures, as 'bcemr verify' reads them: no key, no record, no ticket, \
      and nothing else of the data folder. Chains that others keep come from an export of theirs; 'bcemr compare' \
      says whether both go together.
      """)

  @Option(help: "The configuration of the daemon.")
  var config: String

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file.")
  var output: String

  /// How often it is looked whether all that is anchored is here: what a block anchors may be confirmed here a
  /// moment later.
  private static let attempts = 5

  func run() async throws {
    umask(0o077)
    let configuration = try await DaemonConfiguration.read(config)
    guard !FileManager.default.fileExists(atPath: output) else {
      throw DaemonFailure(
        .badInput, "\(output): there is something already", hint: "each export is a new file")
    }
    let genesis = try Machine.genesis(configuration)
    let room = try CopiesFolder(for: output)
    defer { room.remove() }
    var chains = try KeptChains(configuration, genesis, copiedBy: room, to: "\(room.path)/1")
    for attempt in 2...Self.attempts where chains.absent.contains(where: \.isBehind) {
      try await Task.sleep(for: .seconds(1))
      chains = try KeptChains(
        configuration, genesis, copiedBy: room, to: "\(room.path)/\(attempt)")
    }
    let count = try PrivateOutput.write(room.draft) { write in
      var sink = UstarSink(write)
      try ExportWriter.write(genesis: genesis, logs: chains.logs, to: &sink)
    }
    try room.name(output)
    Output.line(
      "\(output): \(count) bytes of the ledger \(genesis.content.network), until \(Date.text(chains.time))"
    )
    for log in chains.logs { Output.line("  \(log.chain): \(log.size) leaves") }
    for chain in chains.absent { Output.line("  not in it, \(chain.hospital): \(chain.reason)") }
    Output.line("No key and no record is in it.")
    let asked =
      chains.absent.isEmpty
      ? "" : chains.logs.filter { $0.size > 0 }.map { " --chain \($0.chain)" }.joined()
    Output.line("Whoever verifies it has to learn the hash of the genesis in another way:")
    Output.line(
      "bcemr verify \(OrganisationOptions.word(output)) --genesis \(genesis.digest)\(asked)")
  }
}

/// The chains that the roles of a daemon keep, as they were at one moment.
private struct KeptChains {
  struct Absent {
    let hospital: String
    let reason: String
    /// Whether a role here is the hospital, or the cloud that confirms its chain, and lacks leaves that are anchored.
    let isBehind: Bool
  }

  /// The consortium's, then those of hospitals of which all is here that it anchors.
  let logs: [ExportWriter.Log]
  /// Chains of which the consortium anchors what is not here.
  let absent: [Absent]
  /// Ledger time of the last block, in seconds since 1970.
  let time: UInt64

  private let genesis: ValidGenesis
  private let roles: [String]
  private let folder: String

  /// - Parameter folder: a new one, for copies of the stores with chains, and of nothing else.
  /// - Throws: ``DaemonFailure`` `nothing-there`; ``StoreError``.
  init(
    _ configuration: DaemonConfiguration, _ genesis: ValidGenesis, copiedBy room: CopiesFolder,
    to folder: String
  ) throws {
    (self.genesis, roles, self.folder) = (genesis, configuration.roles, folder)
    let data = try DataFolder(beside: configuration.data)
    let names = try data.inventory().files.filter { name in
      configuration.roles.contains { role in
        name.hasPrefix("\(role)/chains/") || name == "\(role)/chain.sqlite"
      }
    }
    try room.prepare(for: names, in: folder)
    _ = try room.copy(names, of: data, to: folder)
    var states: [String: SQLiteStateStore] = [:]
    var longest: ConsortiumView?
    for role in roles {
      guard let state = try Self.state(role, ChainName.consortium, in: folder) else { continue }
      states[role] = state
      let view = try ConsortiumView(genesis: genesis, store: state)
      if view.final?.size ?? 0 >= longest?.final?.size ?? 0 { longest = view }
    }
    guard let consortium = longest, consortium.final != nil else {
      throw DaemonFailure(
        .badInput, "\(configuration.data): no block of the consortium chain is final here yet",
        code: "nothing-there")
    }
    // All bases of a role's chains are final in its own replay, and so in the longest one.
    var logs = [ExportWriter.Log(consortium)]
    var absent: [Absent] = []
    for hospital in try consortium.hospitals {
      let anchor = try Self.finalAnchor(of: hospital, consortium)
      let kept = try Self.longest(hospital, states, genesis, in: folder)
      if let kept, let log = kept.log, log.size >= anchor?.size ?? 0 {
        if try anchor.map({ try kept.view.leads(to: $0) }) ?? true {
          logs.append(log)
        } else {
          // A new cloud goes on from what it was shown: what a former one has confirmed may be cut off (8.3).
          absent.append(
            Absent(
              hospital: hospital,
              reason:
                "the \(log.size) confirmed leaves that are here are not those that are anchored",
              isBehind: false))
        }
      } else if let anchor {
        let cloud = try consortium.members(having: hospital).cloud(ofHospital: hospital)
        let isKeptHere = roles.contains(hospital) || cloud.map(roles.contains) ?? false
        let keepers = [hospital] + (cloud.map { [$0] } ?? [])
        absent.append(
          Absent(
            hospital: hospital,
            reason: isKeptHere
              ? "\(kept?.log?.size ?? 0) confirmed leaves are here, and \(anchor.size) are anchored"
              : "\(keepers.joined(separator: " and ")) keep it",
            isBehind: isKeptHere))
      }
    }
    (self.logs, self.absent) = (logs, absent)
    time = try consortium.finalBlock()?.time ?? consortium.time
  }

  private static func state(
    _ role: String, _ chain: String, in folder: String
  ) throws -> SQLiteStateStore? {
    let path = "\(folder)/\(role)/chains/\(chain).sqlite"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try SQLiteStateStore(readingFrom: path)
  }

  /// The last anchor of a chain that a final block holds.
  private static func finalAnchor(
    of hospital: String, _ consortium: ConsortiumView
  ) throws -> AnchorRecord? {
    var number = try consortium.anchorCount(of: hospital)
    while number > 0 {
      number -= 1
      if let anchor = try consortium.anchor(number: number, of: hospital),
        anchor.index < consortium.final?.size ?? 0
      {
        return anchor
      }
    }
    return nil
  }

  /// Of the roles that keep a hospital's chain, the replay with the most confirmed leaves; its log where
  /// anything is confirmed.
  private static func longest(
    _ hospital: String, _ consortiums: [String: SQLiteStateStore], _ genesis: ValidGenesis,
    in folder: String
  ) throws -> (view: HospitalView, log: ExportWriter.Log?)? {
    var longest: (view: HospitalView, log: ExportWriter.Log?)?
    for (role, consortium) in consortiums.sorted(by: { $0.key < $1.key }) {
      guard let state = try state(role, hospital, in: folder) else { continue }
      let view = try HospitalView(
        genesis: genesis, hospital: hospital, store: state, consortium: consortium)
      let size = view.confirmed?.size ?? 0
      guard longest == nil || size > longest?.log?.size ?? 0 else { continue }
      var log: ExportWriter.Log?
      if size > 0, size <= view.size {
        // A hospital's own leaves are in the log that it writes.
        if role == hospital {
          let own = try SQLiteChainLog(readingFrom: "\(folder)/\(role)/chain.sqlite")
          log = ExportWriter.Log(view) { from, limit, byteCount in
            try own.storedLeaves(from: from, limit: limit, byteCount: byteCount)
          }
        } else {
          log = ExportWriter.Log(view)
        }
      }
      longest = (view, log)
    }
    return longest
  }
}
