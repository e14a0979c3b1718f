import BucketSupport
import CanonicalEncoding
import EtcdBackend
import Foundation
import Ledger
import S3Backend
import SQLiteBackend

/// An engine of a test: members of etcd, and a bucket into which the test looks.
struct Scene {
  let cluster: EtcdCluster
  let bucket: MemoryBucket
  let server: BucketServer
  let secret: EngineSecret

  struct NoSecret: Error {}

  init(
    _ cluster: EtcdCluster,
    fault: @escaping @Sendable (MemoryBucket.Question) -> BucketServer.Fault? = { _ in nil }
  )
    async throws
  {
    self.cluster = cluster
    let bucket = MemoryBucket()
    self.bucket = bucket
    server = try await BucketServer(fault: fault) { bucket.reply(to: $0) }
    guard let secret = EngineSecret(file: EngineSecret.makeFile()) else { throw NoSecret() }
    self.secret = secret
  }

  static func plain() async throws -> Scene {
    try await Scene(EtcdCluster(members: 1, isSecure: false))
  }

  /// The engine, as one more machine has it.
  func engine(
    patience: Double = 20, attempt: Double = 0.5, prefix: String = "test",
    through endpoints: [String]? = nil,
    s3: String? = nil
  ) throws -> SharedEngine {
    var etcd = try cluster.configuration(prefix, patience: patience)
    if let endpoints {
      var other = try EtcdConfiguration(endpoints: endpoints, prefix: prefix)
      (other.attempt, other.patience) = (attempt, patience)
      etcd = other
    }
    var objects = try S3Configuration(
      endpoint: s3 ?? server.endpoint, bucket: "records", region: "us-east-1", prefix: prefix)
    (objects.attempt, objects.patience) = (2, 20)
    (objects.firstPause, objects.longestPause) = (0.01, 0.1)
    return try SharedEngine(etcd: etcd, s3: objects, credentials: .test, secret: secret)
  }

  /// Takes the tenure, waiting until whoever has it is gone.
  static func take(
    _ engine: SharedEngine, _ name: String, lifetime: Int = 1
  ) async throws -> Tenure {
    let end = ContinuousClock.now.advanced(by: .seconds(30))
    while true {
      if case .taken(let tenure) = try await Tenure.take(engine, name: name, lifetime: lifetime) {
        return tenure
      }
      guard ContinuousClock.now < end else { throw NotTaken() }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  struct NotTaken: Error {}
}

/// A folder that goes away with this object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory
      .appending(path: "bc-emr-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// What a store refuses, as its code and what it says.
func failure(_ body: () async throws -> Void) async throws -> (
  code: StoreError.Code?, message: String
) {
  do {
    try await body()
    return (nil, "")
  } catch let error as StoreError {
    return (error.code, error.message)
  }
}
