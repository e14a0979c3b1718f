import Consortium
import Ledger
import Logging
import ServiceLifecycle

/// Asks for other keys in the place of those that a role has given up, until it is listed with them: its data was
/// put back, or its operator has asked for it. Until then it decides and confirms nothing with them.
struct KeyRenewal: Service {
  private static let interval = Duration.seconds(10)

  let role: any DrivenRole
  let uses: Set<KeyUse>
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown { await renew() }
    // A service that ends would end all others.
    try? await gracefulShutdown()
  }

  private func renew() async {
    let names = uses.map(\.name).sorted().joined(separator: ", ")
    logger.warning(
      "keys are given up: it has no voice until others are listed",
      metadata: ["role": "\(role.id)", "keys": "\(names)"])
    let former = await listed()
    var failure: String?
    while !Task.isCancelled {
      do {
        try await role.rotateKeys(uses)
        if let former, let present = await listed(), present.isDisjoint(with: former) {
          logger.notice("other keys are listed", metadata: ["role": "\(role.id)"])
          return
        }
      } catch {
        let text = "\(ConsortiumError(error).code)"
        if failure != text {
          logger.info("other keys cannot be asked for yet", metadata: ["reason": "\(text)"])
        }
        failure = text
      }
      try? await Task.sleep(for: Self.interval)
    }
  }

  /// The public keys of these uses that members know now.
  private func listed() async -> Set<[UInt8]>? {
    guard let party = try? await role.node.members.party(role.id) else { return nil }
    let names = Set(uses.map(\.name))
    return Set(party.keysByUse.filter { names.contains($0.use) }.map(\.key))
  }
}
