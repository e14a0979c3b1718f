import ArgumentParser
import Consortium
import EtcdBackend
import Foundation
import HTTPTransport
import Ledger
import Logging
import ServiceLifecycle

/// What a machine needs to be well, whatever it does: certificates, room on its disk, and the right time. It is looked
/// after from the beginning on, also while the machine waits to be listed or to take over.
struct Upkeep: Sendable {
  /// Where the ledger has a role; nil of one that it does not list, as far as is known here.
  typealias Locations = @Sendable () async throws -> [(role: String, location: Members.Location?)]

  let settings: LiveSettings
  let certificate: CertificateWatch
  let disk: DiskGuard
  /// Of what is asked of other members, by whose answers the clock is judged.
  let statistics = MessageStatistics()
  private let clock: ClockWatch
  private let logger: Logger

  /// - Throws: ``DaemonFailure`` for a certificate or a key that cannot be read.
  init(_ settings: LiveSettings, logger: Logger) throws {
    let configuration = settings.present
    certificate = CertificateWatch(
      try TLSFiles.load(certificate: configuration.certificate, key: configuration.key),
      ofEtcd: try configuration.engine?.certificates() ?? [], logger: logger)
    disk = DiskGuard(path: configuration.data, settings: settings, logger: logger)
    disk.look()
    clock = ClockWatch(statistics, logger: logger)
    (self.settings, self.logger) = (settings, logger)
  }

  /// - Parameters:
  ///   - path: of the configuration, which is read again at SIGHUP.
  ///   - engine: of a hospital with several machines.
  func services(
    from path: String, engine: SharedEngine?, _ locations: @escaping Locations
  ) -> [any Service] {
    [
      disk, certificate, clock,
      Reloading(
        path: path, settings: settings, certificate: certificate, engine: engine,
        locations: locations, logger: logger),
    ]
  }

  /// The same of a machine that waits: where its roles are is known by the replays in its folder.
  func servicesWhileWaiting(
    from path: String, engine: SharedEngine?, _ genesis: ValidGenesis
  ) -> [any Service] {
    services(from: path, engine: engine) { [settings] in
      let members = try PresentMembers(settings.present, genesis).members
      return settings.present.roles.map { ($0, members.location(of: $0)) }
    }
  }

  /// The text that a machine has for Prometheus while it runs no role yet.
  ///
  /// - Parameter more: adds what else there is.
  func metrics(_ more: (inout MetricsText) -> Void = { _ in }) -> String {
    var text = MetricsText()
    Self.addVersion(to: &text)
    more(&text)
    add(to: &text)
    return text.text
  }

  static func addVersion(to text: inout MetricsText) {
    text.add(
      "bcemr_build_info", .gauge, "The program; always 1.",
      [(["version": BCEMRD.configuration.version], 1)])
  }

  func add(to text: inout MetricsText) {
    text.add(
      "bcemr_clock_offset_seconds", .gauge, "By how much the clock here is ahead of most peers'.",
      statistics.clockOffset)
    text.add(
      "bcemr_certificate_remaining_seconds", .gauge,
      "Until a certificate ends, by whom it is for; below 0 behind it.",
      certificate.secondsLeft.map { (["for": $0.purpose.rawValue], $0.seconds) })
    text.add(
      "bcemr_disk_free_bytes", .gauge, "Free on the disk of the data folder.",
      disk.free.map { Double($0) })
    text.add(
      "bcemr_disk_accepting", .gauge, "Whether what has to be stored is taken: 1, or 0.",
      disk.isOpen ? 1 : 0)
    text.add(
      "process_resident_memory_bytes", .gauge, "Memory of the process.", Self.residentBytes)
  }

  /// Of this process; nil where the system does not say.
  private static var residentBytes: Double? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
      case let fields = text.split(separator: " "), fields.count > 1, let pages = Double(fields[1])
    else { return nil }
    return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
  }
}
