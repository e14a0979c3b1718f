import ArgumentParser
import CanonicalEncoding
import Foundation
import Ledger

/// Who takes part in a consortium, and what the organisations are asked to decide.
struct ShowMembers: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "members",
    abstract: "Show who takes part in a consortium, and what is being voted on.",
    discussion: """
      Organisations, the parties that they run, and the clouds of the hospitals, of the epoch of the \
      next block or of an earlier one; what is different in the epoch after it, as far as it is \
      decided; and the motions that are open, with the votes so far; with --history all motions, with \
      what became of them (specification 6.13).
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  // What begins with a dash is a value too, so that it is named as a wrong one.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The epoch whose members are shown, from 0.", valueName: "number"),
    transform: EpochArgument.number)
  var epoch: UInt64?

  @Flag(help: "Show all motions that there were, who voted on them and when.")
  var history = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let existing = try ExistingFolder(folder)
    let view = try existing.consortium()
    let present = existing.genesis.epoch(ofHeight: view.height)
    if let epoch, epoch > present {
      throw CommandFailure(
        .badInput, code: "no-epoch", "the epochs of this ledger up to now are 0 to \(present)")
    }
    let report = try MembersReport(
      view, epoch: epoch ?? present, isPresent: epoch == nil, hasHistory: history)
    if output.json { Console.write(report) } else { report.print(to: output.console) }
  }
}

private struct MembersReport: Encodable {
  struct Organisation: Encodable {
    let id: String
    /// Whether it runs a hospital.
    let votes: Bool
    let barred: Bool
    let parties: [Party]
  }

  struct Party: Encodable {
    let id: String
    /// manager, hospital or cloud.
    let role: String
    /// The cloud that confirms a hospital's chain.
    let cloud: String?
    /// Whether it has the keys of a delegate.
    let candidate: Bool
  }

  struct Vote: Encodable {
    let organisation: String
    let approves: Bool
    let block: UInt64
    let time: String
  }

  struct MotionReport: Encodable {
    let motion: String
    let by: String
    let block: UInt64
    let changes: [String]
    let lastEpoch: UInt64
    let concerned: String?
    /// open, passed, failed or lapsed.
    let status: String
    let votes: [Vote]
  }

  let epoch: UInt64
  let digest: String
  let seats: UInt64
  let organisations: [Organisation]
  /// What the next epoch has that this one has not, and the other way round, by identifiers.
  let joining: [String]
  let leaving: [String]
  let changing: [String]
  /// More than two thirds of so many decide where nobody is concerned.
  let voters: Int
  let motions: [MotionReport]

  init(
    _ view: ConsortiumView, epoch: UInt64, isPresent: Bool, hasHistory: Bool
  ) throws {
    let members = try view.members(inEpoch: epoch)
    self.epoch = epoch
    digest = "\(members.digest)"
    seats = members.numbers.seatCount
    organisations = try members.organisations.map { id in
      Organisation(
        id: id, votes: members.voters.contains(id), barred: try view.isBarred(organisation: id),
        parties: Self.parties(of: id, members))
    }
    let next = isPresent ? try view.nextMembers : members
    let (own, coming) = (Self.names(members), Self.names(next))
    joining = coming.filter { members.party($0) == nil }
    leaving = own.filter { next.party($0) == nil }
    changing = own.filter { id in next.party(id).map { $0 != members.party(id) } ?? false }
    voters = members.voters.count
    let all = isPresent || hasHistory ? try view.motions() : []
    motions = try all.map { try MotionReport($0, view) }
      .filter { hasHistory || $0.status == "open" }
  }

  private static func names(_ members: ValidMembers) -> [String] {
    members.organisations + [members.manager.id] + members.supernodes.map(\.id)
  }

  private static func parties(of organisation: String, _ members: ValidMembers) -> [Party] {
    var parties: [Party] = []
    if members.manager.organisation == organisation {
      parties.append(Party(id: members.manager.id, role: "manager", cloud: nil, candidate: false))
    }
    for node in members.supernodes where node.organisation == organisation {
      parties.append(
        Party(
          id: node.id, role: node.role == .hospital ? "hospital" : "cloud",
          cloud: members.cloud(ofHospital: node.id), candidate: node.votingKey != nil))
    }
    return parties
  }

  func print(to console: Console) {
    console.line("Epoch \(epoch), \(seats) seats of delegates; members \(digest):")
    console.line(
      Table.text(
        [["organisation", "vote", "runs"]]
          + organisations.map { organisation in
            [
              organisation.id + (organisation.barred ? " (barred)" : ""),
              organisation.votes ? "yes" : "no",
              organisation.parties.map { party in
                party.cloud.map { "\(party.id) (confirmed by \($0))" } ?? party.id
              }.joined(separator: ", "),
            ]
          }, leading: 3))
    let coming = [("joins", joining), ("leaves", leaving), ("changes", changing)]
    for (what, names) in coming where !names.isEmpty {
      console.line("In epoch \(epoch + 1) \(what): \(names.joined(separator: ", ")).")
    }
    for motion in motions {
      console.line()
      console.line("Motion \(motion.motion)")
      console.line(
        "  by \(motion.by) in block \(motion.block), until the end of epoch \(motion.lastEpoch): "
          + "\(motion.status)")
      for change in motion.changes { console.line("  \(change)") }
      if let concerned = motion.concerned { console.line("  \(concerned) does not vote on it") }
      for vote in motion.votes {
        console.line(
          "  \(vote.approves ? "yes" : "no"), \(vote.organisation), block \(vote.block), \(vote.time)"
        )
      }
    }
  }
}

extension MembersReport.MotionReport {
  fileprivate init(_ history: MotionHistory, _ view: ConsortiumView) throws {
    motion = "\(history.entry)"
    by = history.signer
    block = try view.block(holding: history.index)?.reference.height ?? view.height
    changes = history.motion.changes.map(Self.words)
    lastEpoch = history.motion.lastEpoch
    concerned = history.concerned
    status =
      switch history.status {
      case .open: view.genesis.epoch(ofHeight: view.height) > lastEpoch ? "lapsed" : "open"
      case .passed: "passed"
      case .failed: "failed"
      }
    votes = try history.votes.map { vote in
      let block = try view.block(holding: vote.index)
      return MembersReport.Vote(
        organisation: vote.organisation, approves: vote.approves,
        block: block?.reference.height ?? view.height, time: LedgerTime.text(block?.time ?? 0))
    }
  }

  private static func words(_ change: MemberChange) -> String {
    switch change {
    case .admit(let party): "admit \(party.id), or change it"
    case .remove(let id): "remove \(id)"
    case .assignCloud(let assigned):
      "have \(assigned.cloud) confirm the chain of \(assigned.hospital)"
    case .setNumbers: "other limits"
    case .readmit(let organisation): "let \(organisation) be elected again"
    case .unbar(let hospital): "let the chain of \(hospital) go on"
    }
  }
}
