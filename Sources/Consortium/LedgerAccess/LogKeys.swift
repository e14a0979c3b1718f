import CanonicalEncoding
package import Crypto
import Ledger
import TransparencyLog

/// The log keys of a hospital's chain, one for each generation, and the continuation that is under
/// way. A key is stored before anybody hears of it.
package final class LogKeys: Sendable {
  private let first: Curve25519.Signing.PrivateKey
  private let store: any RoleStore

  /// - Parameter first: the key that stands in the genesis.
  package init(first: Curve25519.Signing.PrivateKey, store: any RoleStore) {
    (self.first, self.store) = (first, store)
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

  /// Makes the key of the next generation, and remembers that it has to begin.
  func beginContinuation(after generation: GenerationRecord) throws {
    let next = generation.generation + 1
    if try continuation() == next { return }
    try store.write([
      Self.name(next): Array(Curve25519.Signing.PrivateKey().rawRepresentation),
      Self.continuationName: Array(String(next).utf8),
    ])
  }

  /// The generation that has to begin, if one has.
  func continuation() throws -> UInt64? {
    try store.value(forKey: Self.continuationName)
      .flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }
  }

  func endContinuation() throws { try store.write([Self.continuationName: nil]) }
}
