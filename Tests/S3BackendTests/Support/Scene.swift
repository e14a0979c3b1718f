import BucketSupport
import CanonicalEncoding
import Consortium
import Ledger
import S3Backend
import Testing

/// A bucket that a test looks into, behind a server, and stores in it.
struct Scene {
  let bucket: MemoryBucket
  let server: BucketServer
  let configuration: S3Configuration
  let record = RecordName(
    hospital: "north", visit: Digest32(sha256: [1]), recordDigest: Digest32(sha256: [2]))

  init(
    _ bucket: MemoryBucket = MemoryBucket(), patience: Double = 30,
    fault: @escaping @Sendable (MemoryBucket.Question) -> BucketServer.Fault? = { _ in nil },
    reply: (@Sendable (MemoryBucket.Question) async -> MemoryBucket.Reply?)? = nil
  ) async throws {
    self.bucket = bucket
    server = try await BucketServer(fault: fault) {
      if let reply = await reply?($0) { return reply }
      return bucket.reply(to: $0)
    }
    configuration = try .test(server.endpoint, patience: patience)
  }

  func store() throws -> S3RecordStore { try S3RecordStore(configuration, credentials: .test) }

  /// A store that gives up soon, and has found already that the server honours conditions.
  func hastyStore() async throws -> S3RecordStore {
    var configuration = configuration
    configuration.patience = 2
    let store = try S3RecordStore(configuration, credentials: .test)
    // Nothing is there to be removed.
    let none = RecordName(hospital: "none", visit: .zero, recordDigest: .zero)
    for attempt in 0..<10 {
      if try await failure({ try await store.remove(none) }).code == nil { return store }
      #expect(attempt < 9, "the server of a test does not answer")
    }
    return store
  }

  /// A record with row 0 and these pieces.
  func filled(_ pieces: [UInt8]...) async throws -> S3RecordStore {
    let store = try store()
    var rows: [Int: [UInt8]] = [0: [1]]
    for (index, piece) in pieces.enumerated() { rows[index + 1] = piece }
    try await store.put(rows, of: record)
    return store
  }
}

/// What a store refuses, as its code and what it says.
func failure(
  _ body: () async throws -> Void
) async throws -> (code: StoreError.Code?, message: String) {
  do {
    try await body()
    return (nil, "")
  } catch let error as StoreError {
    return (error.code, error.message)
  }
}
