import ArgumentParser
import CanonicalEncoding
import Consortium
import Ledger

struct ShowMembers: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "members",
    abstract:
      "List who takes part, with fingerprints, and what is different from the next epoch on.")

  @OptionGroup var options: OrganisationOptions

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      try options.show(try MembersReport(await session.node.consortium))
    }
  }
}

struct MembersReport: OrganisationReport {
  struct Member: Encodable {
    let id: String
    /// organisation, manager, hospital or cloud.
    let kind: String
    /// Who runs it.
    let organisation: String?
    /// Of an organisation.
    let votes: Bool?
    /// Of a hospital: who confirms its chain.
    let cloud: String?
    /// Of a hospital or a cloud: whether it stands for election, has a seat now, and who approves it.
    let stands: Bool?
    let seat: Bool?
    let approvedBy: [String]?
    let fingerprint: Fingerprint
  }

  let epoch: UInt64
  /// Of the next block.
  let height: UInt64
  let nextEpochFrom: UInt64
  /// Blocks of an epoch.
  let epochLength: UInt64
  /// By the names that `propose --limit` has for them, as they hold now.
  let limits: [String: UInt64]
  let members: [Member]
  let joining: [String]
  let leaving: [String]
  let changing: [String]

  init(_ view: ConsortiumView) throws {
    let (now, next) = (try view.members, try view.nextMembers)
    height = view.height
    epoch = view.genesis.epoch(ofHeight: height)
    epochLength = view.genesis.content.epochLength
    nextEpochFrom = (epoch + 1) * epochLength
    let numbers = now.numbers
    limits = Dictionary(
      MemberLimit.all.map { ($0.name, numbers[keyPath: $0.path]) },
      uniquingKeysWith: { first, _ in first })
    let seats = Set(try view.delegates(forHeight: height).seats.compactMap(\.delegate))
    var approvals: [String: [String]] = [:]
    for organisation in now.organisations {
      for id in try view.approval(of: organisation).candidates {
        approvals[id, default: []].append(organisation)
      }
    }
    func names(_ members: ValidMembers) -> [String] {
      members.organisations + [members.manager.id] + members.supernodes.map(\.id)
    }
    members = try names(now).compactMap { id in
      guard let party = now.party(id) else { return nil }
      let fingerprint = Fingerprint(party)
      switch party {
      case .organisation:
        return Member(
          id: id, kind: "organisation", organisation: nil, votes: now.voters.contains(id),
          cloud: nil, stands: nil, seat: nil, approvedBy: nil, fingerprint: fingerprint)
      case .manager:
        return Member(
          id: id, kind: "manager", organisation: party.organisation, votes: nil, cloud: nil,
          stands: nil, seat: nil, approvedBy: nil, fingerprint: fingerprint)
      case .supernode(let node):
        return Member(
          id: id, kind: node.role == .hospital ? "hospital" : "cloud",
          organisation: party.organisation, votes: nil, cloud: now.cloud(ofHospital: id),
          stands: try node.votingKey != nil && view.candidacy(of: id).stands,
          seat: seats.contains(id), approvedBy: approvals[id] ?? [], fingerprint: fingerprint)
      }
    }
    joining = names(next).filter { now.party($0) == nil }
    leaving = names(now).filter { next.party($0) == nil }
    changing = names(now).filter { id in next.party(id).map { $0 != now.party(id) } ?? false }
  }

  var lines: [String] {
    var lines = [
      "epoch \(epoch), height \(height); the next epoch begins at height \(nextEpochFrom), and each has "
        + "\(epochLength) blocks",
      "limits: "
        + MemberLimit.all.map { "\($0.name)=\(limits[$0.name] ?? 0)" }.joined(separator: " "),
    ]
    for member in members {
      var words = "\(member.kind) \(member.id)"
      if let organisation = member.organisation { words += ", run by \(organisation)" }
      if member.votes == true { words += ", has a vote" }
      if let cloud = member.cloud { words += ", confirmed by \(cloud)" }
      if member.seat == true { words += ", a delegate now" }
      if member.stands == false { words += ", does not stand for election" }
      if let approved = member.approvedBy, !approved.isEmpty {
        words += ", approved by \(approved.joined(separator: ", "))"
      }
      lines += [words, "    \(member.fingerprint.text)"]
    }
    for (what, names) in [("joins", joining), ("leaves", leaving), ("changes", changing)]
    where !names.isEmpty {
      lines.append("from the next epoch on \(what): \(names.joined(separator: ", "))")
    }
    return lines
  }
}
