import CanonicalEncoding
import Foundation
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The certificates that this machine shows, and those by which it knows etcd; they can be exchanged for others
/// while it runs. Looks every day how long they are good.
final class CertificateWatch: Service {
  /// For what a certificate is, as the log and measurements have it.
  enum Purpose: String {
    /// It is shown to whoever connects.
    case members
    /// It is shown to etcd.
    case etcd
    /// It is the authority's that signs those of etcd's members.
    case etcdAuthority = "etcd-authority"
  }

  typealias OfEtcd = [(purpose: Purpose, certificate: TLSFiles.Described)]

  private struct State {
    var served: TLSFiles.Loaded
    var ofEtcd: OfEtcd
  }

  private static let day = Duration.seconds(86_400)
  /// From how many days on before its end there is a warning.
  static let warningDays = 21

  private let state: Mutex<State>
  private let logger: Logger

  init(_ loaded: TLSFiles.Loaded, ofEtcd: OfEtcd, logger: Logger) {
    state = Mutex(State(served: loaded, ofEtcd: ofEtcd))
    self.logger = logger
  }

  /// What is shown to whoever connects.
  var present: TLSFiles.Loaded { state.withLock { $0.served } }

  /// Of each in use, until its end; less than 0 behind it.
  var secondsLeft: [(purpose: Purpose, seconds: TimeInterval)] {
    all.map { ($0.purpose, $0.certificate.notValidAfter.timeIntervalSinceNow) }
  }

  private var all: OfEtcd {
    state.withLock { [(.members, $0.served.certificate)] + $0.ofEtcd }
  }

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
    state.withLock { $0.served = loaded }
    look(.members, loaded.certificate)
  }

  /// Notes with which others etcd is asked from now on.
  func replace(ofEtcd certificates: OfEtcd) {
    state.withLock { $0.ofEtcd = certificates }
    for (purpose, certificate) in certificates { look(purpose, certificate) }
  }

  func run() async throws {
    await repeatUntilShutdown(every: Self.day) {
      for (purpose, certificate) in self.all { self.look(purpose, certificate) }
    }
  }

  private func look(_ purpose: Purpose, _ certificate: TLSFiles.Described) {
    let days = certificate.daysLeft
    let told: Logger.Metadata = [
      "for": "\(purpose.rawValue)", "subject": "\(certificate.subject)",
      "key": "\(certificate.pin)", "ends": "\(certificate.notValidAfter.formatted(.iso8601))",
      "days": "\(days)",
    ]
    let isOfMembers = purpose == .members
    if days < 0 {
      logger.error(
        isOfMembers
          ? "the certificate is over; members know the key, others refuse"
          : "the certificate is over: nothing is asked of etcd with it", metadata: told)
    } else if days < Self.warningDays {
      logger.warning(
        isOfMembers
          ? "the certificate ends soon: renew it for the same key"
          : "the certificate ends soon: renew it", metadata: told)
    } else {
      logger.info("the certificate is good", metadata: told)
    }
  }
}
