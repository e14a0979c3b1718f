import CanonicalEncoding
import Crypto
import EMRScheme
package import Ledger
import TransparencyLog

/// The log keys of a hospital's chain, one for each generation, and the continuation that is under
/// way. A key is stored before anybody hears of it.
package final class LogKeys: Sendable {
  private let first: Curve25519.Signing.PrivateKey
  private let store: any RoleStore
  private let randomness: SharedRandomness

  /// - Parameters:
  ///   - first: the key that stands in the genesis.
  ///   - randomness: makes the keys of later generations.
  init(
    first: Curve25519.Signing.PrivateKey, store: any RoleStore, randomness: SharedRandomness
  ) {
    (self.first, self.store, self.randomness) = (first, store, randomness)
  }

  private static func name(_ generation: UInt64) -> String { "log-key/\(generation)" }
  private static let continuationName = "continuation"

  func key(generation: UInt64, origin: String) throws -> LogKey {
    if generation == 0 { return try LogKey(origin: origin, key: first) }
    guard let seed = try store.value(forKey: Self.name(generation)) else {
      throw StoreError(.corrupted, "the log key of generation \(generation) is gone")
    }
    return try LogKey(origin: origin, key: .init(rawRepresentation: seed))
  }

  /// Makes the key of the next generation, and remembers that it has to begin. A key that was made, and
  /// that somebody else has had registered since, is replaced.
  ///
  /// - Parameter isRegistered: whether the ledger knows a public key, whoever's it is.
  func beginContinuation(
    after generation: GenerationRecord, isRegistered: ([UInt8]) throws -> Bool
  ) throws {
    let next = generation.generation + 1
    if try continuation() == next, let seed = try store.value(forKey: Self.name(next)),
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed),
      try !isRegistered(Array(key.publicKey.rawRepresentation))
    {
      return
    }
    var randomness: Randomness = randomness
    try store.write([
      Self.name(next): randomness.bytes(32),
      Self.continuationName: Array(String(next).utf8),
    ])
  }

  /// The generation that has to begin, if one has.
  func continuation() throws -> UInt64? { try Self.continuation(in: store) }

  private static func continuation(in store: any RoleStore) throws -> UInt64? {
    try store.value(forKey: continuationName)
      .flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }
  }

  func endContinuation() throws { try store.write([Self.continuationName: nil]) }

  /// What is wrong with the log keys that a hospital's store holds: nil if the key of its present
  /// generation is the one that the consortium chain names, and that of the next is there if it has to
  /// begin.
  ///
  /// - Parameter isClosed: whether the cloud confirms nothing of the present generation any more.
  package static func fault(
    in store: any RoleStore, present: GenerationRecord, isClosed: Bool
  ) throws -> String? {
    func publicKey(_ generation: UInt64) throws -> [UInt8]? {
      try store.value(forKey: name(generation)).flatMap {
        try? Curve25519.Signing.PrivateKey(rawRepresentation: $0)
      }.map { Array($0.publicKey.rawRepresentation) }
    }
    let number = present.generation
    if number > 0, try publicKey(number) != present.logKey {
      return "the log key of generation \(number) is missing, or another"
    }
    let next = try continuation(in: store)
    if let next, next > number, try publicKey(next) == nil {
      return "generation \(next) has to begin, and its log key is missing"
    }
    if isClosed, next ?? 0 <= number {
      return "the cloud has closed generation \(number), and the hospital begins no other"
    }
    return nil
  }
}
