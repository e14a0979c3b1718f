import CanonicalEncoding
import Consortium
import Credentials
import HTTPTransport
import Ledger
import Logging
import NIOCore
import NIOSSL
import SQLiteBackend
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// All that runs on one machine, put together from its configuration.
struct Machine {
  let genesis: ValidGenesis
  let services: [any Service]
  private let https: HTTPCourier

  /// - Parameters:
  ///   - upkeep: of this machine, since it began.
  ///   - path: of the configuration.
  ///   - isTLSKeyAhead: whether the TLS key may be one that the ledger, as it is known here, does not name.
  ///   - shared: of a hospital with several machines, of which this one writes.
  ///   - proven: the members as they were proven to who has no replay yet that lists it.
  /// - Throws: ``DaemonFailure``, and what opening stores throws.
  init(
    _ upkeep: Upkeep, from path: String, isTLSKeyAhead: Bool,
    shared: SharedHospital?, listedBy proven: ValidMembers?, logger: Logger
  ) throws {
    let (settings, disk, statistics) = (upkeep.settings, upkeep.disk, upkeep.statistics)
    let configuration = settings.present
    let genesis = try Self.genesis(configuration)
    try RoleKeys.requirePresence(configuration)
    let folder = try shared?.folder ?? DataFolder(path: configuration.data)
    try folder.create(genesis: genesis.content.encoded())
    for id in configuration.roles {
      try Self.requireListed(
        upkeep.certificate.present.pin, of: id, folder, genesis,
        orElse: isTLSKeyAhead ? logger : nil)
    }
    let directory = Directory(proven ?? genesis.members)
    let https = HTTPCourier(
      statistics: statistics, isMember: { await directory.isMember($0) },
      locate: { await directory.location(of: $0) })
    let local = LocalCourier(meter: Meter(nanoseconds: { 0 }))
    let courier = Switchboard(
      here: Set(configuration.roles), local: local, remote: https)
    let server = MessageServer(
      host: configuration.listen.host, port: configuration.listen.port, tls: upkeep.certificate.tls,
      statistics: statistics, logger: logger.ofServer)
    let made = Roles(
      genesis: genesis, folder: folder, records: configuration.records, shared: shared,
      courier: courier, listedBy: proven)
    var drivers: [RoleDriver] = []
    var keptMailboxes: [String: Mailboxes] = [:]
    var renewals: [KeyRenewal] = []
    for id in configuration.roles {
      let role = try made.role(of: id)
      local.register(role.endpoint, role.kind, id: id)
      server.register(role.endpoint, role.kind, id: id)
      server.publish(role.publisher)
      if let mailboxes = role.mailboxes {
        keptMailboxes[id] = mailboxes
        disk.add(mailboxes.room)
      }
      if let keeper = role.keeper {
        courier.add(keeper)
        server.register(keeper)
      }
      disk.add(role.driven.inbox.room)
      drivers.append(
        RoleDriver(role.driven, pause: configuration.pause, disk: disk, logger: logger))
      directory.add(role.driven.node)
      if !role.givenUp.isEmpty {
        renewals.append(KeyRenewal(role: role.driven, uses: role.givenUp, logger: logger))
      }
    }
    guard !drivers.isEmpty else {
      throw DaemonFailure(.badInput, "the configuration names no role")
    }
    disk.look()
    self.genesis = genesis
    self.https = https
    let desk = Desk(roles: drivers.map(\.role), disk: disk)
    let nodes = drivers.map(\.role.node)
    services =
      upkeep.services(from: path, engine: shared?.engine) {
        var locations: [(role: String, location: Members.Location?)] = []
        for node in nodes {
          locations.append((node.id, try await node.members.location(of: node.id)))
        }
        return locations
      }
      + [MessageService(server: server, configuration.listen, logger: logger)]
      + drivers as [any Service] + renewals + [MailService(mailboxes: Array(keptMailboxes.values))]
      + [
        OperationsServer(
          listen: configuration.operations, health: Health(drivers: drivers, disk: disk),
          readiness: Readiness(
            drivers: drivers, settings: settings, disk: disk, tenure: shared?.tenure),
          metrics: Metrics(
            drivers: drivers, upkeep: upkeep, mailboxes: keptMailboxes),
          logger: logger),
        DeskServer(path: configuration.deskSocket, logger: logger) { desk },
      ] + (shared.map { [TenureService(tenure: $0.tenure, logger: logger)] } ?? [])
  }

