/// Three groups of one prime order p with a bilinear map between them.
///
/// The scheme is written once, against this protocol. A symmetric ("Type 1") suite is one whose
/// ``G1`` and ``G2`` are the same type.
///
/// Everything here is constant time in scalars and points unless its name or label says
/// `variableTime`; such an operation may be used on public values only.
public protocol PairingSuite: Sendable {
  /// The integers modulo p.
  associatedtype Scalar: ScalarField
  /// The source group of signatures and hashes.
  associatedtype G1: PairingSourceGroup where G1.Scalar == Scalar
  /// The source group of keys; on a symmetric suite, the same.
  associatedtype G2: PairingSourceGroup where G2.Scalar == Scalar
  /// The target group.
  associatedtype GT: PairingTargetGroup where GT.Scalar == Scalar
  /// A point of ``G2`` with the lines of its Miller loop computed ahead.
  associatedtype PreparedG2: Sendable

  /// The name that stands in the genesis and in every domain separation tag, as `bls12-381`.
  static var name: String { get }

  /// The number of bytes of which ``mapToG1(_:)`` makes a point: 128 for BLS12-381.
  static var uniformByteCount: Int { get }

  /// Maps uniform bytes to ``G1``, so that the point is indifferentiable from a random one: what
  /// `hash_to_curve` of RFC 9380 does after `expand_message`. The module `HashToCurve` has the whole
  /// hash.
  ///
  /// - Parameter uniform: ``uniformByteCount`` bytes; they may be secret.
  static func mapToG1(_ uniform: [UInt8]) -> G1

  /// Σ sᵢ·``mapToG1(_:)`` of uᵢ for public scalars and bytes; cheaper where the cofactor can be
  /// cleared from the sum.
  static func multiScalarOfMappedVariableTime(_ scalars: [Scalar], _ uniform: [[UInt8]]) -> G1

  /// Computes the lines of a point ahead, for several pairings with it.
  static func prepare(_ point: G2) -> PreparedG2

  /// e(P, Q). The value is the one of arkworks and mcl (specification, section 3).
  static func pairing(_ p: G1, _ q: G2) -> GT

  /// Π e(Pᵢ, Qᵢ), with one final exponentiation.
  static func pairingProduct(_ pairs: [(G1, PreparedG2)]) -> GT

  /// Whether Π e(Pᵢ, Qᵢ) = 1; the usual shape of a verification. The operands are public.
  static func pairingProductIsIdentity(_ pairs: [(G1, PreparedG2)]) -> Bool
}

extension PairingSuite {
  public static func multiScalarOfMappedVariableTime(
    _ scalars: [Scalar], _ uniform: [[UInt8]]
  ) -> G1 {
    .multiScalarVariableTime(scalars, uniform.map(mapToG1))
  }

  /// Π e(Pᵢ, Qᵢ), with one final exponentiation.
  public static func pairingProduct(_ pairs: [(G1, G2)]) -> GT {
    pairingProduct(pairs.map { ($0.0, prepare($0.1)) })
  }

  /// Whether Π e(Pᵢ, Qᵢ) = 1; the usual shape of a verification. The operands are public.
  public static func pairingProductIsIdentity(_ pairs: [(G1, G2)]) -> Bool {
    pairingProductIsIdentity(pairs.map { ($0.0, prepare($0.1)) })
  }

  public static func pairingProductIsIdentity(_ pairs: [(G1, PreparedG2)]) -> Bool {
    pairingProduct(pairs).isIdentity
  }
}

/// The integers modulo the group order p.
public protocol ScalarField: Sendable, Equatable {
  /// 0.
  static var zero: Self { get }
  /// 1.
  static var one: Self { get }
  /// Bytes of ``encoded()``: 32 for BLS12-381.
  static var encodedByteCount: Int { get }

  /// A small integer.
  init(_ value: UInt64)
  /// Decodes the canonical big-endian form.
  /// - Throws: ``PairingError`` if the length is wrong or the value is not below p.
  init(encoded bytes: [UInt8]) throws(PairingError)
  /// Reduces a big-endian integer of up to `2 * encodedByteCount` bytes modulo p, in constant time.
  /// Input with at least 128 bits more than p gives a value whose bias is below 2^-128.
  init(reducing bytes: [UInt8])
  /// The canonical big-endian form.
  func encoded() -> [UInt8]

  /// One of 2^128 scalars (of all, if they are fewer), uniform among them, and of the kind by which
  /// points are multiplied fastest: for the random combination of many equations.
  static func randomWeight(using generator: inout some RandomNumberGenerator) -> Self

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static prefix func - (a: Self) -> Self
  /// a⁻¹, and 0 for 0; constant time.
  func inverted() -> Self
  /// Whether this is 0. For values that are public or whose being zero may be known.
  var isZero: Bool { get }
  /// Overwrites the value so that no copy of it stays in this storage.
  mutating func wipe()
}

