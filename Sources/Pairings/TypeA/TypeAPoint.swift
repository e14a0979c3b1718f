/// A point of the symmetric source group.
///
/// What is stored is a point P of E(F_q) and stands for π(P), its part of order p: π = h·(h⁻¹ mod p)
/// is a homomorphism that changes nothing on the subgroup. A hash to the curve is left uncleared,
/// since the pairing cannot see the rest and a multiplication clears it on the way: a secret only
/// ever multiplies a point of order p (specification, item 19).
protocol TypeAPoint: PairingSourceGroup where Scalar == Suite.Scalar {
  associatedtype Suite: TypeASuite
  var edwards: EdwardsPoint<Suite.Field> { get set }
  /// Whether the point itself has order p or 1. Public: it depends on how the point was made.
  var isCleared: Bool { get }
  init(_ edwards: EdwardsPoint<Suite.Field>, isCleared: Bool)
}

extension TypeAPoint {
  init(_ edwards: EdwardsPoint<Suite.Field>) { self.init(edwards, isCleared: true) }

  public static var identity: Self { Self(.identity) }
  public static var generator: Self { Self(Suite.constants.generator) }
  public static var encodedByteCount: Int { 1 + Suite.Field.encodedByteCount }

  /// π(P), with a point that has order p.
  var cleared: Self {
    if isCleared { return self }
    return Self(
      multipliedByCofactor.multiplied(by: Suite.constants.inverseCofactorDigits))
  }

  /// h·P.
  private var multipliedByCofactor: EdwardsPoint<Suite.Field> {
    edwards.multiplied(by: Suite.constants.cofactorDigits)
  }

  public static func == (a: Self, b: Self) -> Bool {
    a.cleared.edwards.equals(b.cleared.edwards).declassified
  }
  public var isIdentity: Bool { cleared.edwards.isIdentityMask.declassified }

  public static func + (a: Self, b: Self) -> Self {
    Self(a.edwards + b.edwards, isCleared: a.isCleared && b.isCleared)
  }
  public static func - (a: Self, b: Self) -> Self { a + -b }
  public static prefix func - (a: Self) -> Self { Self(-a.edwards, isCleared: a.isCleared) }

  public static func * (scalar: Scalar, point: Self) -> Self {
    multiScalar([scalar], [point])
  }

  public static func multiScalar(_ scalars: [Scalar], _ points: [Self]) -> Self {
    precondition(scalars.count == points.count, "as many scalars as points")
    var terms = zip(scalars, points).map { scalar, point in
      if point.isCleared { return (words: scalar.value.words, point: point.edwards) }
      // s·π(P) = (s·h⁻¹)·(h·P)
      return (
        words: (scalar * Suite.constants.inverseCofactor).value.words,
        point: point.multipliedByCofactor
      )
    }
    defer {
      for index in terms.indices { zeroize(&terms[index].words) }
    }
    return Self(.sum(terms, bitCount: Suite.order.a + 1))
  }

  public static func generatorMultiplied(by scalar: Scalar) -> Self {
    var words = scalar.value.words
    defer { zeroize(&words) }
    return Self(Suite.constants.generatorTable.multiplied(by: words))
  }

  public static func multipliedVariableTime(_ scalar: Scalar, _ point: Self) -> Self {
    multiScalarVariableTime([scalar], [point])
  }

  public static func multipliedVariableTime(_ factor: UInt64, _ point: Self) -> Self {
    multiScalarVariableTime([Scalar(factor)], [point])
  }

  public static func multiScalarVariableTime(_ scalars: [Scalar], _ points: [Self]) -> Self {
    precondition(scalars.count == points.count, "as many scalars as points")
    let width = 5
    let terms = zip(scalars, points).map { scalar, point in
      (
        digits: SparseDigit.nonAdjacentForm(
          scalar.value.words, width: width),
        point: point.edwards
      )
    }
    return Self(.sum(terms, width: width), isCleared: points.allSatisfy(\.isCleared))
  }

