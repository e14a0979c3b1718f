import Synchronization

/// A store that nobody else writes, with what was read last in memory: of one leaf to the next, the rules ask most
/// things again. Of one that was empty it also knows of most keys that nothing was ever stored under them.
public final class CachedStateStore: StateStore {
  private struct Known {
    /// nil of a store that may have held something before.
    var written: KeyFilter?
    /// nil in it where nothing is stored.
    var values: [StateKey: [UInt8]?] = [:]
    var byteCount = 0

    private static func byteCount(_ value: [UInt8]?, _ key: StateKey) -> Int {
      key.bytes.count + (value?.count ?? 0) + CachedStateStore.entryByteCount
    }

    mutating func keep(_ value: [UInt8]?, _ key: StateKey, limit: Int) {
      let added = Self.byteCount(value, key)
      byteCount += added
      if byteCount > limit {
        values.removeAll()
        byteCount = added
      }
      values.updateValue(value, forKey: key)
    }

    mutating func forget(_ key: StateKey) {
      guard let value = values.removeValue(forKey: key) else { return }
      byteCount -= Self.byteCount(value, key)
    }
  }

  /// What an entry takes beside key and value, about.
  private static let entryByteCount = 64

  private let store: any StateStore
  private let byteLimit: Int
  private let known: Mutex<Known>

  /// - Precondition: nothing is in the store, and it is written through this object alone.
  public init(empty store: any StateStore) {
    (self.store, byteLimit) = (store, 1 << 22)
    known = Mutex(Known(written: KeyFilter()))
  }

  /// - Precondition: the store is written through this object alone.
  public init(owning store: any StateStore) {
    (self.store, byteLimit) = (store, 1 << 20)
    known = Mutex(Known())
  }

  public func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    let key = StateKey(bytes: key)
    return try known.withLock { (known) throws(StoreError) in
      if let value = known.values[key] { return value }
      if let written = known.written, !written.mayHold(key) { return nil }
      let value = try store.value(forKey: key.bytes)
      known.keep(value, key, limit: byteLimit)
      return value
    }
  }

  public func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    try known.withLock { (known) throws(StoreError) in
      // Whether or not the commit succeeds: one that fails may have been one.
      for key in changes.keys.lazy.map(StateKey.init(bytes:)) {
        known.written?.add(key)
        known.forget(key)
      }
      try store.commit(changes)
    }
  }
}

/// A set of keys that may say of a key that it is in the set though it is not, never the other way
/// around (a Bloom filter): with a million keys in it, it says so of one in a thousand others.
private struct KeyFilter {
  private static let bitCount: UInt64 = 1 << 24
  private static let placeCount = 6
  private var words = [UInt64](repeating: 0, count: Int(bitCount / 64))

  mutating func add(_ key: StateKey) {
    var places = Places(key)
    for _ in 0..<Self.placeCount {
      let (word, bit) = places.next()
      words[word] |= bit
    }
  }

  func mayHold(_ key: StateKey) -> Bool {
    var places = Places(key)
    for _ in 0..<Self.placeCount {
      let (word, bit) = places.next()
      if words[word] & bit == 0 { return false }
    }
    return true
  }

  private struct Places {
    private var hash: UInt64
    private let step: UInt64

    init(_ key: StateKey) {
      hash = UInt64(bitPattern: Int64(key.hashValue))
      step = hash >> 32 | 1
    }

    mutating func next() -> (word: Int, bit: UInt64) {
      let place = hash & (KeyFilter.bitCount - 1)
      hash &+= step
      return (Int(place >> 6), 1 << (place & 63))
    }
  }
}
