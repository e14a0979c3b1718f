import ArgumentParser
import CanonicalEncoding
import TerminalText

/// What an organisation decides about who takes part, with a key that no server has.
struct OrganisationCommands: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "organisation",
    abstract: "Propose, agree, vote and approve, with the key of an organisation.",
    discussion: """
      They need the genesis and the keys that 'init' has made, and no server: put the key's medium into a \
      machine that reaches the other members, and take it out again. Each keeps its own copy of the \
      consortium chain beside the keys, and checks all of it.

      A new member: it runs 'init'; the cloud that is to confirm a hospital's chain runs 'desk confirm-chain'; \
      a member proposes into a draft; who is listed in it agrees; the member submits it, and the others vote. \
      It all holds from the next epoch on.
      """,
    subcommands: [
      ShowMembers.self, ShowMotions.self, Propose.self, ShowDraft.self, Agree.self, Submit.self,
      Vote.self, Approve.self, RotateOrganisationKey.self, NewOrganisationKey.self,
    ])
}

/// For how long a command waits for a block.
struct WaitOption: ParsableArguments {
  private static let longest = 3600

  @Option(
    name: .customLong("wait"),
    help: ArgumentHelp("Seconds to wait until a final block holds it.", valueName: "seconds"),
    transform: LengthOfTime.argument)
  var time = LengthOfTime.minute

  var duration: Duration { time.duration }

  func validate() throws {
    guard time.seconds <= Double(Self.longest) else {
      throw ValidationError("--wait is 0 to \(Self.longest) seconds")
    }
  }
}

/// Nothing but that it was signed, and where it stands.
struct SubmittedReport: OrganisationReport {
  let what: String
  /// The digest of the entry.
  let entry: String
  /// Whether a final block holds it.
  let final: Bool
  /// What shows later whether one does.
  let again: String

  /// - Parameter listing: the command that lists such entries, as `motions`.
  init(
    _ what: String, _ done: (entry: Digest32, isFinal: Bool), listing: String,
    _ options: OrganisationOptions
  ) {
    (self.what, entry, final) = (what, "\(done.entry)", done.isFinal)
    again = Self.again(listing, options)
  }

  static func again(_ listing: String, _ options: OrganisationOptions) -> String {
    "bcemrd organisation \(listing) \(options.arguments)"
  }

  static func waiting(_ again: String) -> String {
    "the delegates have it, and no final block holds it yet; look again: \(again)"
  }

  var lines: [String] { [what, final ? "a final block holds it" : Self.waiting(again)] }
}