  /// A TLS key that the ledger does not name is refused as it is at a reload: nobody would speak with the server.
  /// So it is too where the ledger here is the genesis alone: who begins with another key than that of `init` has
  /// mixed up files, most likely. Whose ledger is older than the key says so.
  ///
  /// - Parameter logger: is told instead.
  private static func requireListed(
    _ pin: Digest32, of id: String, _ folder: DataFolder, _ genesis: ValidGenesis,
    orElse logger: Logger?
  ) throws {
    var members = genesis.members
    if folder.hasStateStore(id, chain: ChainName.consortium) {
      members =
        try ConsortiumView(
          genesis: genesis, store: folder.stateStore(id, chain: ChainName.consortium)
        ).members
    }
    guard let location = members.location(of: id), !location.pins.contains(pin) else { return }
    guard let logger else { throw RoleKeys.unlistedTLSKey(id, pin) }
    logger.warning(
      "the ledger, as it is known here, names another TLS key",
      metadata: ["role": "\(id)", "key": "\(pin)"])
  }

  static func genesis(_ configuration: DaemonConfiguration) throws -> ValidGenesis {
    try genesis(at: configuration.genesis)
  }

  /// - Throws: ``DaemonFailure`` that names the file.
  static func genesis(at path: String) throws -> ValidGenesis {
    do {
      return try ValidGenesis(Genesis(encoded: try DurableFile.read(path, limit: 1 << 20).bytes))
    } catch {
      throw DaemonFailure(error, at: path)
    }
  }

  func shutDown() async { await https.shutDown() }
}

/// Where others are, by what the roles of this machine know of the ledger: members, doctors, and addresses of
/// patients.
final class Directory: Sendable {
  private let members: ValidMembers
  private let nodes = Mutex<[LedgerNode]>([])

  /// - Parameter members: of the genesis, or later ones: for what no role knows better.
  init(_ members: ValidMembers) { self.members = members }

  func add(_ node: LedgerNode) { nodes.withLock { $0.append(node) } }

  func location(of id: String) async -> Members.Location? {
    for node in nodes.withLock({ $0 }) {
      if let location = await node.location(of: id) { return location }
    }
    return members.location(of: id)
  }

  /// Whether it is a member that has a server, and nobody who has a mailbox there.
  func isMember(_ id: String) async -> Bool {
    for node in nodes.withLock({ $0 }) {
      if let present = try? await node.consortium.members, present.location(of: id) != nil {
        return true
      }
    }
    return members.location(of: id) != nil
  }
}

private struct MessageService: Service {
  let server: MessageServer
  let listen: DaemonConfiguration.Listen
  let logger: Logger

  init(server: MessageServer, _ listen: DaemonConfiguration.Listen, logger: Logger) {
    (self.server, self.listen, self.logger) = (server, listen, logger)
  }

  func run() async throws {
    let logger = logger
    do {
      try await server.run {
        logger.info("listens", metadata: ["for": "members", "port": "\($0)"])
      }
    } catch {
      throw DaemonFailure(listening: listen, "listen.port", error)
    }
  }
}

extension DaemonFailure {
  /// Why a server does not listen.
  ///
  /// - Parameter key: of the configuration.
  init(listening listen: DaemonConfiguration.Listen, _ key: String, _ error: any Error) {
    let place = "\(listen.host):\(listen.port)"
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE:
      self.init(
        .badInput, "\(place): another program listens here", code: "port-in-use",
        hint: "end it, or give another \(key); 'ss -ltnp' says who it is")
    case EACCES:
      self.init(
        .badInput, "\(place): this account may not listen here", code: "port-denied",
        hint: "take a port above 1023, or give the service CAP_NET_BIND_SERVICE")
    case EADDRNOTAVAIL:
      self.init(
        .badInput, "\(place): this machine has no such address", code: "no-such-address",
        hint: "0.0.0.0 and :: are all addresses of the machine")
    default: self.init(error)
    }
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
