import ArgumentParser

struct DeskRotateKeys: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate-keys",
    abstract: "Take new keys of a role, which count from the next epoch on.",
    discussion: """
      The former keys are erased when nothing needs them any more. Asked again before that epoch, it takes \
      the same.
      """)

  @Option(
    name: .customLong("use"),
    help: "identity, voting or cosigner/CHAIN; may be given several times. By default all.")
  var uses: [String] = []

  @OptionGroup var options: DeskOptions

  func request() -> RotateKeys { RotateKeys(role: options.role, uses: uses) }
}

struct DeskRenounceVotes: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "renounce-votes",
    abstract: "Give up, at once, the keys with which a role decides blocks: its disk was put back.",
    discussion: """
      It may have signed what it does not know of. Until the next epoch, from which on other keys count, it \
      has no voice. With four delegates one may be without.
      """)

  @OptionGroup var options: DeskOptions

  func request() -> RenounceVotes { RenounceVotes(role: options.role) }
}