  public mutating func wipe() {
    zeroize(&edwards)
    edwards = .identity
  }

  // MARK: Encoding

  /// Decodes the form of SEC 1: 2 or 3 by the parity of y, and x big-endian; zeros for the identity.
  public init(encoded bytes: [UInt8]) throws(PairingError) {
    guard bytes.count == Self.encodedByteCount else {
      throw PairingError(
        .length, "a point takes \(Self.encodedByteCount) bytes, not \(bytes.count)")
    }
    if bytes[0] == 0 {
      guard bytes.allSatisfy({ $0 == 0 }) else {
        throw PairingError(.encoding, "the identity has one encoding, and this is another")
      }
      self = .identity
      return
    }
    guard bytes[0] == 2 || bytes[0] == 3 else {
      throw PairingError(.encoding, "the encoding is not a compressed one")
    }
    let x = try Suite.Field(encoded: bytes.dropFirst())
    let (point, exists) = EdwardsPoint.decompressed(
      x, parityOfY: UInt64(bytes[0] & 1), squareRootOf2: Suite.constants.squareRootOf2)
    guard exists.declassified else {
      throw PairingError(.notOnCurve, "no point of the curve has this coordinate")
    }
    guard !point.isIdentityMask.declassified,
      Suite.order.multiplied(point).isIdentityMask.declassified
    else {
      throw PairingError(.notInSubgroup, "the point is not in the subgroup of prime order")
    }
    self.init(point)
  }

  public func encoded() -> [UInt8] { Self.encoded([self])[0] }

  public static func encoded(_ points: [Self]) -> [[UInt8]] {
    EdwardsPoint.weierstrass(
      points.map(\.cleared.edwards), squareRootOf2: Suite.constants.squareRootOf2
    ).map { point in
      let isPoint = ~point.isIdentity
      let first = 2 | UInt8(truncatingIfNeeded: point.y.sign0.bit)
      return [first & UInt8(truncatingIfNeeded: isPoint.bits)] + point.x.encoded()
    }
  }
}

/// The coordinates of a point on y² = x³ + x; zeros for the identity.
struct WeierstrassCoordinates<F: Field>: Sendable {
  let x: F
  let y: F
  let isIdentity: Mask
}

extension EdwardsPoint where F: TypeAField {
  /// The point with x and the parity of y, the identity for y = 0, and whether there is one.
  static func decompressed(
    _ x: F, parityOfY parity: UInt64, squareRootOf2: F
  ) -> (point: Self, exists: Mask) {
    let (y, exists) = (x.squared() * x + x).squareRoot()
    let point = Self(
      weierstrass: x, y.negated(if: y.sign0 ^ Mask(bit: parity)), squareRootOf2: squareRootOf2)
    return (point, exists)
  }
}

/// Montgomery's form y² = x³ + x is that of Edwards by (√2·x/y, (x − 1)/(x + 1)).
extension EdwardsPoint {
  /// - Parameters:
  ///   - x, y: a point of y² = x³ + x; (0, 0), of order 2, gives the identity.
  init(weierstrass x: F, _ y: F, squareRootOf2 root: F) {
    let (above, below) = (x + .one, x - .one)
    let rootX = root * x
    let point = Self(x: rootX * above, y: below * y, z: y * above, t: rootX * below)
    self = Self.select(y.isZeroMask, .identity, point)
  }

  /// The coordinates of points without a part of order 2, with one inversion.
  static func weierstrass(_ points: [Self], squareRootOf2 root: F) -> [WeierstrassCoordinates<F>] {
    let inverses = F.inverted(points.map { ($0.z - $0.y) * $0.x })
    return zip(points, inverses).map { point, inverse in
      let numerator = (point.z + point.y) * inverse
      return WeierstrassCoordinates(
        x: numerator * point.x, y: root * numerator * point.z, isIdentity: point.isIdentityMask)
    }
  }
}
