import ArgumentParser
import Consortium
import HTTPTransport
import Ledger
import Logging
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
    let (isListed, proven) = try await Self.join(configuration, logger)
    guard isListed else { return logger.info("ended") }
    let machine = try Machine(
      settings, from: config, isTLSKeyAhead: unlistedTLSKey, listedBy: proven, logger: logger)
    var group = ServiceGroupConfiguration(
      services: machine.services.map { .init(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    group.maximumGracefulShutdownDuration = Self.patience
    logger.info(
      "begins",
      metadata: [
        "genesis": "\(machine.genesis.digest)", "roles": "\(configuration.roles)",
        "listen": "\(configuration.listen.host):\(configuration.listen.port)",
      ])
    try await ServiceGroup(configuration: group).run()
    await machine.shutDown()
    logger.info("ended")
  }

  /// Waits while the ledger does not list a role.
  ///
  /// - Returns: whether all roles are listed, or it was told to end before; and by which members, where it waited.
  private static func join(
    _ configuration: DaemonConfiguration, _ logger: Logger
  ) async throws -> (isListed: Bool, proven: ValidMembers?) {
    let genesis = try Machine.genesis(configuration)
    try RoleKeys.requirePresence(configuration)
    let tls = try TLSFiles.load(certificate: configuration.certificate, key: configuration.key)
    let pin = tls.pin
    guard
      let joining = try Joining(
        configuration, genesis, logger: logger, isOwn: { $0.pins.contains(pin) })
    else { return (true, nil) }
    var group = ServiceGroupConfiguration(
      services: [
        .init(
          service: JoiningServer(
            roles: joining.roles, listen: configuration.operations, logger: logger)),
        .init(service: joining, successTerminationBehavior: .gracefullyShutdownGroup),
      ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    group.maximumGracefulShutdownDuration = patience
    try await ServiceGroup(configuration: group).run()
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
