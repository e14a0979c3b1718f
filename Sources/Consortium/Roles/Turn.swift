/// Goes round keys, some at a time.
struct Turn {
  private var last = ""

  /// The keys that are next, of all of them in ascending order.
  func next(of keys: [String]) -> [String] {
    let start = keys.firstIndex { $0 > last } ?? 0
    return Array(keys[start...] + keys[..<start])
  }

  mutating func pass(_ key: String) { last = key }
}
