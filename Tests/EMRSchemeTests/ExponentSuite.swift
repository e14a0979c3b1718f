import Pairings

/// A symmetric pairing without any security: a point is its own discrete logarithm modulo the prime
/// 2^61 − 1, and e(a, b) = a·b. It shows that the scheme's code serves a Type-1 suite, and what
/// somebody who knows a logarithm can do.
enum ExponentSuite: PairingSuite {
  static var name: String { "exponent" }

  static var uniformByteCount: Int { 32 }

  static func mapToG1(_ uniform: [UInt8]) -> Exponent {
    Exponent(value: Residue(reducing: uniform))
  }

  static func prepare(_ point: Exponent) -> Exponent { point }

  static func pairing(_ p: Exponent, _ q: Exponent) -> Exponent {
    Exponent(value: p.value * q.value)
  }

  static func pairingProduct(_ pairs: [(Exponent, Exponent)]) -> Exponent {
    pairs.reduce(.identity) { $0 + pairing($1.0, $1.1) }
  }

  static func pairingProductIsIdentity(_ pairs: [(Exponent, Exponent)]) -> Bool {
    pairingProduct(pairs).isIdentity
  }
}

struct Residue: ScalarField {
  static let modulus: UInt64 = (1 << 61) - 1
  static let zero = Residue(0)
  static let one = Residue(1)
  static let encodedByteCount = 8

  var value: UInt64

  init(_ value: UInt64) { self.value = value % Self.modulus }

  init(encoded bytes: [UInt8]) throws(PairingError) {
    guard bytes.count == 8 else { throw PairingError(.length, "a scalar takes 8 bytes") }
    value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    guard value < Self.modulus else { throw PairingError(.notCanonical, "not below p") }
  }

  init(reducing bytes: [UInt8]) {
    self = bytes.reduce(.zero) { $0 * Residue(256) + Residue(UInt64($1)) }
  }

  func encoded() -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }

  static func + (a: Self, b: Self) -> Self { Self(a.value + b.value) }
  static func - (a: Self, b: Self) -> Self { a + -b }
  static prefix func - (a: Self) -> Self { Self(modulus - a.value) }

  static func * (a: Self, b: Self) -> Self {
    Self(UInt64(UInt128(a.value) * UInt128(b.value) % UInt128(modulus)))
  }

  /// a^(p − 2).
  func inverted() -> Self {
    var (power, base, exponent) = (Self.one, self, Self.modulus - 2)
    while exponent > 0 {
      if exponent & 1 == 1 { power = power * base }
      base = base * base
      exponent >>= 1
    }
    return power
  }

  var isZero: Bool { value == 0 }
  mutating func wipe() { value = 0 }
}

struct Exponent: PairingSourceGroup, PairingTargetGroup {
  typealias Scalar = Residue
  static let identity = Exponent(value: .zero)
  static let generator = Exponent(value: .one)
  static let one = identity
  static let encodedByteCount = 8

  var value: Residue

  init(value: Residue) { self.value = value }
  init(encoded bytes: [UInt8]) throws(PairingError) { value = try Residue(encoded: bytes) }

  func encoded() -> [UInt8] { value.encoded() }
  static func encoded(_ points: [Self]) -> [[UInt8]] { points.map { $0.encoded() } }

  var isIdentity: Bool { value.isZero }
  static func + (a: Self, b: Self) -> Self { Self(value: a.value + b.value) }
  static func - (a: Self, b: Self) -> Self { Self(value: a.value - b.value) }
  static prefix func - (a: Self) -> Self { Self(value: -a.value) }
  static func * (scalar: Residue, point: Self) -> Self { Self(value: scalar * point.value) }
  static func generatorMultiplied(by scalar: Residue) -> Self { Self(value: scalar) }
  static func multipliedVariableTime(_ scalar: Residue, _ point: Self) -> Self { scalar * point }
  static func multipliedVariableTime(_ factor: UInt64, _ point: Self) -> Self {
    Residue(factor) * point
  }
  static func multiScalarVariableTime(_ scalars: [Residue], _ points: [Self]) -> Self {
    sum(zip(scalars, points).map { $0 * $1 })
  }

  static func * (a: Self, b: Self) -> Self { a + b }
  func inverted() -> Self { -self }
  func raised(to scalar: Residue) -> Self { scalar * self }
  mutating func wipe() { value.wipe() }
}
