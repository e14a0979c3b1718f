import CanonicalEncoding
import Foundation
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The certificate that is shown to whoever connects, which can be exchanged for another while the server runs;
/// looks every day how long it is good.
final class CertificateWatch: Service {
  private static let day = Duration.seconds(86_400)
  /// From how many days on before its end there is a warning.
  static let warningDays = 21

  private let served: Mutex<TLSFiles.Loaded>
  private let logger: Logger

  init(_ loaded: TLSFiles.Loaded, logger: Logger) {
    served = Mutex(loaded)
    self.logger = logger
  }

  var present: TLSFiles.Loaded { served.withLock { $0 } }

  /// Until its end; less than 0 behind it.
  var secondsLeft: TimeInterval { present.notValidAfter.timeIntervalSinceNow }

  /// For a server: each connection is shown what is present then.
  var tls: TLSConfiguration {
    var configuration = present.configuration
    configuration.sslContextCallback = { [self] _, promise in
      var shown = NIOSSLContextConfigurationOverride()
      let loaded = present
      shown.certificateChain = loaded.chain
      shown.privateKey = loaded.key
      promise.succeed(shown)
    }
    return configuration
  }

  /// Shows another from now on. Connections that stand stay.
  func replace(_ loaded: TLSFiles.Loaded) {
    served.withLock { $0 = loaded }
    look()
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        self.look()
        try? await Task.sleep(for: Self.day)
      }
    }
  }

  private func look() {
    let loaded = present
    let days = Int((loaded.notValidAfter.timeIntervalSinceNow / 86_400).rounded(.down))
    let told: Logger.Metadata = [
      "subject": "\(loaded.subject)", "key": "\(loaded.pin)",
      "ends": "\(loaded.notValidAfter.formatted(.iso8601))", "days": "\(days)",
    ]
    if days < 0 {
      logger.error("the certificate is over; members know the key, others refuse", metadata: told)
    } else if days < Self.warningDays {
      logger.warning("the certificate ends soon: renew it for the same key", metadata: told)
    } else {
      logger.info("the certificate is good", metadata: told)
    }
  }
}
