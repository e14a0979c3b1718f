extension RandomNumberGenerator {
  /// Random bytes, for whoever in this package makes keys, salts and nonces.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
  }
}
