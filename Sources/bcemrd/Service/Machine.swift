import CanonicalEncoding
import Consortium
import Credentials
import HTTPTransport
import Ledger
import Logging
import NIOSSL
import SQLiteBackend
import ServiceLifecycle
import Synchronization

/// All that runs on one machine, put together from its configuration.
struct Machine {
  let genesis: ValidGenesis
  let services: [any Service]
  private let https: HTTPCourier

  /// - Throws: ``DaemonFailure``, and what opening stores throws.
  init(_ configuration: DaemonConfiguration, logger: Logger) throws {
    let genesis = try Self.genesis(configuration)
    let tls = try TLSFiles.load(certificate: configuration.certificate, key: configuration.key)
    let folder = try DataFolder(path: configuration.data)
    try folder.create(genesis: genesis.content.encoded())
    for id in configuration.roles
    where genesis.members.location(of: id)?.pins.contains(tls.pin) == false {
      logger.warning(
        "others know another TLS key of this role, unless the ledger has changed",
        metadata: ["role": "\(id)", "key": "\(tls.pin)"])
    }
    let directory = Directory(genesis)
    let https = HTTPCourier { await directory.location(of: $0) }
    let local = LocalCourier(meter: Meter(nanoseconds: { 0 }))
    let courier = Switchboard(
      here: Set(configuration.roles), local: local, remote: https)
    let server = MessageServer(
      host: configuration.listen.host, port: configuration.listen.port, tls: tls.configuration,
      logger: logger)
    let made = Roles(genesis: genesis, folder: folder, courier: courier)
    var drivers: [RoleDriver] = []
    var keptMailboxes: [Mailboxes] = []
    for id in configuration.roles {
      let role = try made.role(of: id)
      local.register(role.endpoint, role.kind, id: id)
      server.register(role.endpoint, role.kind, id: id)
      if let mailboxes = role.mailboxes { keptMailboxes.append(mailboxes) }
      if let keeper = role.keeper {
        courier.add(keeper)
        server.register(keeper)
      }
      drivers.append(RoleDriver(role.driven, pause: configuration.pause, logger: logger))
      directory.add(role.driven.node)
    }
    guard !drivers.isEmpty else {
      throw DaemonFailure(.badInput, "the configuration names no role")
    }
    self.genesis = genesis
    self.https = https
    services =
      [MessageService(server: server, logger: logger)]
      + drivers as [any Service] + [MailService(mailboxes: keptMailboxes)]
      + [
        OperationsServer(
          listen: configuration.operations, health: Health(drivers: drivers), logger: logger)
      ]
  }

  static func genesis(_ configuration: DaemonConfiguration) throws -> ValidGenesis {
    do {
      return try ValidGenesis(
        Genesis(encoded: try DurableFile.read(configuration.genesis, limit: 1 << 20).bytes))
    } catch {
      throw DaemonFailure(error, at: configuration.genesis)
    }
  }

  func shutDown() async { await https.shutDown() }
}

/// Where others are, by what the roles of this machine know of the ledger: members, doctors, and addresses of
/// patients.
final class Directory: Sendable {
  private let genesis: ValidGenesis
  private let nodes = Mutex<[LedgerNode]>([])

  init(_ genesis: ValidGenesis) { self.genesis = genesis }

  func add(_ node: LedgerNode) { nodes.withLock { $0.append(node) } }

  func location(of id: String) async -> Members.Location? {
    for node in nodes.withLock({ $0 }) {
      if let location = await node.location(of: id) { return location }
    }
    return genesis.members.location(of: id)
  }
}

private struct MessageService: Service {
  let server: MessageServer
  let logger: Logger

  func run() async throws {
    let logger = logger
    try await server.run { logger.info("listens", metadata: ["port": "\($0)"]) }
  }
}

/// Lets nobody wait for messages, or for answers to them, once the machine stops.
private struct MailService: Service {
  let mailboxes: [Mailboxes]

  func run() async throws {
    try? await gracefulShutdown()
    for mailboxes in mailboxes { await mailboxes.close() }
  }
}
