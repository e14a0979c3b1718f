import Synchronization

/// A store that was empty and that nobody else writes, with what was read last in memory. It also
/// knows of most keys that nothing was ever stored under them, which is what the rules ask most of a
/// new entry.
public final class CachedStateStore: StateStore {
  private struct Known {
    var written = KeyFilter()
    var values: [StateKey: [UInt8]] = [:]
    var byteCount = 0

    mutating func keep(_ value: [UInt8], _ key: StateKey) {
      byteCount += key.bytes.count + value.count
      if byteCount > CachedStateStore.byteLimit {
        values.removeAll()
        byteCount = key.bytes.count + value.count
      }
      values[key] = value
    }

    mutating func forget(_ key: StateKey) {
      guard let value = values.removeValue(forKey: key) else { return }
      byteCount -= key.bytes.count + value.count
    }
  }

  private static let byteLimit = 1 << 22

  private let store: any StateStore
  private let known = Mutex(Known())

  /// - Precondition: nothing is in the store, and it is written through this object alone.
  public init(empty store: any StateStore) { self.store = store }

  public func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    let key = StateKey(bytes: key)
    return try known.withLock { (known) throws(StoreError) in
      if let value = known.values[key] { return value }
      guard known.written.mayHold(key), let value = try store.value(forKey: key.bytes) else {
        return nil
      }
      known.keep(value, key)
      return value
    }
  }

  public func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    try known.withLock { (known) throws(StoreError) in
      // Whether or not the commit succeeds: one that fails may have been one.
      for key in changes.keys.lazy.map(StateKey.init(bytes:)) {
        known.written.add(key)
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
