import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Pairings

/// Puts the descriptions of all parties into a genesis.
struct Found: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the genesis of a consortium from the descriptions of its parties.",
    discussion: """
      It holds no secret: every party compares the digest with the others, by telephone, before it begins. \
      The supernodes named as delegates decide the blocks of the first epoch: 3f + 1 of them, at least 4.
      """)

  @Argument(help: "The descriptions of the parties, one manager among them.")
  var parties: [String]

  @Option(help: "The name of the ledger: 1 to 64 of a-z, 0-9 and '-'.")
  var network: String

  @Option(
    name: .customLong("delegate"), help: "A delegate of the first epoch, in the order of seats.")
  var delegates: [String]

  @Option(help: "Seconds that each doctor of a team has.")
  var window: UInt64 = 600

  @Option(help: "Blocks of the consortium chain in an epoch.")
  var epochLength: UInt64 = 1000

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file.")
  var output: String

  func run() throws {
    let members = try parties.map(MemberDescription.read)
    let managers = members.filter { $0.kind == .manager }
    guard managers.count == 1, let manager = managers.first else {
      throw DaemonFailure(.badInput, "there are \(managers.count) managers among the parties")
    }
    var organisations: [Members.Organisation] = []
    for member in try members.map({ try $0.member })
    where !organisations.contains(where: { $0 == member }) {
      organisations.append(member)
    }
    let genesis = Genesis(
      network: network, suite: Suite.name, createdAt: Roles.clock(), epochLength: epochLength,
      members: Members(
        numbers: .init(
          window: window, maximumLag: min(120, window / 4), seatCount: UInt64(delegates.count)),
        organisations: organisations, manager: try manager.manager,
        supernodes: try members.filter { $0.kind != .manager }.map { try $0.supernode }),
      delegates: delegates)
    let valid = try ValidGenesis(genesis)
    try DurableFile.create(genesis.encoded(), at: output)
    Output.line("\(valid.digest)")
  }
}
