import CanonicalEncoding
public import Ledger
public import S3Backend
import Foundation

/// Where the machines of one hospital keep what they share: small things in etcd, large ones in S3.
///
/// Objects of S3 are put under names that nobody uses twice, and named by what lies in etcd with their digest.
/// So no request that was left on its way can do harm later.
public struct SharedEngine: Sendable {
  package let etcd: EtcdClient
  package let objects: S3Client
  package let secret: EngineSecret
  /// Of objects; empty, or ends with a slash.
  private let objectPrefix: String

  /// - Throws: ``EtcdConfiguration/Malformed`` for certificates that cannot be read.
  public init(
    etcd: EtcdConfiguration, s3: S3Configuration, credentials: S3Credentials, secret: EngineSecret
  ) throws(EtcdConfiguration.Malformed) {
    self.etcd = try EtcdClient(etcd)
    objects = S3Client(s3, credentials)
    objectPrefix = s3.prefix.isEmpty ? "" : "\(s3.prefix)/"
    patience = s3.patience
    self.secret = secret
  }

  private let patience: Double

  /// Reads the certificates and the key for etcd again, from the same files.
  ///
  /// - Throws: ``EtcdConfiguration/Malformed`` for what cannot be read, or does not belong together; the former ones
  ///   stay then.
  public func reloadCertificates() throws(EtcdConfiguration.Malformed) {
    try etcd.reloadCertificates()
  }

  /// The key of a thing in etcd.
  func key(_ name: String) -> [UInt8] { Array("\(etcd.configuration.prefix)/\(name)".utf8) }

  // MARK: Objects

  /// Which object, of how many bytes, with which digest.
  struct ObjectName: Sendable, Equatable, Hashable {
    let name: String
    let byteCount: Int
    let digest: Digest32
  }

  private var deadline: ContinuousClock.Instant { .now.advanced(by: .seconds(patience)) }

  /// Puts bytes under a name that is used for these alone. Returns when they are durable.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  func put(_ bytes: [UInt8], _ name: String) async throws(StoreError) {
    let key = objectPrefix + name
    let answer = try await ask(.init(method: .put, key: key, body: bytes))
    guard answer.isDone else {
      throw StoreError(.unavailable, "PUT \(key): HTTP status \(answer.status)")
    }
  }

  /// - Returns: nil if there is no such object.
  /// - Throws: ``StoreError``; `corrupted` if it is not what was put.
  func object(_ object: ObjectName) async throws(StoreError) -> [UInt8]? {
    let key = objectPrefix + object.name
    let answer: S3Client.Answer
    do throws(S3Client.Failure) {
      answer = try await objects.send(
        .init(method: .get, key: key, limit: object.byteCount), until: deadline)
    } catch {
      throw error.kind == .tooLong
        ? damaged(object, "longer than it was") : StoreError(.unavailable, error.message)
    }
    guard answer.isDone else { return nil }
    guard answer.body.count == object.byteCount else {
      throw damaged(object, "\(answer.body.count) bytes of \(object.byteCount)")
    }
    guard Digest32(sha256: answer.body) == object.digest else { throw damaged(object, "changed") }
    return answer.body
  }

  func damaged(_ object: ObjectName, _ how: String) -> StoreError {
    StoreError(.corrupted, "the object \(objectPrefix)\(object.name) in S3 is damaged: \(how)")
  }

  /// Removes objects that nothing names any more. What is not removed is in nobody's way.
  func discard(_ names: [String]) {
    if names.isEmpty { return }
    Task(executorPreference: EngineThreads.shared) {
      for name in names {
        _ = try? await ask(.init(method: .delete, key: objectPrefix + name))
      }
    }
  }

  private func ask(_ request: S3Client.Request) async throws(StoreError) -> S3Client.Answer {
    do throws(S3Client.Failure) {
      return try await objects.send(request, until: deadline)
    } catch {
      throw StoreError(.unavailable, error.message)
    }
  }

  // MARK: Check

  /// Reads and writes something of its own in both.
  ///
  /// - Throws: ``StoreError``
  public func checkObjects() async throws(StoreError) {
    let bytes = (0..<1024).map { _ in UInt8.random(in: .min ... .max) }
    let digest = Digest32(sha256: bytes)
    let object = ObjectName(name: "check/\(digest)", byteCount: bytes.count, digest: digest)
    try await put(bytes, object.name)
    guard try await self.object(object) == bytes else {
      throw damaged(object, "what was put is not there")
    }
    _ = try await ask(.init(method: .delete, key: objectPrefix + object.name))
  }

  /// Asks every member by itself, and has one write.
  ///
  /// - Returns: for each endpoint why it does not answer; nil if it does.
  public func checkMembers() async -> [(endpoint: String, failure: StoreError?)] {
    var found: [(String, StoreError?)] = []
    for endpoint in etcd.configuration.endpoints {
      do throws(StoreError) {
        try await probe(endpoint)
        found.append((endpoint, nil))
      } catch {
        found.append((endpoint, error))
      }
    }
    return found
  }

  private func probe(_ endpoint: String) async throws(StoreError) {
    let client: EtcdClient
    do throws(EtcdConfiguration.Malformed) {
      var one = try EtcdConfiguration(
        endpoints: [endpoint], prefix: etcd.configuration.prefix)
      (one.certificates, one.user) = (etcd.configuration.certificates, etcd.configuration.user)
      (one.attempt, one.patience) = (etcd.configuration.attempt, 5)
      client = try EtcdClient(one)
    } catch {
      throw StoreError(.unavailable, "\(error)")
    }
    let key = key("check/\(UInt64.random(in: .min ... .max))")
    let outcome = try await client.commit([.put(key, [1])], if: [], until: client.deadline)
    guard case .done = outcome else { throw StoreError(.unavailable, "\(endpoint) does not write") }
    _ = try await client.commit([.delete(key)], if: [], until: client.deadline)
  }
}
