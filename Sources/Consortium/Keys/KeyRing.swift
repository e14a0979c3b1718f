import CanonicalEncoding
package import Credentials
import Crypto
import EMRScheme
package import Ledger
import Synchronization
package import TransparencyLog

/// What a key of a party serves for. The names are those of ``Party`` and of key files.
package struct KeyUse: Hashable, Sendable {
  package let name: String

  init(_ name: String) { self.name = name }

  /// Signs entries and messages. Ed25519.
  package static let identity = Self("identity")
  /// The manager's x: signs registrations (4.2). Ed25519.
  package static let registration = Self("registration")
  /// A delegate's: signs proposals, prepares and commits. Ed25519.
  package static let voting = Self("voting")

  private static let cosignerPrefix = "cosigner/"
  /// Cosigns checkpoints of a chain. Ed25519.
  package static func cosigner(_ chain: String) -> Self { Self(cosignerPrefix + chain) }

  /// Those of which a party takes another key by itself.
  package static func all(of party: Party?) -> Set<KeyUse> {
    Set((party?.keysByUse ?? []).map { KeyUse($0.use) }).subtracting([.registration, Self("log")])
  }

  /// The chain whose checkpoints it cosigns.
  package var chain: String? {
    name.hasPrefix(Self.cosignerPrefix) ? String(name.dropFirst(Self.cosignerPrefix.count)) : nil
  }
}

