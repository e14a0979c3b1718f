import ArgumentParser
import Consortium
import HTTPTransport
import Ledger
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs the roles of a configuration until it is told to stop.
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the roles that the configuration names.",
    discussion: "SIGTERM and SIGINT end it once what is under way is done, within 30 seconds.")

  @Option(help: "The configuration that 'bcemrd init' made.")
  var config: String

  func run() async throws {
    let configuration = try await DaemonConfiguration.read(config)
    let logger = Logger(label: "bcemrd") { JSONLogHandler($0, configuration.logLevel) }
    let machine = try Machine(configuration, logger: logger)
    let group = ServiceGroup(
      configuration: .init(
        services: machine.services.map { .init(service: $0) },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    logger.info(
      "begins",
      metadata: [
        "genesis": "\(machine.genesis.digest)", "roles": "\(configuration.roles)",
        "listen": "\(configuration.listen.host):\(configuration.listen.port)",
      ])
    try await group.run()
    await machine.shutDown()
    logger.info("ended")
  }
}
