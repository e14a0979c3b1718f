import CanonicalEncoding
import Consortium
import Foundation
import Ledger

/// One role's store in etcd and the copy of it on this machine.
///
/// Below `stores/NAME/`, `head` is moved by every write, `values/KEY` is a value, and `batch` names the changes of a
/// write that is not made whole yet. A value is a byte and what is sealed: 0 and the value itself, or 1 and where in
/// S3 it lies.
struct RoleCopy: Sendable {
  /// In the copy: of which store it is, and up to which revision of etcd.
  static let revisionKey = "\u{1}engine revision"
  /// Longer values lie in S3.
  static let inlineLimit = 1 << 16

  let engine: SharedEngine
  let name: String
  let local: any RoleStore

  init(_ engine: SharedEngine, _ name: String, _ local: any RoleStore) {
    (self.engine, self.name, self.local) = (engine, name, local)
  }

  var head: [UInt8] { engine.key("stores/\(name)/head") }
  private var batchKey: [UInt8] { engine.key("stores/\(name)/batch") }
  private var valuePrefix: [UInt8] { engine.key("stores/\(name)/values/") }
  private func key(_ name: String) -> [UInt8] { valuePrefix + Array(name.utf8) }
  /// What is authenticated with a value.
  private func label(_ key: String) -> String { "\(name)/\(key)" }

  private static let identityByteCount = 16

  private static func random() -> [UInt8] {
    (0..<identityByteCount).map { _ in UInt8.random(in: .min ... .max) }
  }

  /// Which store the head is of, drawn with the first one, then what no two heads have in common.
  static func head(_ identity: [UInt8]) -> [UInt8] { identity + random() }

  // MARK: The copy

  /// Stores changes in the copy, with the revision that they had.
  ///
  /// - Parameter identity: of the store.
  func keep(
    _ changes: [String: [UInt8]?], _ identity: [UInt8], at revision: Int64
  ) throws(StoreError) {
    var changes = changes
    changes[Self.revisionKey] = .some(Array("\(identity.hex) \(revision)".utf8))
    try local.write(changes)
  }

  /// Of which store the copy is, and up to which revision; nil if it is none yet.
  private func kept() throws(StoreError) -> (identity: [UInt8], revision: Int64)? {
    guard let bytes = try local.value(forKey: Self.revisionKey) else {
      guard try local.keys(withPrefix: "").isEmpty else {
        throw StoreError(
          .conflict,
          "\(name) on this machine is no copy of what is shared: it was written by itself")
      }
      return nil
    }
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard parts.count == 2, let identity = [UInt8](hex: String(parts[0])),
      let revision = Int64(parts[1])
    else { throw StoreError(.corrupted, "the copy of \(name) does not say of when it is") }
    return (identity, revision)
  }

  private static let pageLimit = 1000
  /// Values that are fetched at once: of ``inlineLimit`` at most.
  private static let fetchLimit = 64

  /// That etcd has forgotten nothing that the copy has seen. To be asked before the head is moved, which would look
  /// newer then.
  ///
  /// - Throws: ``StoreError`` `corrupted`.
  func requireNotOlder() async throws(StoreError) {
    let present = try await engine.etcd.range(head, until: engine.etcd.deadline).entries.first
    try requireNotOlder(present, kept())
  }

  private func requireNotOlder(
    _ head: EtcdClient.Entry?, _ known: (identity: [UInt8], revision: Int64)?
  ) throws(StoreError) {
    guard let known else { return }
    guard let head, Array(head.value.prefix(Self.identityByteCount)) == known.identity else {
      throw StoreError(
        .corrupted, "etcd: \(name) is another store than this machine's copy is of: was etcd lost?")
    }
    guard known.revision <= head.revision else { throw older(known.revision, head.revision) }
  }

  /// Brings the copy to where etcd is, with what was removed.
  ///
  /// - Throws: ``StoreError``; `corrupted` if etcd is older than the copy.
  func synchronize() async throws(StoreError) {
    let etcd = engine.etcd
    let deadline = ContinuousClock.now.advanced(by: .seconds(etcd.configuration.patience * 5))
    let (found, revision) = try await etcd.entries([head, batchKey], until: deadline)
    let known = try kept()
    try requireNotOlder(found[0], known)
    guard let head = found[0] else { return }
    let identity = Array(head.value.prefix(Self.identityByteCount))
    let (moved, kept) = (head.revision, known?.revision ?? 0)
    // A batch is taken once it is made whole.
    if kept == moved || found[1] != nil { return }
    let (present, changed) = try await listing(revision, since: kept, until: deadline)
    var changes: [String: [UInt8]?] = [:]
    for key in try local.keys(withPrefix: "")
    where key != Self.revisionKey && !present.contains(key) {
      changes.updateValue(nil, forKey: key)
    }
    for start in stride(from: 0, to: changed.count, by: Self.fetchLimit) {
      let keys = Array(changed[start..<min(start + Self.fetchLimit, changed.count)])
      let entries = try await etcd.entries(
        keys.map(key), revision: revision, until: deadline
      ).entries
      for (key, entry) in zip(keys, entries) {
        guard let entry else { continue }
        changes[key] = .some(try await value(entry.value, key))
      }
    }
    try keep(changes, identity, at: moved)
  }

