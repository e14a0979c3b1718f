import EtcdBackend
import Ledger
import Logging
import ServiceLifecycle
import UnixSignals

/// At SIGHUP, reads the configuration and the certificates anew. What cannot be read, or would make the roles
/// unreachable, changes nothing.
struct Reloading: Service {
  let path: String
  let settings: LiveSettings
  let certificate: CertificateWatch
  /// Of a hospital with several machines.
  let engine: SharedEngine?
  let locations: Upkeep.Locations
  let logger: Logger

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() { await reload() }
  }

  private func reload() async {
    do {
      let restart = settings.adopt(try await DaemonConfiguration.read(path))
      let present = settings.present
      logger.notice("read the configuration again", metadata: ["level": "\(present.logLevel)"])
      if !restart.isEmpty {
        logger.warning(
          "what has changed counts after a restart", metadata: ["keys": .list(restart)])
      }
    } catch {
      return refuse(error, "the configuration stays as it was")
    }
    do {
      let present = settings.present
      let loaded = try TLSFiles.load(certificate: present.certificate, key: present.key)
      for (role, location) in try await locations() {
        guard location?.pins.contains(loaded.pin) == true || location == nil else {
          throw DaemonFailure(
            .badInput, "the ledger does not name the key \(loaded.pin) for \(role)",
            hint: "first the ledger names a new key beside the former one")
        }
      }
      certificate.replace(loaded)
    } catch {
      refuse(error, "the certificate stays as it was")
    }
    guard let engine, let own = settings.present.engine else { return }
    do {
      certificate.replace(ofEtcd: try own.reload(engine))
    } catch {
      refuse(error, "the certificates for etcd stay as they were")
    }
  }

  private func refuse(_ error: any Error, _ what: Logger.Message) {
    logger.error(what, metadata: ["reason": "\(DaemonFailure(error).message)"])
  }
}