/// The keys of a party of the ledger: those in force, those that are to be in force from an epoch on, and
/// former ones that may still be needed. Who signs says by which members it will be judged, and gets
/// the key that they name (specification 6.13).
///
/// A new key is stored before anybody hears of it. In a key file it stands beside the first one, as
/// `identity#2`.
package final class KeyRing: DelegateKeys {
  /// Replaces the key file. Returns when that is durable.
  package typealias Save = @Sendable (KeyFile) throws -> Void

  private enum Secret: Sendable {
    case signing(IdentityKey)
    case cosigning(CosignerKey)

    var publicKey: [UInt8] {
      switch self {
      case .signing(let key): key.publicKey
      case .cosigning(let key): key.verifier.key.publicKey
      }
    }
  }

  private struct Version: Sendable {
    let number: UInt64
    let secret: Secret
  }

  private struct Held: Sendable {
    var file: KeyFile
    /// By use, the oldest first.
    var versions: [KeyUse: [Version]] = [:]
  }

  package let owner: String
  private let network: String
  private let save: Save
  private let held: Mutex<Held>

  /// - Parameters:
  ///   - file: holds at least an identity key; names that are no ``KeyUse`` are passed over.
  ///   - network: of the genesis, for the names of cosigners.
  /// - Throws: ``CredentialError`` `invalidFile` without an identity key, `invalidKey` for bytes that are
  ///   no key.
  package init(_ file: KeyFile, network: String, save: @escaping Save) throws {
    (owner, self.network, self.save) = (file.owner, network, save)
    let versions = try Self.versions(file, network)
    guard versions[.identity]?.isEmpty == false else {
      throw CredentialError(.invalidFile, "the keys of \(file.owner) lack \"identity\"")
    }
    held = Mutex(Held(file: file, versions: versions))
  }

  private static func versions(
    _ file: KeyFile, _ network: String
  ) throws -> [KeyUse: [Version]] {
    var versions: [KeyUse: [Version]] = [:]
    for name in file.names {
      guard let (use, number) = parse(name),
        let secret = try secret(use, try file.secret(name), file.owner, network)
      else { continue }
      versions[use, default: []].append(Version(number: number, secret: secret))
    }
    return versions.mapValues { $0.sorted { $0.number < $1.number } }
  }

  /// A use and which of its keys it is, from 1.
  private static func parse(_ name: String) -> (KeyUse, UInt64)? {
    let parts = name.split(separator: "#", omittingEmptySubsequences: false)
    switch parts.count {
    case 1: return (KeyUse(name), 1)
    case 2:
      guard let number = UInt64(parts[1]), number > 1, "\(number)" == parts[1] else { return nil }
      return (KeyUse(String(parts[0])), number)
    default: return nil
    }
  }

  private static func name(_ use: KeyUse, _ number: UInt64) -> String {
    number == 1 ? use.name : "\(use.name)#\(number)"
  }

  private static func secret(
    _ use: KeyUse, _ seed: [UInt8], _ owner: String, _ network: String
  ) throws -> Secret? {
    switch use {
    case .identity, .registration, .voting: return .signing(try IdentityKey(seed: seed))
    default:
      guard let chain = use.chain else { return nil }
      return .cosigning(
        try CosignerKey(
          name: ValidGenesis.cosignerName(network: network, node: owner, chain: chain),
          key: Curve25519.Signing.PrivateKey(rawRepresentation: seed)))
    }
  }

  // MARK: Keys

  private func versions(_ use: KeyUse) -> [Secret] {
    held.withLock { $0.versions[use]?.map(\.secret) ?? [] }
  }

  private func signing(_ use: KeyUse) -> [IdentityKey] {
    versions(use).compactMap { if case .signing(let key) = $0 { key } else { nil } }
  }

  /// The public half of the newest key of a use.
  package func publicKey(_ use: KeyUse) -> [UInt8]? { versions(use).last?.publicKey }

  /// The uses that this party has keys for.
  package var uses: Set<KeyUse> { held.withLock { Set($0.versions.keys) } }

  /// The Ed25519 key of this use with this public half.
  package func signingKey(_ use: KeyUse, _ publicKey: [UInt8]) -> IdentityKey? {
    signing(use).first { $0.publicKey == publicKey }
  }

  package func identity(in members: ValidMembers) -> IdentityKey { identities(in: members)[0] }

  package func identities(in members: ValidMembers) -> [IdentityKey] {
    let keys = Array(signing(.identity).reversed())
    // Who is no member, or not with these keys, signs with the newest.
    guard let index = keys.firstIndex(where: { $0.publicKey == members.identityKey(of: owner) })
    else { return keys }
    return [keys[index]] + keys[..<index] + keys[(index + 1)...]
  }

  package func votingKey(_ publicKey: [UInt8]) -> IdentityKey? { signingKey(.voting, publicKey) }

  package func cosigner(among verifiers: [CosignerVerifier]) -> CosignerKey? {
    cosigner(of: ChainName.consortium, among: verifiers)
  }

  /// The key that cosigns a chain, if one of these is this party's.
  package func cosigner(of chain: String, among verifiers: [CosignerVerifier]) -> CosignerKey? {
    for case .cosigning(let key) in versions(.cosigner(chain))
    where verifiers.contains(key.verifier) {
      return key
    }
    return nil
  }

  // MARK: Other keys

  /// A party as it is to be listed with other keys of these uses: with those that were made for it before
  /// and are not in force yet, or else with new ones, which are stored when this returns. A key that was
  /// made, and that somebody else has had registered since, is passed over.
  ///
  /// - Parameters:
  ///   - party: as it is to be listed from the next epoch on so far.
  ///   - present: with the keys in force.
  ///   - isRegistered: whether the ledger knows a public key, whoever's it is.
  package func renewed(
    _ party: Party, since present: Party, _ uses: Set<KeyUse>,
    isRegistered: ([UInt8]) throws -> Bool, using randomness: inout Randomness
  ) throws -> Party {
    let seeds = uses.sorted { $0.name < $1.name }.map { ($0, randomness.bytes(32)) }
    let (keys, next) = (Self.keys(of: present), Self.keys(of: party))
    return try held.withLock { held in
      var changes: [String: [UInt8]?] = [:]
      for (use, seed) in seeds {
        guard let key = keys[use] else { continue }
        let last = held.versions[use]?.last
        let made = last?.secret.publicKey
        let isTaken = try made.map { try $0 != next[use] && isRegistered($0) } ?? true
        if made == key || isTaken {
          changes[Self.name(use, (last?.number ?? 0) + 1)] = seed
        }
      }
      try self.change(&held, changes)
      return party.with(
        keys: seeds.compactMap { use, _ in
          keys[use] == nil ? nil : held.versions[use]?.last.map { (use.name, $0.secret.publicKey) }
        })
    }
  }

  private static func keys(of party: Party) -> [KeyUse: [UInt8]] {
    Dictionary(
      party.keysByUse.map { (KeyUse($0.use), $0.key) }, uniquingKeysWith: { first, _ in first })
  }

  /// Erases the keys of these uses that a party has in force, and those before them, at once: for who may
  /// have signed what it does not know of. Where no others were made yet, they are made.
  ///
  /// - Returns: whether there were any.
  package func abandon(
    _ uses: Set<KeyUse>, of present: Party, using randomness: inout Randomness
  ) throws -> Bool {
    let seeds = uses.sorted { $0.name < $1.name }.map { ($0, randomness.bytes(32)) }
    let keys = Self.keys(of: present)
    return try held.withLock { held in
      var changes: [String: [UInt8]?] = [:]
      for (use, seed) in seeds {
        guard let versions = held.versions[use],
          let number = versions.first(where: { $0.secret.publicKey == keys[use] })?.number
        else { continue }
        for version in versions where version.number <= number {
          changes.updateValue(nil, forKey: Self.name(use, version.number))
        }
        if versions.last?.number == number { changes[Self.name(use, number + 1)] = seed }
      }
      try self.change(&held, changes)
      return !changes.isEmpty
    }
  }

  /// Erases all keys of these uses, those that were to be in force too, and makes one other of each: for a file
  /// that was put back, of which nobody knows with which of them it has signed since.
  ///
  /// - Returns: the uses of which there were any.
  package func abandonAll(
    _ uses: Set<KeyUse>, using randomness: inout Randomness
  ) throws -> Set<KeyUse> {
    let seeds = uses.sorted { $0.name < $1.name }.map { ($0, randomness.bytes(32)) }
    return try held.withLock { held in
      var (changes, found): ([String: [UInt8]?], Set<KeyUse>) = ([:], [])
      for (use, seed) in seeds {
        guard let versions = held.versions[use], let last = versions.last else { continue }
        for version in versions {
          changes.updateValue(nil, forKey: Self.name(use, version.number))
        }
        changes[Self.name(use, last.number + 1)] = seed
        found.insert(use)
      }
      try self.change(&held, changes)
      return found
    }
  }

  /// Makes a key for a use, unless one was made before that nobody has listed yet.
  ///
  /// - Parameter isUsed: whether a public key is, or was, listed.
  /// - Returns: its public half.
  package func make(
    _ use: KeyUse, isUsed: ([UInt8]) throws -> Bool, using randomness: inout Randomness
  ) throws -> [UInt8] {
    let seed = randomness.bytes(32)
    try held.withLock { held in
      let last = held.versions[use]?.last
      if let last, try !isUsed(last.secret.publicKey) { return }
      try self.change(&held, [Self.name(use, (last?.number ?? 0) + 1): seed])
    }
    return publicKey(use) ?? []
  }

  /// Whether this party has all the keys that it is listed with, but for a log key, which is in no ring.
  package func holdsKeys(of party: Party) -> Bool {
    held.withLock { held in
      party.keysByUse.allSatisfy { name, key in
        let versions = held.versions[KeyUse(name)]
        return name == "log" || versions?.contains { $0.secret.publicKey == key } == true
      }
    }
  }

  /// The uses of which this party has given up the key that it is listed with, and has another one that is not
  /// in force yet; nil if it lacks a key in any other way.
  package func givenUp(of party: Party) -> Set<KeyUse>? {
    held.withLock { held in
      var uses: Set<KeyUse> = []
      for (name, key) in party.keysByUse where name != "log" {
        let use = KeyUse(name)
        let versions = held.versions[use] ?? []
        if versions.contains(where: { $0.secret.publicKey == key }) { continue }
        guard use == .voting || use.chain != nil, !versions.isEmpty else { return nil }
        uses.insert(use)
      }
      return uses
    }
  }

  /// Whether there are several keys of one use.
  package var isChanging: Bool { held.withLock { $0.versions.values.contains { $0.count > 1 } } }

  /// Erases the keys that came before those of a party, so that whoever gets hold of this machine later
  /// signs nothing in the name of the past.
  ///
  /// - Parameters:
  ///   - party: with keys whose forerunners nothing needs any more.
  ///   - uses: of these alone.
  package func eraseKeys(before party: Party, _ uses: Set<KeyUse>) throws {
    try held.withLock { held in
      var changes: [String: [UInt8]?] = [:]
      for (name, key) in party.keysByUse where uses.contains(KeyUse(name)) {
        let versions = held.versions[KeyUse(name)] ?? []
        guard let current = versions.first(where: { $0.secret.publicKey == key }) else { continue }
        for version in versions where version.number < current.number {
          changes.updateValue(nil, forKey: Self.name(KeyUse(name), version.number))
        }
      }
      try self.change(&held, changes)
    }
  }

  private func change(_ held: inout Held, _ changes: [String: [UInt8]?]) throws {
    if changes.isEmpty { return }
    let file = try held.file.changed(changes)
    let versions = try Self.versions(file, network)
    try save(file)
    held = Held(file: file, versions: versions)
  }
}
