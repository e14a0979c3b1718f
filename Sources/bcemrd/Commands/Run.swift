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
    let machine = try Machine(
      settings, from: config, isTLSKeyAhead: unlistedTLSKey, logger: logger)
    let second = Task { await Self.endAtSecondSignal(logger) }
    defer { second.cancel() }
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
