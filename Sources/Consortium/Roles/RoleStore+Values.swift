import CanonicalEncoding

extension RoleStore {
  /// A stored value, if there is one.
  func load<Value: NamedValue>(
    _ key: String, as type: Value.Type = Value.self
  ) throws -> Value? {
    try value(forKey: key).map { try Message<Value>(encoded: $0).payload }
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
