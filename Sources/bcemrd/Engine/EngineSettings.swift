import Configuration
import Credentials
import EtcdBackend
import Foundation
import S3Backend

/// Where the machines of one hospital keep what they share, and which of them this is: the part `engine` of the
/// configuration.
struct EngineSettings: Sendable {
  /// The name of this machine among them.
  let machine: String
  /// For how many seconds the machine that writes counts as alive after it was heard of last.
  let lifetime: Int
  private(set) var etcd: EtcdConfiguration
  let s3: S3Place
  private let secret: EngineSecret

  /// - Parameter file: the path of a file that the configuration names.
  /// - Returns: nil if there is no such part.
  /// - Throws: ``DaemonFailure`` that says which value is wrong, and no secret.
  init?(_ config: ConfigReader, roles: [String], file: (String) -> String) throws {
    func text(_ name: String) -> String? { config.string(forKey: .init("engine.\(name)")) }
    let endpoints = config.stringArray(forKey: "engine.etcd.endpoints")
    let others = ["secret", "etcd.prefix", "etcd.certificate", "s3.endpoint"].compactMap(text)
    guard let machine = text("machine") else {
      guard endpoints == nil, others.isEmpty else {
        throw DaemonFailure(
          .badInput, "engine: 'engine.machine', the name of this machine, is missing",
          code: "missing-key")
      }
      return nil
    }
    try Identifiers.check(machine, "engine.machine")
    guard roles.count == 1, let role = roles.first else {
      throw DaemonFailure(
        .badInput, "engine: several machines share one hospital, and no other role")
    }
    self.machine = machine
    lifetime = config.int(forKey: "engine.lifetime", default: 5)
    guard (2...60).contains(lifetime) else {
      throw DaemonFailure(.badInput, "engine.lifetime is 2 to 60 seconds")
    }
    guard let s3 = try S3Place(config, "engine.s3", file: file) else {
      throw DaemonFailure(.badInput, "'engine.s3.endpoint' is missing", code: "missing-key")
    }
    self.s3 = s3
    do throws(EtcdConfiguration.Malformed) {
      var etcd = try EtcdConfiguration(
        endpoints: endpoints ?? [], prefix: text("etcd.prefix") ?? "bcemr/\(role)")
      etcd.certificates.authority = text("etcd.authority").map(file)
      if let certificate = text("etcd.certificate"), let key = text("etcd.key") {
        etcd.certificates.own = (file(certificate), file(key))
      }
      self.etcd = etcd
    } catch {
      throw DaemonFailure(.badInput, "engine.etcd: \(error)")
    }
    guard (text("etcd.certificate") == nil) == (text("etcd.key") == nil) else {
      throw DaemonFailure(
        .badInput, "engine.etcd: a certificate has its key, and a key its certificate")
    }
    if let key = etcd.certificates.own?.key {
      _ = try Self.read(key, "this key")
    }
    if let user = text("etcd.user") {
      guard let path = text("etcd.password").map(file) else {
        throw DaemonFailure(
          .badInput, "'engine.etcd.password', a file, is missing", code: "missing-key")
      }
      let password = try Self.read(path, "this password")
      etcd.user = .init(
        name: user, password: password.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    guard let path = text("secret").map(file) else {
      throw DaemonFailure(.badInput, "'engine.secret', a file, is missing", code: "missing-key")
    }
    guard let secret = EngineSecret(file: try Self.read(path, "this secret")) else {
      throw DaemonFailure(
        .badInput, "\(path): the secret of an engine is 64 hexadecimal digits",
        hint: "the machines of a hospital share it: openssl rand -hex 32, once")
    }
    self.secret = secret
  }

  /// Without secret, key and password.
  var summary: [String: String] {
    var summary = [
      "engine.machine": machine, "engine.lifetime": "\(lifetime)",
      "engine.etcd.endpoints": etcd.endpoints.joined(separator: ","),
      "engine.etcd.prefix": etcd.prefix,
      "engine.etcd.authority": etcd.certificates.authority,
      "engine.etcd.certificate": etcd.certificates.own?.certificate,
      "engine.etcd.user": etcd.user?.description,
    ].compactMapValues(\.self)
    summary.merge(s3.summary("engine.s3")) { first, _ in first }
    return summary
  }

  /// - Throws: ``DaemonFailure`` for a file that others may read.
  private static func read(_ path: String, _ what: String) throws -> String {
    let contents = try DurableFile.read(path, limit: 1 << 16)
    guard contents.isPrivate else {
      throw DaemonFailure(.badInput, "\(path): others may read \(what)")
    }
    guard let text = String(validating: contents.bytes, as: UTF8.self) else {
      throw DaemonFailure(.badInput, "\(path): this is no text")
    }
    return text
  }

  /// Those that the files have now.
  ///
  /// - Throws: ``DaemonFailure`` that names the file.
  func certificates() throws -> CertificateWatch.OfEtcd {
    try [
      (CertificateWatch.Purpose.etcd, etcd.certificates.own?.certificate),
      (.etcdAuthority, etcd.certificates.authority),
    ].compactMap { purpose, path in try path.map { (purpose, try TLSFiles.describe($0)) } }
  }

  /// Has an engine ask etcd with the certificates that the files have now.
  ///
  /// - Returns: these.
  /// - Throws: ``DaemonFailure``; the former ones stay then.
  func reload(_ engine: SharedEngine) throws -> CertificateWatch.OfEtcd {
    if let key = etcd.certificates.own?.key { _ = try Self.read(key, "this key") }
    let certificates = try certificates()
    do throws(EtcdConfiguration.Malformed) {
      try engine.reloadCertificates()
    } catch {
      throw DaemonFailure(.badInput, "engine.etcd: \(error)")
    }
    return certificates
  }

  /// - Throws: ``DaemonFailure`` for certificates that cannot be read.
  func open() throws -> SharedEngine {
    do throws(EtcdConfiguration.Malformed) {
      return try SharedEngine(
        etcd: etcd, s3: s3.configuration, credentials: s3.credentials, secret: secret)
    } catch {
      throw DaemonFailure(.badInput, "engine.etcd: \(error)")
    }
  }
}
