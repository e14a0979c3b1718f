import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import SQLiteBackend
import TransparencyLog

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say how far the chains of a data folder are, and change nothing.",
    discussion: """
      Every chain is opened as its party opens it: from its state, with what its log holds beyond \
      that. What contradicts itself is named, and who was convicted of two chains. 'bcemr fsck' looks \
      at every byte; this takes the same time whatever the size.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let passed: Bool
    let genesis: String
    let network: String
    /// Ledger time of the cloud's last consortium block.
    let time: String
    let chains: [ChainStatus]
    let faults: [ChainFault]
    let convictions: [Conviction]
    let nanoseconds: UInt64
    let peakMemory: Int
    /// What has to be known and is no fault; absent if there is nothing.
    let remarks: [DemoReport.Remark]?
  }

  func run() async throws {
    let start = MonotoneTime.nanoseconds()
    let existing = try ExistingFolder(folder)
    var survey = ChainSurvey(existing)
    await survey.run()
    let report = Report(
      passed: survey.faults.isEmpty, genesis: "\(existing.genesis.digest)",
      network: existing.genesis.content.network, time: LedgerTime.text(survey.time),
      chains: survey.chains, faults: survey.faults, convictions: survey.convictions,
      nanoseconds: MonotoneTime.nanoseconds() - start, peakMemory: PeakMemory.bytes(),
      remarks: existing.remarks(for: output.console))
    if output.json { Console.write(report) } else { report.print(to: output.console) }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }
}

/// How far a party is with a chain.
struct ChainStatus: Encodable {
  let party: String
  let chain: String
  let leaves: UInt64
  /// Leaves behind the last header.
  let openLeaves: UInt64
  let blocks: UInt64
  /// Leaves that the cloud has cosigned, as this party knows; absent for the consortium chain.
  var confirmed: UInt64?
  /// Leaves that are final, as this party knows.
  var final: UInt64
  /// The height of the consortium block that judges the next item, and by how many seconds of counted
  /// time it is behind the last one.
  var base: UInt64?
  var baseAge: UInt64?
  /// For opening it.
  let nanoseconds: UInt64
}

/// What opening a chain shows to be wrong.
struct ChainFault: Encodable {
  let code: String
  let party: String
  /// Absent for a file that is not of one chain.
  let chain: String?
  /// If it is missing.
  var file: String?
  let what: String
}

/// That keys of an organisation signed two chains, or more of one than it stated, as the consortium chain
/// shows.
struct Conviction: Encodable {
  let organisation: String
  /// How many of its keys.
  let keys: UInt64
}

extension Status.Report {
  fileprivate func print(to console: Console) {
    func text(_ number: UInt64?) -> String { number.map { "\($0)" } ?? "-" }
    let rows: [[String]] = chains.map { chain in
      let leaves = chain.openLeaves > 0 ? "\(chain.leaves)+\(chain.openLeaves)" : text(chain.leaves)
      let age = chain.baseAge.map { "\($0) s" } ?? "-"
      return [
        chain.party, chain.chain, leaves, text(chain.blocks), text(chain.confirmed),
        text(chain.final), text(chain.base), age,
      ]
    }
    console.line(
      Table.text(
        [["party", "chain", "leaves", "blocks", "confirmed", "final", "base", "age"]] + rows,
        leading: 2))
    console.line()
    console.line("ledger \(network), until \(time)")
    console.line("genesis \(genesis)")
    console.line(
      "opened in \(Quantity.time(nanoseconds: nanoseconds)), "
        + "\(Quantity.bytes(peakMemory)) of memory; records, keys and older leaves were not looked at, "
        + "which 'bcemr fsck' does")
    for conviction in convictions {
      console.line(
        "\(conviction.organisation) was convicted, with "
          + (conviction.keys == 1 ? "one key" : "\(conviction.keys) keys"))
    }
    for fault in faults {
      let place = fault.file ?? fault.party + (fault.chain.map { ", \($0)" } ?? "")
      console.line("\(place): \(fault.code): \(fault.what)")
    }
  }
}

/// Opens the chains of a folder, each as its party does.
private struct ChainSurvey {
  private let existing: ExistingFolder
  private(set) var chains: [ChainStatus] = []
  private(set) var faults: [ChainFault] = []
  private(set) var convictions: [Conviction] = []
  /// Of the cloud's last consortium block.
  private(set) var time: UInt64 = 0
  private var consortium: ConsortiumView?
  private var hospitals: [String: HospitalView] = [:]
  /// By hospital, the cloud with whose replay the others are compared.
  private var keepers: [String: String] = [:]

  private static let cloud = "cloud"
  /// A chain that ends too early, and one that is another.
  private static let behind = "behind"
  private static let diverged = "diverged"
  private static let wrongState = "wrong-state"

  init(_ existing: ExistingFolder) { self.existing = existing }

  private var genesis: ValidGenesis { existing.genesis }

  /// The clouds first: they have all chains, and the others are compared with them.
  mutating func run() async {
    let (hospitals, manager) = (existing.hospitals, existing.members.manager.id)
    for hospital in hospitals { keepers[hospital] = existing.keeper(of: hospital) }
    noteMissingFiles()
    var judges: [(cloud: String, judge: Judge)] = []
    for cloud in existing.allClouds {
      guard let judge = openConsortium(cloud) else { continue }
      judges.append((cloud, judge))
      for hospital in hospitals where keepers[hospital] == cloud {
        await open(hospital, by: cloud, judge)
      }
    }
    for (cloud, judge) in judges {
      for hospital in hospitals where keepers[hospital] != cloud {
        await open(hospital, by: cloud, judge)
      }
    }
    for party in hospitals + [manager] {
      guard let judge = openConsortium(party) else { continue }
      for hospital in party == manager ? hospitals : [party] {
        await open(hospital, by: party, judge)
      }
    }
  }

  /// What belongs into the folder whatever the chains hold, and what the cloud's directory asks for.
  private mutating func noteMissingFiles() {
    let folder = existing.folder
    let directory =
      folder.hasStateStore(Self.cloud, chain: ChainName.consortium)
      ? try? folder.stateStore(Self.cloud, chain: ChainName.consortium) : nil
    let doctors = (try? directory?.keys(after: "doctor/")) ?? []
    do {
      let missing = try folder.missingFiles(
        members: existing.members, doctors: doctors.map { String(decoding: $0, as: UTF8.self) })
      for finding in missing { missingFile(finding.file) }
    } catch {
      fault(error, "folder", nil)
    }
  }

  private mutating func missingFile(_ file: String) {
    let name = file.dropFirst(existing.folder.path.utf8.count + 1)
    let parts = name.split(separator: "/").map(String.init)
    let chain = parts.dropLast().last == "chains" ? String(parts[parts.count - 1].dropLast(7)) : nil
    let party =
      ["doctors", "patients"].contains(parts[0]) ? parts.prefix(2).joined(separator: "/") : parts[0]
    faults.append(
      ChainFault(
        code: "\(StoreFinding.Code.missing)", party: party, chain: chain, file: file,
        what: "the file is missing"))
  }

  private mutating func fault(_ code: String, _ party: String, _ chain: String?, _ what: String) {
    faults.append(ChainFault(code: code, party: party, chain: chain, what: what))
  }

  private mutating func fault(_ error: any Error, _ party: String, _ chain: String?) {
    let failure = CommandFailure(error)
    fault(failure.code, party, chain, failure.message)
  }

  // MARK: The consortium chain

  /// What a party judges hospitals' chains by: its replay of the consortium chain, with what others
  /// have beyond that.
  private struct Judge {
    let consortium: ConsortiumView
    let state: any StateStore
    let decider: any ClaimDecider
  }

  private mutating func openConsortium(_ party: String) -> Judge? {
    let start = MonotoneTime.nanoseconds()
    do {
      let state = try existing.state(party, chain: ChainName.consortium)
      let decider = try LedgerSuite.decider(for: genesis)
      let follower = try ConsortiumFollower(genesis: genesis, store: state, decider: decider)
      let view = follower.reader
      chains.append(
        ChainStatus(
          party: party, chain: ChainName.consortium, leaves: view.size, openLeaves: 0,
          blocks: view.height, final: view.final?.size ?? 0,
          nanoseconds: MonotoneTime.nanoseconds() - start))
      try compare(view, of: party)
      try compareVotes(of: party, with: view, hasDecision: follower.decision != nil)
      let longest = try existing.longest(
        beginningWith: ExistingFolder.Replay(state: state, view: view))
      return Judge(consortium: longest.view, state: longest.state, decider: decider)
    } catch {
      fault(error, party, ChainName.consortium)
      return nil
    }
  }

  private mutating func compare(_ view: ConsortiumView, of party: String) throws {
    guard party != Self.cloud else {
      consortium = view
      time = view.time
      convictions = try view.convictions().map {
        Conviction(organisation: $0.organisation, keys: $0.count)
      }
      return
    }
    guard let known = consortium else { return }
    let size = min(view.size, known.size)
    if try view.checkpoint(size: size) != known.checkpoint(size: size) {
      fault(Self.diverged, party, ChainName.consortium, "the cloud has another chain")
    }
  }

  private mutating func compareVotes(
    of party: String, with view: ConsortiumView, hasDecision: Bool
  ) throws {
    guard existing.members.supernode(party)?.votingKey != nil else { return }
    let records = try DelegateRecords(of: party, in: existing.folder.roleStore(party))
    let own = (view.size, view.height, hasDecision)
    for found in try records.faults(beside: own, on: view) {
      let code =
        switch found.kind {
        case .behind: Self.behind
        case .diverged: Self.diverged
        case .invalid: Self.wrongState
        }
      fault(code, party, ChainName.consortium, found.what)
    }
  }

  // MARK: Hospitals' chains

  private mutating func open(_ hospital: String, by party: String, _ judge: Judge) async {
    let start = MonotoneTime.nanoseconds()
    do {
      let view: HospitalView
      if party == hospital {
        view = try await ownChain(hospital, judge)
      } else {
        guard existing.folder.hasStateStore(party, chain: hospital) else {
          // The cloud makes the file with the first block that it confirms.
          if party == keepers[hospital], try judge.consortium.anchor(of: hospital) != nil {
            missingFile("\(existing.folder.path)/\(party)/chains/\(hospital).sqlite")
          }
          return
        }
        view = try HospitalView(
          genesis: genesis, hospital: hospital, store: existing.state(party, chain: hospital),
          consortium: judge.state)
      }
      let consortium = judge.consortium
      let final = try finalSize(of: view, consortium)
      // What is final was confirmed before it was anchored.
      var status = ChainStatus(
        party: party, chain: hospital, leaves: view.size, openLeaves: view.position - view.size,
        blocks: view.height, confirmed: max(view.confirmed?.size ?? 0, final), final: final,
        nanoseconds: MonotoneTime.nanoseconds() - start)
      if let base = view.base {
        status.base = base.reference.height
        status.baseAge = consortium.countedTime - min(consortium.countedTime, base.countedTime)
      }
      chains.append(status)
      try compare(view, of: party, consortium)
    } catch {
      fault(error, party, hospital)
    }
  }

  /// As the hospital itself opens it, with what its log holds beyond the state.
  private func ownChain(_ hospital: String, _ judge: Judge) async throws -> HospitalView {
    var randomness = SystemRandomNumberGenerator()
    let unused = try IdentityKey(
      seed: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &randomness) })
    let writer = try HospitalWriter(
      genesis: genesis, hospital: hospital, log: existing.folder.chainLog(hospital),
      store: OverlaidStateStore(over: existing.state(hospital, chain: hospital)),
      consortium: judge.state, decider: judge.decider, identity: unused)
    try await writer.readLog()
    return await writer.view
  }

  /// The size at the newest final anchor that the chain leads to.
  private func finalSize(of view: HospitalView, _ consortium: ConsortiumView) throws -> UInt64 {
    var number = try consortium.anchorCount(of: view.hospital)
    while number > 0 {
      number -= 1
      guard let anchor = try consortium.anchor(number: number, of: view.hospital),
        anchor.index < consortium.final?.size ?? 0
      else { continue }
      if try view.leads(to: anchor) { return anchor.size }
      // A party that is behind has some of the anchors before.
      if anchor.size <= view.size { return 0 }
    }
    return 0
  }

  private mutating func compare(
    _ view: HospitalView, of party: String, _ consortium: ConsortiumView
  ) throws {
    let hospital = view.hospital
    if let confirmed = view.confirmed, confirmed.size > view.size {
      fault(
        Self.behind, party, hospital,
        "the chain ends before the checkpoint of size \(confirmed.size) that was confirmed")
    }
    if let anchor = try consortium.anchor(of: hospital), try !view.leads(to: anchor) {
      if anchor.size <= view.size {
        fault(
          Self.diverged, party, hospital,
          "consortium block \(anchor.height) anchors another chain of size \(anchor.size)")
      } else if party == keepers[hospital] || party == hospital {
        fault(
          Self.behind, party, hospital,
          "the chain ends before the checkpoint of size \(anchor.size) that is anchored")
      }
    }
    if party == keepers[hospital] {
      hospitals[hospital] = view
    } else if let known = hospitals[hospital] {
      let size = min(view.size, known.size)
      if try view.root(size: size) != known.root(size: size) {
        fault(Self.diverged, party, hospital, "the cloud has confirmed another chain")
      } else if party == hospital, view.size < known.size {
        fault(
          Self.behind, party, hospital,
          "the cloud has confirmed \(known.size) leaves, and the log ends at \(view.size)")
      }
    }
  }
}
