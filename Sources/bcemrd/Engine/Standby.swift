import CanonicalEncoding
import Consortium
import Credentials
import EtcdBackend
import HTTPTransport
import Ledger
import Logging
import SQLiteBackend
import ServiceLifecycle
import Synchronization

/// A machine of a hospital that waits while another writes: it follows all that is shared, and the consortium's
/// chain, so that little is left to do when it takes over.
final class Standby: Service {
  /// Between two looks whether the other is alive.
  private static let interval = Duration.milliseconds(500)
  /// After how many of them it looks what is new.
  private static let followingTurns = 4

  private let id: String
  private let settings: EngineSettings
  private let engine: SharedEngine
  private let folder: DataFolder
  private let genesis: ValidGenesis
  private let upkeep: Upkeep
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var taken: Tenure?
    var writer: Tenure.Holder?
    var failure: String?
  }

  init(
    _ id: String, _ settings: EngineSettings, _ engine: SharedEngine, _ folder: DataFolder,
    _ genesis: ValidGenesis, _ upkeep: Upkeep, logger: Logger
  ) {
    (self.id, self.settings, self.engine) = (id, settings, engine)
    (self.folder, self.genesis, self.upkeep) = (folder, genesis, upkeep)
    var logger = logger
    logger[metadataKey: "machine"] = "\(settings.machine)"
    self.logger = logger
  }

  /// The tenure, once it was taken.
  var taken: Tenure? { state.withLock { $0.taken } }
  /// Who writes, as far as it is known.
  var writer: Tenure.Holder? { state.withLock { $0.writer } }
  /// Why this machine does nothing for who asks its desk.
  var refusal: DaemonFailure {
    let writer = writer
    return DaemonFailure(
      .badInput,
      "\(settings.machine) waits: "
        + (writer.map { "\($0.name) writes, in term \($0.term)" }
          ?? "which machine writes is not known yet"),
      code: "standby",
      hint: writer.map { "ask the desk there, on \($0.name)" }
        ?? "bcemrd engine status says which machine writes; ask the desk there")
  }

  /// What fails now.
  var failure: String? { state.withLock { $0.failure } }

  /// Waits until nobody else writes, and takes the tenure; or until the daemon stops.
  func run() async throws {
    await cancelWhenGracefulShutdown { await self.wait() }
  }

  private func wait() async {
    var (turn, follower): (Int, Following?) = (0, nil)
    while !Task.isCancelled {
      do {
        switch try await Tenure.take(engine, name: settings.machine, lifetime: settings.lifetime) {
        case .taken(let tenure):
          logger.notice(
            "takes over: this machine writes", metadata: ["term": "\(tenure.holder.term)"])
          // Until it is lost or let go.
          Task { await tenure.keep() }
          state.withLock { $0.taken = tenure }
          await follower?.end()
          return
        case .held(let holder):
          if writer != holder {
            logger.notice(
              "waits: another machine writes",
              metadata: ["writer": "\(holder.name)", "term": "\(holder.term)"])
          }
          state.withLock { $0.writer = holder }
        }
        // Without room on the disk it follows later, as roles decide later.
        if turn.isMultiple(of: Self.followingTurns), upkeep.disk.mayStep {
          if follower == nil { follower = try await following() }
          if let former = follower, try await !former.hasPresentKeys() {
            await former.end()
            follower = try await following()
          }
          try await follower?.follow()
        }
        note(nil)
      } catch {
        note(ConsortiumError(error))
      }
      turn += 1
      try? await Task.sleep(for: Self.interval)
    }
    await follower?.end()
  }

  private func following() async throws -> Following {
    try await Following(id, engine, folder, genesis, statistics: upkeep.statistics)
  }

  /// What changes is logged, and not what stays the same.
  private func note(_ error: ConsortiumError?) {
    let text = error.map { "\($0.code): \($0.message)" }
    let before = state.withLock { state in
      defer { state.failure = text }
      return state.failure
    }
    guard text != before else { return }
    if let text {
      logger.warning("cannot follow", metadata: ["reason": "\(text)"])
    } else {
      logger.info("follows again")
    }
  }
}

/// What a machine that waits keeps up to date: its copies, and its replays of both chains. It signs nothing but its
/// questions, and is heard by nobody.
private struct Following {
  private let id: String
  private let engine: SharedEngine
  private let folder: DataFolder
  private let genesis: ValidGenesis
  private let keys: KeyFile
  private let stores: [RoleStoreFollower]
  private let log: SharedChainLog
  private let ring: KeyRing
  private let node: LedgerNode
  private let https: HTTPCourier
  private var size: UInt64 = 0

  init(
    _ id: String, _ engine: SharedEngine, _ folder: DataFolder, _ genesis: ValidGenesis,
    statistics: MessageStatistics
  ) async throws {
    (self.id, self.engine, self.folder, self.genesis) = (id, engine, folder, genesis)
    stores = [
      RoleStoreFollower(engine, SharedHospital.roleStore(id), copy: try folder.roleStore(id)),
      RoleStoreFollower(engine, SharedHospital.mailStore(id), copy: try folder.mailStore(id)),
    ]
    log = SharedChainLog(engine, id, tenure: nil, copy: try folder.chainLog(id))
    keys = try await SharedHospital.takeKeys(of: id, engine, into: folder)
    ring = try KeyRing(keys, network: genesis.content.network, save: { _ in })
    let directory = Directory(genesis.members)
    https = HTTPCourier(statistics: statistics) { await directory.location(of: $0) }
    node = try LedgerNode(
      id: id, genesis: genesis, identity: ring, delegate: nil,
      state: folder.stateStore(id, chain: ChainName.consortium), store: NoStore(),
      requests: RequestClient(courier: https, sender: id), clock: Roles.clock)
    directory.add(node)
  }

  /// Whether the hospital's keys are still those that this began with. The file of this machine has the present
  /// ones then: whoever takes over while etcd is slow begins with them.
  func hasPresentKeys() async throws -> Bool {
    try await SharedHospital.takeKeys(of: id, engine, into: folder).encoded() == keys.encoded()
  }

  mutating func follow() async throws {
    for store in stores { try await store.follow() }
    let size = try await log.follow()
    _ = try await node.advance()
    guard size > self.size else { return }
    // The chain's own blocks are judged by those of the consortium, which may still be on their way.
    let writer = try HospitalWriter(
      genesis: genesis, hospital: id, log: log, store: folder.stateStore(id, chain: id),
      consortium: node.consortiumState, decider: node.decider, identity: ring)
    try await writer.readLog()
    self.size = size
  }

  func end() async { await https.shutDown() }
}

/// Of who only follows the consortium's chain: there is nothing to remember.
private struct NoStore: RoleStore {
  func value(forKey key: String) throws(StoreError) -> [UInt8]? { nil }
  func keys(withPrefix prefix: String) throws(StoreError) -> [String] { [] }
  func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    throw StoreError(.unavailable, "a machine that waits writes nothing")
  }
}
