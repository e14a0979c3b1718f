package import CanonicalEncoding
package import Credentials
import EMRScheme
import Synchronization

/// The keys that envelopes to a role are sealed to: one a week, and the former ones until nothing that is
/// sealed to them counts any more.
///
/// The secret keys lie in the role's store. A key is stored before anybody hears of it.
package final class OwnEnvelopeKeys: Sendable {
  private struct Held: Sendable {
    var stored: StoredEnvelopeKey
    var secret: AgreementKey
  }

  private struct State: Sendable {
    /// By number, once they were read.
    var keys: [UInt64: Held]?
    /// What was signed last, with the identity key that signed it.
    var signed: (statement: Signed<EnvelopeKey>, signer: [UInt8])?
  }

  private static let prefix = "envelope-key/"
  /// So long before the end of its time the next one takes its place: who has just learned of a key can use
  /// it for a while.
  private static let overlap: UInt64 = 86_400

  private let genesis: Digest32
  private let owner: String
  private let store: any RoleStore
  private let clock: @Sendable () -> UInt64
  private let randomness: Mutex<Randomness>
  private let state = Mutex(State())

  /// - Parameter store: the role's.
  package init(
    genesis: Digest32, owner: String, store: any RoleStore,
    clock: @escaping @Sendable () -> UInt64, randomness: Randomness
  ) {
    (self.genesis, self.owner, self.store, self.clock) = (genesis, owner, store, clock)
    self.randomness = Mutex(randomness)
  }

  /// The key to seal to now, signed by its owner.
  ///
  /// - Parameter identity: the owner's, as the ledger has it.
  /// - Throws: ``StoreError``.
  package func statement(by identity: IdentityKey) throws -> Signed<EnvelopeKey> {
    try state.withLock { state in
      let key = try current(&state)
      let content = EnvelopeKey(
        genesis: genesis, owner: owner, key: key.secret.publicKey, first: key.stored.first,
        last: key.stored.last)
      if let (statement, signer) = state.signed, signer == identity.publicKey,
        statement.object.key == content.key
      {
        return statement
      }
      let statement = Signed(content, by: identity)
      state.signed = (statement, identity.publicKey)
      return statement
    }
  }

  /// Erases keys whose time is over, whether anybody writes or not.
  ///
  /// - Throws: ``StoreError``.
  func eraseOver() throws { try state.withLock { _ = try renew(&$0) } }

  /// Opens an envelope, with the key that it names.
  ///
  /// - Throws: as ``Envelope/open(with:genesis:)``; ``CredentialError`` `decryption` if it is sealed to a
  ///   key that is not here, or not any more.
  package func open(
    _ envelope: Envelope
  ) throws -> (request: Signed<RequestContent>, answer: AnswerKey) {
    let secret = try state.withLock { state in
      try renew(&state).values.first {
        Digest32(sha256: $0.secret.publicKey) == envelope.keyDigest
      }?.secret
    }
    guard let secret, envelope.recipient == owner else {
      throw CredentialError(.decryption, "the envelope is sealed to another key")
    }
    return try envelope.open(with: secret, genesis: genesis)
  }

  /// The newest key whose time has begun, after a new one was made if it is time.
  private func current(_ state: inout State) throws -> Held {
    let keys = try renew(&state)
    let now = clock()
    // One that was made while the clock was wrong, and ahead, is nobody's to use yet.
    let usable = keys.filter {
      $0.value.stored.first <= now && now &+ Self.overlap < $0.value.stored.last
    }
    if let newest = usable.max(by: { $0.key < $1.key }) { return newest.value }
    let stored = StoredEnvelopeKey(
      seed: randomness.withLock { $0.bytes(32) }, first: now, last: now &+ EnvelopeKey.lifetime)
    let number = (keys.keys.max() ?? 0) + 1
    try store.save(stored, Self.prefix + "\(number)")
    let held = Held(stored: stored, secret: try AgreementKey(seed: stored.seed))
    state.keys?[number] = held
    return held
  }

  /// Reads the keys if that was not done, and erases those whose time is over.
  private func renew(_ state: inout State) throws -> [UInt64: Held] {
    if state.keys == nil {
      // Nobody can say when the time of one is over that cannot be read, and nothing opens with it.
      let damaged = try store.damaged(withPrefix: Self.prefix, as: StoredEnvelopeKey.self)
      if !damaged.isEmpty {
        try store.write(Dictionary(uniqueKeysWithValues: damaged.map { ($0, nil) }))
      }
    }
    var keys = try state.keys ?? Self.read(store)
    let now = clock()
    let over = keys.filter { now > $0.value.stored.last &+ EnvelopeKey.grace &+ RequestRule.skew }
    if !over.isEmpty {
      try store.write(
        Dictionary(
          uniqueKeysWithValues: over.keys.map { (Self.prefix + "\($0)", nil) }))
      for number in over.keys { keys[number] = nil }
    }
    state.keys = keys
    return keys
  }

  /// The secret keys that a role's store has.
  package static func secrets(in store: any RoleStore) throws -> [AgreementKey] {
    try read(store).sorted { $0.key > $1.key }.map(\.value.secret)
  }

  private static func read(_ store: any RoleStore) throws -> [UInt64: Held] {
    var keys: [UInt64: Held] = [:]
    for row in try store.keys(withPrefix: prefix) {
      guard let number = UInt64(row.dropFirst(prefix.count)),
        let stored: StoredEnvelopeKey = try store.readable(row)
      else { continue }
      keys[number] = Held(stored: stored, secret: try AgreementKey(seed: stored.seed))
    }
    return keys
  }
}

/// What the store has of a key.
struct StoredEnvelopeKey: NamedValue {
  static let name = "envelope-key"

  var seed: [UInt8]
  var first: UInt64
  var last: UInt64

  init(seed: [UInt8], first: UInt64, last: UInt64) {
    (self.seed, self.first, self.last) = (seed, first, last)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.octets("seed", seed)
    fields.integer("first", first)
    fields.integer("last", last)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    seed = try fields.octets("seed", count: 32)
    first = try fields.integer("first", in: 0...Limits.latestTime)
    last = try fields.integer("last", in: 0...Limits.latestTime)
  }
}
