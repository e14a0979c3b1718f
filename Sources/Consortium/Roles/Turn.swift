/// Goes round keys, some at a time.
struct Turn<Key: Comparable & Sendable>: Sendable {
  private var last: Key?

  /// The keys that are next, of all of them in ascending order.
  func next(of keys: [Key]) -> [Key] {
    let start = keys.firstIndex { key in last.map { key > $0 } ?? true } ?? 0
    return Array(keys[start...] + keys[..<start])
  }

  mutating func pass(_ key: Key) { last = key }
}
