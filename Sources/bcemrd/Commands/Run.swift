import ArgumentParser
import CanonicalEncoding
import Consortium
import EtcdBackend
import HTTPTransport
import Ledger
import Logging
import SQLiteBackend
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs the roles of a configuration until it is told to stop.
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the roles that the configuration names.",
    discussion: """
      SIGTERM and SIGINT end it once what is under way is done, within 30 seconds; a second one ends it at \
      once. SIGHUP has it read the certificate and the configuration again.
      """)

  @Option(help: "The configuration that 'bcemrd init' made.")
  var config: String

  @Flag(
    name: .customLong("unlisted-tls-key"),
    help: """
      Begin although the ledger, as it is known here, does not name the TLS key: for a machine that was restored \
      from before the key was changed.
      """)
  var unlistedTLSKey = false

  func run() async throws {
    // Nobody else may read or open what this process makes, from its first moment on.
    umask(0o077)
    // Whoever has a daemon reload that has not begun yet does not end it.
    _ = signal(SIGHUP, SIG_IGN)
    let settings = LiveSettings(try await DaemonConfiguration.read(config))
    let configuration = settings.present
    let logger = Logger(label: "bcemrd") { JSONLogHandler($0, settings) }
    let second = Task { await Self.endAtSecondSignal(logger) }
    defer { second.cancel() }
    // Nor one that passes from waiting to work: what traps the signal meanwhile is heard by nobody.
    let reload = Task { for await _ in await UnixSignalsSequence(trapping: .sighup) {} }
    defer { reload.cancel() }
    guard let engine = configuration.engine, let id = configuration.roles.first else {
      try RoleKeys.requirePresence(configuration)
      return try await serve(try Upkeep(settings, logger: logger), logger: logger)
    }
    let upkeep = try Upkeep(settings, logger: logger)
    guard let shared = try await wait(id, engine, upkeep, logger: logger) else {
      return logger.info("ended")
    }
    try await serve(upkeep, shared: shared, logger: logger)
    // All is written: another takes over at once.
    await shared.tenure.release()
  }

  /// Runs the roles, once the ledger lists them, until the daemon is told to stop, or something fails.
  private func serve(
    _ upkeep: Upkeep, shared: SharedHospital? = nil, logger: Logger
  ) async throws {
    let configuration = upkeep.settings.present
    let (isListed, proven) = try await join(upkeep, shared, logger)
    guard isListed else { return logger.info("ended") }
    let machine = try Machine(
      upkeep, from: config, isTLSKeyAhead: unlistedTLSKey, shared: shared, listedBy: proven,
      logger: logger)
    logger.info(
      "begins",
      metadata: [
        "genesis": "\(machine.genesis.digest)", "roles": .list(configuration.roles),
        "listen": "\(configuration.listen.host):\(configuration.listen.port)",
      ])
    try await Self.run(machine.services.map(Self.configured), logger)
    await machine.shutDown()
    logger.info("ended")
  }

  /// Whose tenure is over ends in order: nothing of what it still does is taken.
  private static func configured(
    _ service: any Service
  ) -> ServiceGroupConfiguration.ServiceConfiguration {
    .init(
      service: service,
      failureTerminationBehavior: service is TenureService ? .gracefullyShutdownGroup : .cancelGroup
    )
  }

  private static func run(
    _ services: [ServiceGroupConfiguration.ServiceConfiguration], _ logger: Logger
  ) async throws {
    var group = ServiceGroupConfiguration(
      services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    group.maximumGracefulShutdownDuration = Self.patience
    try await ServiceGroup(configuration: group).run()
  }

  /// Waits while another machine of the hospital writes, and brings this one up to date.
  ///
  /// - Returns: nil if the daemon is told to stop before.
  private func wait(
    _ id: String, _ settings: EngineSettings, _ upkeep: Upkeep, logger: Logger
  ) async throws -> SharedHospital? {
    let configuration = upkeep.settings.present
    let engine = try settings.open()
    let genesis = try Machine.genesis(configuration)
    let folder = try DataFolder(path: configuration.data)
    try folder.create(genesis: genesis.content.encoded())
    _ = try await SharedHospital.takeKeys(of: id, engine, into: folder)
    let standby = Standby(id, settings, engine, folder, genesis, upkeep, logger: logger)
    let server = StandbyServer(
      configuration: configuration, upkeep: upkeep, standby: standby, logger: logger)
    try await Self.run(
      [
        .init(service: standby, successTerminationBehavior: .gracefullyShutdownGroup),
        .init(service: server),
        .init(
          service: DeskServer(path: configuration.deskSocket, logger: logger) {
            throw standby.refusal
          }),
      ] + upkeep.servicesWhileWaiting(from: config, engine: engine, genesis).map(Self.configured),
      logger)
    guard let tenure = standby.taken else { return nil }
    // Others may have changed them while this machine waited.
    _ = try await SharedHospital.takeKeys(of: id, engine, into: folder)
    return SharedHospital(id: id, folder: folder, engine: engine, tenure: tenure)
  }

  /// Waits while the ledger does not list a role.
  ///
  /// - Parameter shared: of a hospital with several machines: this process works with the data folder already.
  /// - Returns: whether all roles are listed, or it was told to end before; and by which members, where it waited.
  private func join(
    _ upkeep: Upkeep, _ shared: SharedHospital?, _ logger: Logger
  ) async throws -> (isListed: Bool, proven: ValidMembers?) {
    let configuration = upkeep.settings.present
    let genesis = try Machine.genesis(configuration)
    guard
      let joining = try Joining(
        configuration, genesis, statistics: upkeep.statistics, logger: logger,
        isOwn: { $0.pins.contains(upkeep.certificate.present.pin) })
    else { return (true, nil) }
    // No other daemon waits with this folder, and 'check' sees that one does.
    let folder = shared != nil ? nil : try DataFolder(path: configuration.data)
    defer { withExtendedLifetime(folder) {} }
    try await Self.run(
      [
        .init(
          service: JoiningServer(
            roles: joining.roles, listen: configuration.operations, upkeep: upkeep,
            logger: logger)),
        .init(service: joining, successTerminationBehavior: .gracefullyShutdownGroup),
      ]
        + upkeep.servicesWhileWaiting(from: config, engine: shared?.engine, genesis)
        .map(Self.configured),
      logger)
    return (joining.listed != nil, joining.listed)
  }

  /// How long what is under way may take at the end.
  private static let patience = Duration.seconds(30)

  /// Whoever asks twice does not want to wait. Stores are whole at every moment.
  private static func endAtSecondSignal(_ logger: Logger) async {
    var count = 0
    for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
      count += 1
      if count > 1 {
        logger.warning("stops at once", metadata: ["signal": "\(signal)"])
        _exit(128 + (signal == .sigint ? SIGINT : SIGTERM))
      }
    }
  }
}
