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
    try check(members)
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
    let valid = try ValidGenesis(founding: genesis)
    try DurableFile.create(genesis.encoded(), at: output)
    Output.line("\(valid.digest)")
  }

  /// Names who is missing or stands there twice; all else says the genesis itself.
  private func check(_ members: [MemberDescription]) throws {
    func refuse(_ message: String, hint: String? = nil) throws -> Never {
      throw DaemonFailure(.badInput, message, code: "invalid-members", hint: hint)
    }
    try Identifiers.check(network, "--network")
    let kinds = Dictionary(
      members.map { ($0.id, $0.kind) }, uniquingKeysWith: { first, _ in first })
    for member in members where members.count(where: { $0.id == member.id }) > 1 {
      try refuse("two files are of \(member.id)")
    }
    var clouds: [String: [String]] = [:]
    for member in members {
      for hospital in member.cosigningKeys.keys.sorted() where hospital != ChainName.consortium {
        guard kinds[hospital] == .hospital else {
          try refuse(
            kinds[hospital] == nil
              ? "\(member.id) confirms \(hospital), and \(hospital) is not among the files"
              : "\(member.id) confirms \(hospital), which is no hospital")
        }
        clouds[hospital, default: []].append(member.id)
      }
    }
    for member in members where member.kind == .hospital {
      let clouds = clouds[member.id] ?? []
      guard clouds.count == 1 else {
        try refuse(
          clouds.isEmpty
            ? "no cloud among the files confirms \(member.id)"
            : "\(clouds.joined(separator: " and ")) both confirm \(member.id)",
          hint: "one cloud does, by keys of 'init --kind cloud --confirms \(member.id)'")
      }
    }
    for delegate in delegates {
      switch kinds[delegate] {
      case nil: try refuse("--delegate \(delegate): \(delegate) is not among the files")
      case .manager:
        try refuse(
          "--delegate \(delegate): this is the manager; hospitals and clouds are delegates")
      default: break
      }
      guard delegates.count(where: { $0 == delegate }) == 1 else {
        try refuse("--delegate \(delegate): it is named twice")
      }
    }
    guard delegates.count >= 4, delegates.count % 3 == 1 else {
      try refuse(
        "there are \(delegates.count) delegates", hint: "there have to be 3f + 1, as 4, 7 or 10")
    }
  }
}