  private func older(_ kept: Int64, _ moved: Int64) -> StoreError {
    StoreError(
      .corrupted,
      "etcd: \(name) is of revision \(moved), this machine's copy of \(kept): etcd was put back from an older state"
    )
  }

  /// All keys at a revision, and those that have changed since another.
  private func listing(
    _ revision: Int64, since kept: Int64, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> (present: Set<String>, changed: [String]) {
    var (present, changed, start): (Set<String>, [String], [UInt8]) = ([], [], valuePrefix)
    let end = EtcdClient.end(of: valuePrefix)
    while true {
      let page = try await engine.etcd.range(
        start, end: end, limit: Self.pageLimit, revision: revision, keysOnly: true, until: deadline)
      for entry in page.entries {
        guard let key = String(validating: entry.key.dropFirst(valuePrefix.count), as: UTF8.self)
        else { throw StoreError(.corrupted, "etcd: a value of \(name) has a name that is no text") }
        present.insert(key)
        if entry.revision > kept { changed.append(key) }
      }
      guard page.hasMore, let last = page.entries.last else { return (present, changed) }
      start = last.key + [0]
    }
  }

  // MARK: Values

  private func value(_ stored: [UInt8], _ key: String) async throws(StoreError) -> [UInt8] {
    let plain = try engine.secret.open(stored, .value, name: label(key))
    switch plain.first {
    case 0: return Array(plain.dropFirst())
    case 1:
      guard let object = Self.object(plain.dropFirst()) else { break }
      guard let sealed = try await engine.object(object) else {
        throw engine.damaged(object, "missing, which is the value of \"\(key)\" of \(name)")
      }
      return try engine.secret.open(sealed, .value, name: object.name)
    default: break
    }
    throw StoreError(.corrupted, "etcd: the value of \"\(key)\" of \(name) has no form of ours")
  }

  /// What is stored under a key in etcd; a long value is put into S3 first.
  private func stored(_ value: [UInt8], _ key: String, _ term: UInt64) async throws(StoreError)
    -> [UInt8]
  {
    if value.count <= Self.inlineLimit {
      return try engine.secret.seal([0] + value, .value, name: label(key))
    }
    let object = try await put(value, term)
    return try engine.secret.seal([1] + Self.form(object), .value, name: label(key))
  }

  private func put(_ bytes: [UInt8], _ term: UInt64) async throws(StoreError)
    -> SharedEngine.ObjectName
  {
    let name = "values/\(name)/\(term)-\(Self.random().hex)"
    let sealed = try engine.secret.seal(bytes, .value, name: name)
    try await engine.put(sealed, name)
    return .init(name: name, byteCount: sealed.count, digest: Digest32(sha256: sealed))
  }

  private static func form(_ object: SharedEngine.ObjectName) -> [UInt8] {
    var writer = ByteWriter()
    writer.counted(Array(object.name.utf8))
    writer.integer(UInt32(object.byteCount))
    writer.raw(object.digest.bytes)
    return writer.bytes
  }

  private static func object(_ bytes: some Sequence<UInt8>) -> SharedEngine.ObjectName? {
    var reader = ByteReader(bytes)
    guard let name = reader.counted().flatMap({ String(validating: $0, as: UTF8.self) }),
      let count: UInt32 = reader.integer(), count <= objectLimit,
      let digest = reader.raw(32).flatMap({ Digest32($0) }), reader.isAtEnd
    else { return nil }
    return .init(name: name, byteCount: Int(count), digest: digest)
  }

  /// Of a batch, sealed.
  private static let objectLimit = 1 << 28

  // MARK: Writing

  /// Makes changes, in one transaction if they fit.
  ///
  /// - Parameter revision: of the head as it is known.
  /// - Returns: that of the new head, and whether the changes are made; else they are in a batch.
  func commit(
    _ changes: [(key: String, value: [UInt8]?)], from place: Place, _ tenure: Tenure
  ) async throws(StoreError) -> (head: Int64, isWhole: Bool) {
    let term = tenure.holder.term
    var (operations, byteCount): ([EtcdClient.Change], Int) = ([], 0)
    let isSmall =
      changes.count <= EtcdClient.changeLimit
      && changes.reduce(0, { $0 + min($1.value?.count ?? 0, Self.inlineLimit) + $1.key.utf8.count })
        <= EtcdClient.byteLimit
    guard isSmall else { return try await stage(changes, from: place, tenure) }
    for (key, value) in changes {
      if let value {
        let bytes = try await stored(value, key, term)
        byteCount += bytes.count
        operations.append(.put(self.key(key), bytes))
      } else {
        operations.append(.delete(self.key(key)))
      }
    }
    let gone = try await objects(of: changes.map(\.key))
    let moved = try await tenure.move(
      head, from: place.revision, to: Self.head(place.identity), operations)
    engine.discard(gone)
    return (moved, true)
  }

  /// The objects in S3 of those keys that have one now, so that nothing is left of what is replaced.
  private func objects(of keys: [String]) async throws(StoreError) -> [String] {
    var long: [String] = []
    for key in keys where try local.value(forKey: key)?.count ?? 0 > Self.inlineLimit {
      long.append(key)
    }
    if long.isEmpty { return [] }
    let entries = try await engine.etcd.entries(
      long.map(key), until: engine.etcd.deadline
    ).entries
    return zip(long, entries).compactMap { key, entry in
      guard let entry,
        let plain = try? engine.secret.open(entry.value, .value, name: label(key)),
        plain.first == 1
      else { return nil }
      return Self.object(plain.dropFirst())?.name
    }
  }

  /// Puts the changes into S3 and names them: from then on they count.
  private func stage(
    _ changes: [(key: String, value: [UInt8]?)], from place: Place, _ tenure: Tenure
  ) async throws(StoreError) -> (head: Int64, isWhole: Bool) {
    var writer = ByteWriter()
    for (key, value) in changes {
      writer.counted(Array(key.utf8))
      writer.integer(UInt8(value == nil ? 0 : 1))
      writer.counted(value ?? [])
    }
    guard writer.bytes.count < Self.objectLimit / 2 else {
      throw StoreError(.tooLarge, "\(writer.bytes.count) bytes are changed at once")
    }
    let object = try await put(writer.bytes, tenure.holder.term)
    let named = try engine.secret.seal(Self.form(object), .value, name: label("\u{1}batch"))
    return (
      try await tenure.move(
        head, from: place.revision, to: Self.head(place.identity), [.put(batchKey, named)]), false
    )
  }

  /// Makes the changes of a batch that somebody has named and not made whole.
  ///
  /// - Returns: where the store is then.
  func completeBatch(from place: Place, _ tenure: Tenure) async throws(StoreError) -> Place {
    let deadline = engine.etcd.deadline
    guard let named = try await engine.etcd.range(batchKey, until: deadline).entries.first else {
      return place
    }
    let form = try engine.secret.open(named.value, .value, name: label("\u{1}batch"))
    guard let object = Self.object(form) else {
      throw StoreError(.corrupted, "etcd: the changes of \(name) that wait are not named")
    }
    guard let sealed = try await engine.object(object) else {
      throw engine.damaged(object, "missing, which is a write of \(name)")
    }
    var reader = ByteReader(try engine.secret.open(sealed, .value, name: object.name))
    var (place, gone) = (place, [object.name])
    var (operations, byteCount): ([EtcdClient.Change], Int) = ([], 0)
    while !reader.isAtEnd {
      guard let key = reader.counted().flatMap({ String(validating: $0, as: UTF8.self) }),
        let isThere: UInt8 = reader.integer(), let value = reader.counted()
      else { throw engine.damaged(object, "it holds no changes") }
      var change = EtcdClient.Change.delete(self.key(key))
      if isThere == 1 {
        let bytes = try await stored(value, key, tenure.holder.term)
        byteCount += bytes.count
        change = .put(self.key(key), bytes)
      }
      gone += try await objects(of: [key])
      operations.append(change)
      byteCount += key.utf8.count
      if operations.count >= EtcdClient.changeLimit
        || byteCount > EtcdClient.byteLimit - Self.inlineLimit * 2
      {
        place.revision = try await tenure.move(
          head, from: place.revision, to: Self.head(place.identity), operations)
        (operations, byteCount) = ([], 0)
      }
    }
    place.revision = try await tenure.move(
      head, from: place.revision, to: Self.head(place.identity), operations + [.delete(batchKey)])
    engine.discard(gone)
    return place
  }

  /// Where the store is: the revision of its head, and which one it is.
  struct Place: Sendable {
    var revision: Int64 = 0
    var identity: [UInt8] = []
  }

  /// Moves the head, so that no write of ours that is still under way can come after.
  func settle(_ tenure: Tenure) async throws(StoreError) -> Place {
    while true {
      let present = try await engine.etcd.range(head, until: engine.etcd.deadline).entries.first
      var place = Place()
      place.identity =
        present.map { Array($0.value.prefix(Self.identityByteCount)) } ?? Self.random()
      do throws(StoreError) {
        place.revision = try await tenure.move(
          head, from: present?.revision ?? 0, to: Self.head(place.identity))
        return place
      } catch {
        guard error.code == .conflict else { throw error }
      }
    }
  }
}
