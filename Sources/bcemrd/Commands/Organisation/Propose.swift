import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Ledger

struct Propose: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask the other organisations to decide on changes of who takes part.",
    discussion: """
      All changes of one motion concern the same organisation, or none. Where somebody has to agree, as who \
      is to be admitted, the motion goes into a draft (-o), which they sign; 'submit' puts it. Where nobody \
      has to, it is put at once unless -o is given.
      """)

  @Option(
    name: .customLong("admit"),
    help:
      "The description of a party that is to be admitted, with its organisation unless that is a member."
  )
  var admitted: [String] = []

  @Option(
    name: .customLong("replace"),
    help:
      "The description of a member that has lost its keys, or of an organisation as 'new-key' made it."
  )
  var replaced: [String] = []

  @Option(name: .customLong("remove"), help: "A party, or an organisation with all that it runs.")
  var removed: [String] = []

  @Option(
    name: .customLong("cloud"),
    help: "HOSPITAL:CLOUD:KEY, as 'desk confirm-chain' of the cloud printed it.")
  var clouds: [String] = []

  @Option(name: .customLong("limit"), help: "As window=900; may be given several times.")
  var limits: [String] = []

  @Option(name: .customLong("readmit"), help: "An organisation that was convicted.")
  var readmitted: [String] = []

  @Option(name: .customLong("unbar"), help: "A hospital of which a log key was convicted.")
  var unbarred: [String] = []

  @Option(help: "For how many epochs after this one it stays open.")
  var epochs: UInt64 = 10

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file, for the draft.")
  var output: String?

  @OptionGroup var wait: WaitOption
  @OptionGroup var options: OrganisationOptions

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      let consortium = await session.node.consortium
      let changes = try changes(of: consortium.nextMembers)
      guard (1...Motion.changeLimit).contains(changes.count) else {
        throw DaemonFailure(
          .badInput, "a motion makes 1 to \(Motion.changeLimit) changes", code: "no-changes",
          hint: "as --admit FILE, --remove ID, --limit window=900")
      }
      guard epochs <= Motion.epochLimit else {
        throw DaemonFailure(.badInput, "--epochs is at most \(Motion.epochLimit)")
      }
      let motion = Motion(
        number: try consortium.nextMotion(of: session.id),
        lastEpoch: session.genesis.epoch(ofHeight: consortium.height) + epochs, changes: changes)
      try Self.requireForm(motion)
      let preview = try consortium.preview(of: changes)
      let draft = MotionDraft(motion, by: session.id, genesis: session.genesis.digest)
      if let output {
        try draft.write(output, isNew: true)
        return try options.show(
          DraftReport(
            draft, consortium.nextMembers, session.genesis.digest, preview: preview,
            written: (output, options)))
      }
      guard preview.consents.isEmpty else {
        throw DaemonFailure(
          .badInput, "\(preview.consents.keys.sorted().joined(separator: ", ")) must agree first",
          code: "not-agreed", hint: "write a draft with -o FILE, and give it to them")
      }
      let done = try await session.submit(motion, patience: wait.duration)
      try options.show(PutReport(motion, done, try consortium.nextMembers, options))
    }
  }

  /// In the order of the options.
  private func changes(of members: ValidMembers) throws -> [MemberChange] {
    var changes: [MemberChange] = []
    for path in admitted {
      let description = try MemberDescription.read(path)
      guard members.party(description.id) == nil else {
        throw DaemonFailure(
          .badInput, "\(path): \(description.id) is a member already", code: "member-already",
          hint: "--replace lists a member with other keys")
      }
      let (own, party) = (try description.member, try description.party)
      if members.party(own.id) != .organisation(own) {
        guard members.party(own.id) == nil else {
          throw DaemonFailure(
            .badInput, "\(path): \(own.id) is on the ledger with another key", code: "foreign-keys",
            hint: "a party of an organisation that is a member is made with that one's key")
        }
        changes.append(.admit(.organisation(own)))
      }
      changes.append(.admit(party))
    }
    for path in replaced { changes.append(.admit(try Self.replacement(path, members))) }
    changes += removed.map(MemberChange.remove)
    changes += try clouds.map { .assignCloud(try Self.assignment($0)) }
    if !limits.isEmpty {
      var numbers = members.numbers
      for limit in limits { try MemberLimit.set(limit, in: &numbers) }
      changes.append(.setNumbers(numbers))
    }
    return changes + readmitted.map(MemberChange.readmit) + unbarred.map(MemberChange.unbar)
  }

  private static func replacement(_ path: String, _ members: ValidMembers) throws -> Party {
    if let organisation = try OrganisationDescription.read(path) {
      guard members.organisations.contains(organisation.id) else {
        throw DaemonFailure(
          .badInput, "\(path): \(organisation.id) is no member", code: "not-member")
      }
      return .organisation(organisation)
    }
    let description = try MemberDescription.read(path)
    guard members.party(description.id) != nil else {
      throw DaemonFailure(
        .badInput, "\(path): \(description.id) is no member", code: "not-member",
        hint: "--admit lists who is new")
    }
    guard description.kind != .hospital else {
      throw DaemonFailure(
        .badInput, "\(path): a hospital keeps its log key for ever", code: "log-key",
        hint:
          "with its data folder from a backup it takes other keys by 'desk rotate-keys'; one that has lost "
          + "all is admitted under another identifier")
    }
    return try description.party
  }

  private static func assignment(_ text: String) throws -> CloudAssignment {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, ValidGenesis.isIdentifier(parts[0]),
      ValidGenesis.isIdentifier(parts[1]), let key = Digest32(hex: parts[2])
    else {
      throw DaemonFailure(
        .badInput, "--cloud \(text): this is not HOSPITAL:CLOUD:KEY", code: "bad-assignment",
        hint: "take the line that 'bcemrd desk confirm-chain' prints at the cloud")
    }
    return CloudAssignment(hospital: parts[0], cloud: parts[1], cosigningKey: key.bytes)
  }

  /// What nobody could decode nobody votes on.
  private static func requireForm(_ motion: Motion) throws {
    do {
      _ = try Motion(encoded: motion.encoded())
    } catch {
      throw DaemonFailure(.badInput, error.message, code: error.codeText)
    }
  }
}