extension ScalarField {
  public static func randomWeight(using generator: inout some RandomNumberGenerator) -> Self {
    var bytes = [UInt8](repeating: 0, count: 16)
    for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
    return Self(reducing: bytes)
  }

  /// A uniform scalar in [1, p−1].
  public static func random(using generator: inout some RandomNumberGenerator) -> Self {
    while true {
      var bytes = [UInt8](repeating: 0, count: encodedByteCount + 16)
      for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
      let scalar = Self(reducing: bytes)
      for index in bytes.indices { bytes[index] = 0 }
      if !scalar.isZero { return scalar }
    }
  }
}

/// A source group of a pairing, written additively; every value is in the prime-order subgroup.
public protocol PairingSourceGroup: Sendable, Equatable {
  /// By what its points are multiplied.
  associatedtype Scalar: ScalarField

  /// 0.
  static var identity: Self { get }
  /// g1 or g2.
  static var generator: Self { get }
  /// Bytes of the compressed encoding: 48 for G1 and 96 for G2 of BLS12-381.
  static var encodedByteCount: Int { get }

  /// Decodes a compressed point; it is on the curve and in the subgroup, and may be the identity.
  /// - Throws: ``PairingError`` saying what is wrong.
  init(encoded bytes: [UInt8]) throws(PairingError)
  /// The compressed encoding.
  func encoded() -> [UInt8]
  /// The compressed encodings of all points, with one field inversion.
  static func encoded(_ points: [Self]) -> [[UInt8]]

  /// Whether this is 0. For points that are public or whose being 0 may be known.
  var isIdentity: Bool { get }
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static prefix func - (a: Self) -> Self
  /// s·P in constant time.
  static func * (scalar: Scalar, point: Self) -> Self
  /// Σ sᵢ·Pᵢ in constant time; only their number shows. Cheaper than the products one by one.
  static func multiScalar(_ scalars: [Scalar], _ points: [Self]) -> Self
  /// s·P for the generator P, from a table, in constant time.
  static func generatorMultiplied(by scalar: Scalar) -> Self
  /// s·P for a public scalar.
  static func multipliedVariableTime(_ scalar: Scalar, _ point: Self) -> Self
  /// k·P for a small public factor.
  static func multipliedVariableTime(_ factor: UInt64, _ point: Self) -> Self
  /// Σ sᵢ·Pᵢ for public scalars.
  static func multiScalarVariableTime(_ scalars: [Scalar], _ points: [Self]) -> Self
  /// Overwrites the point so that no copy of it stays in this storage.
  mutating func wipe()
}

extension PairingSourceGroup {
  /// Decodes a compressed point that must not be the identity.
  public init(encodedNonIdentity bytes: [UInt8]) throws(PairingError) {
    try self.init(encoded: bytes)
    if isIdentity { throw PairingError(.identity, "the point is the identity") }
  }

  public static func multiScalar(_ scalars: [Scalar], _ points: [Self]) -> Self {
    precondition(scalars.count == points.count, "as many scalars as points")
    return sum(zip(scalars, points).map { $0 * $1 })
  }

  /// Σ Pᵢ; 0 without a point.
  public static func sum(_ points: some Sequence<Self>) -> Self {
    points.reduce(identity) { $0 + $1 }
  }
}

/// The target group, written multiplicatively. It is hashed, and never decoded.
public protocol PairingTargetGroup: Sendable, Equatable {
  /// By what its elements are raised.
  associatedtype Scalar: ScalarField

  /// 1.
  static var one: Self { get }
  /// Whether this is 1. For elements that are public or whose being 1 may be known.
  var isIdentity: Bool { get }
  static func * (a: Self, b: Self) -> Self
  /// f⁻¹.
  func inverted() -> Self
  /// f^s in constant time.
  func raised(to scalar: Scalar) -> Self
  /// The fixed bytes that are hashed (specification, section 3): 576 for BLS12-381.
  func encoded() -> [UInt8]
  /// Overwrites the element so that no copy of it stays in this storage.
  mutating func wipe()
}

/// Why bytes are not an element of a field or group.
public struct PairingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// The code as text, which stays the same from version to version.
    public init(_ description: String) { self.description = description }

    /// Another number of bytes than the encoding has.
    public static let length = Code("length")
    /// Flags or form that no encoding has.
    public static let encoding = Code("encoding")
    /// A coordinate or scalar that is not below its modulus.
    public static let notCanonical = Code("not-canonical")
    /// No point of the curve has these coordinates.
    public static let notOnCurve = Code("not-on-curve")
    /// A point of the curve outside the subgroup of order p.
    public static let notInSubgroup = Code("not-in-subgroup")
    /// The identity, where it is refused.
    public static let identity = Code("identity")
  }

  public let code: Code
  /// For people; never holds a secret.
  public let message: String

  /// With a code for programs, and a message for people.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }
}
