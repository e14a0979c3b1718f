import CanonicalEncoding

extension RoleStore {
  /// A stored value, if there is one.
  func load<Value: NamedValue>(
    _ key: String, as type: Value.Type = Value.self
  ) throws -> Value? {
    try value(forKey: key).map { try Message<Value>(encoded: $0).payload }
  }

  /// The values under a prefix, each with its key, but those that cannot be read: one that a disk has damaged
  /// hides none of the others. ``damaged(withPrefix:as:)`` names it.
  ///
  /// - Throws: ``StoreError`` where the store itself fails.
  func readable<Value: NamedValue>(
    withPrefix prefix: String, as type: Value.Type = Value.self
  ) throws -> [(key: String, value: Value)] {
    try keys(withPrefix: prefix).compactMap { key in
      try readable(key, as: type).map { (key, $0) }
    }
  }

  /// A stored value; nil if there is none that can be read.
  func readable<Value: NamedValue>(
    _ key: String, as type: Value.Type = Value.self
  ) throws -> Value? {
    try unlessDamaged { try load(key, as: type) }
  }

  /// The bytes of a value; nil if there are none that can be read.
  func readableBytes(_ key: String) throws -> [UInt8]? {
    try unlessDamaged { try value(forKey: key) }
  }

  private func unlessDamaged<Value>(_ read: () throws -> Value?) throws -> Value? {
    do {
      return try read()
    } catch {
      if error.isOfWholeStore { throw error }
      return nil
    }
  }

  /// The keys under a prefix whose values are not what was stored, or no such values.
  func damaged<Value: NamedValue>(
    withPrefix prefix: String, as type: Value.Type
  ) throws -> [String] {
    try keys(withPrefix: prefix).filter { try readable($0, as: type) == nil }
  }

  /// What removes all that is stored under a prefix, for ``RoleStore/write(_:)``.
  func removal(ofPrefix prefix: String) throws -> [String: [UInt8]?] {
    Dictionary(uniqueKeysWithValues: try keys(withPrefix: prefix).map { ($0, nil) })
  }

  /// Stores a value. Returns when it is durable.
  func save(_ value: some NamedValue, _ key: String) throws {
    try write([key: Message(value).encoded()])
  }
}
