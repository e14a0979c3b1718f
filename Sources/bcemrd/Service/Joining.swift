import ArgumentParser
import Consortium
import Credentials
import Foundation
import HTTPTransport
import Hummingbird
import Ledger
import Logging
import ServiceLifecycle
import Synchronization

/// Waits for a vote: the ledger does not list a role of this machine yet. It follows who takes part from the members
/// of the genesis, whom it believes by proofs alone, and ends once all roles are listed with the keys that are here.
final class Joining: Service {
  /// Between two questions.
  private static let interval = Duration.seconds(2)

  let roles: [String]
  private let files: [String: KeyFile]
  private let pin: @Sendable (Members.Location) -> Bool
  private let configuration: DaemonConfiguration
  private let genesis: ValidGenesis
  private let statistics: MessageStatistics
  private let logger: Logger
  private let found = Mutex<ValidMembers?>(nil)

  /// - Parameters:
  ///   - statistics: of what is asked meanwhile.
  ///   - isOwn: whether a location names the TLS key that is here.
  /// - Returns: nil if all roles are members already, as far as this machine knows.
  /// - Throws: ``CredentialError`` for a key file that cannot be read.
  init?(
    _ configuration: DaemonConfiguration, _ genesis: ValidGenesis,
    statistics: MessageStatistics, logger: Logger,
    isOwn: @escaping @Sendable (Members.Location) -> Bool
  ) throws {
    // Of a folder that cannot be read yet others know more.
    let known = try? PresentMembers(configuration, genesis).members
    let roles = configuration.roles.filter {
      genesis.members.party($0) == nil && known?.party($0) == nil
    }
    if roles.isEmpty { return nil }
    files = Dictionary(
      uniqueKeysWithValues: try roles.map {
        ($0, try KeyFile.read(from: "\(configuration.data)/\($0)/keys.pem", owner: $0))
      })
    (self.roles, self.configuration, self.genesis) = (roles, configuration, genesis)
    (self.statistics, self.logger, pin) = (statistics, logger, isOwn)
  }

  /// The members of the last epoch that is proven, once all roles are among them.
  var listed: ValidMembers? { found.withLock { $0 } }

  func run() async throws {
    try await cancelWhenGracefulShutdown { try await self.wait() }
  }

  private func wait() async throws {
    let known = Mutex(genesis.members)
    let courier = HTTPCourier(statistics: statistics) { id in known.withLock { $0 }.location(of: id)
    }
    let client = try LedgerClient(
      genesis: genesis, store: PassingStore(),
      requests: RequestClient(courier: courier, sender: roles[0]), clock: Roles.clock)
    logger.notice(
      "the ledger does not list it yet: waits for a vote, and begins by itself",
      metadata: ["roles": .list(roles)])
    var turn = 0
    var silent: Set<String> = []
    while !Task.isCancelled {
      let supernodes = known.withLock { $0 }.supernodes.map(\.id)
      let supernode = supernodes[turn % supernodes.count]
      turn += 1
      do {
        let members = try await client.currentMembers(shownBy: supernode)
        known.withLock { $0 = members }
        if silent.remove(supernode) != nil {
          logger.info("a member answers again", metadata: ["member": "\(supernode)"])
        }
        if try isListed(by: members) {
          found.withLock { $0 = members }
          logger.notice("the ledger lists it: begins", metadata: ["roles": .list(roles)])
          break
        }
      } catch let failure as DaemonFailure {
        await courier.shutDown()
        throw failure
      } catch {
        if silent.insert(supernode).inserted {
          logger.info(
            "a member does not show who takes part",
            metadata: ["member": "\(supernode)", "reason": "\(ConsortiumError(error).code)"])
        }
      }
      try? await Task.sleep(for: Self.interval)
    }
    await courier.shutDown()
  }

  /// - Throws: ``DaemonFailure`` if others have voted for other keys than those that are here.
  private func isListed(by members: ValidMembers) throws -> Bool {
    for (id, file) in files {
      guard let party = members.party(id) else { return false }
      if case .organisation = party { throw RoleKeys.organisation(id) }
      guard (try? file.givenUp(by: members, network: genesis.content.network)) != nil else {
        throw RoleKeys.foreign(id, at: "\(configuration.data)/\(id)/keys.pem")
      }
      guard let location = members.location(of: id), pin(location) else {
        throw DaemonFailure(
          .badInput, "the ledger lists \(id) with another TLS key than the one here",
          code: "unlisted-tls-key", hint: "put back the key that 'init' made")
      }
    }
    return true
  }
}

/// What who waits to be listed says of itself on the operations port.
struct JoiningServer: Service {
  private struct Report: Encodable {
    struct Role: Encodable {
      let ready = false
      let reasons = ["the ledger does not list it yet: a vote has to"]
    }

    let ready = false
    let roles: [String: Role]
  }

  private struct Condition: Encodable {
    let status: String
    let failedChecks: [Health.FailedCheck]
    let waits = "to be listed"
    let roles: [String: [String: UInt64]] = [:]
  }

  let roles: [String]
  let listen: DaemonConfiguration.Listen
  let upkeep: Upkeep
  let logger: Logger

  func run() async throws {
    let router = Router()
    let report = Report(
      roles: Dictionary(uniqueKeysWithValues: roles.map { ($0, Report.Role()) }))
    router.get("health") { [upkeep] _, _ in
      let failed = upkeep.disk.failedChecks
      return try OperationsServer.response(
        Condition(status: failed.isEmpty ? "ok" : "failing", failedChecks: failed), .ok)
    }
    router.get("ready") { _, _ in
      try OperationsServer.response(report, .serviceUnavailable)
    }
    router.get("metrics") { [upkeep] _, _ in OperationsServer.response(upkeep.metrics()) }
    router.get("version") { _, _ in
      try OperationsServer.response(["version": BCEMRD.configuration.version], .ok)
    }
    try await OperationsServer.serve(router, on: listen, logger)
  }
}

/// Remembers until the process ends: who begins again asks again.
private final class PassingStore: RoleStore {
  private let values = Mutex<[String: [UInt8]]>([:])

  func value(forKey key: String) throws(StoreError) -> [UInt8]? { values.withLock { $0[key] } }

  func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    values.withLock { $0.keys.filter { $0.hasPrefix(prefix) } }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try RoleStoreLimits.check(changes)
    values.withLock { values in
      for (key, value) in changes { values[key] = value }
    }
  }
}
