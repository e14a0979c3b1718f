/// What the source groups have in common: a point of the subgroup of a curve, and its encoding.
///
/// The protocol is internal so that other modules reach its members through the conformances of
/// G1 and G2, which are compiled for these types, and never through the generic code.
protocol BLS12381SourceGroup: PairingSourceGroup where Scalar == BLS12381.Scalar {
  associatedtype Curve: BLS12381Curve
  var point: ProjectivePoint<Curve> { get set }
  init(_ point: ProjectivePoint<Curve>)
  static var generatorTable: FixedBaseTable<Curve> { get }
}

/// A curve whose points are encoded by x, a flag for the sign of y, and one for the identity.
protocol BLS12381Curve: EndomorphicCurve where Field: EncodedCoordinate {
  static var generator: AffinePoint<Self> { get }
  /// Whether a point of the curve is in the subgroup of order r.
  static func isInSubgroup(_ point: ProjectivePoint<Self>) -> Mask
}

protocol EncodedCoordinate: Field {
  static var encodedByteCount: Int { get }
  init(encoded bytes: some Collection<UInt8>) throws(PairingError)
  func encoded() -> [UInt8]
  func squareRoot() -> (root: Self, exists: Mask)
  var isLexicographicallyLarger: Mask { get }
}

extension Fp: EncodedCoordinate {}

extension Fp2: EncodedCoordinate {
  package static var encodedByteCount: Int { 2 * Fp.encodedByteCount }

  /// Decodes c1 and c0, in this order.
  package init(encoded bytes: some Collection<UInt8>) throws(PairingError) {
    let c1 = try Fp(encoded: bytes.prefix(Fp.encodedByteCount))
    self.init(try Fp(encoded: bytes.dropFirst(Fp.encodedByteCount)), c1)
  }

  package func encoded() -> [UInt8] { c1.encoded() + c0.encoded() }
}

/// The three highest bits of an encoding.
private enum Flag {
  static let compressed: UInt8 = 0x80
  static let identity: UInt8 = 0x40
  static let largerY: UInt8 = 0x20
}

extension BLS12381SourceGroup {
  public static var identity: Self { Self(ProjectivePoint.identity) }
  public static var generator: Self { Self(ProjectivePoint(Curve.generator)) }
  public static var encodedByteCount: Int { Curve.Field.encodedByteCount }

  public static func == (a: Self, b: Self) -> Bool { a.point == b.point }
  public var isIdentity: Bool { point.isIdentityMask.declassified }

  public static func + (a: Self, b: Self) -> Self { Self(a.point + b.point) }
  public static func - (a: Self, b: Self) -> Self { Self(a.point - b.point) }
  public static prefix func - (a: Self) -> Self { Self(-a.point) }

  public static func * (scalar: Scalar, element: Self) -> Self {
    Self(element.point.multiplied(by: scalar.value))
  }

  public static func multiScalar(_ scalars: [Scalar], _ elements: [Self]) -> Self {
    precondition(scalars.count == elements.count, "as many scalars as points")
    return Self(.sum(zip(scalars, elements).map { ($0.value, $1.point) }))
  }

  public static func generatorMultiplied(by scalar: Scalar) -> Self {
    Self(generatorTable.multiplied(by: scalar.value))
  }

  public static func multipliedVariableTime(_ scalar: Scalar, _ element: Self) -> Self {
    multiScalarVariableTime([scalar], [element])
  }

  public static func multipliedVariableTime(_ factor: UInt64, _ element: Self) -> Self {
    Self(element.point.multipliedVariableTime(by: factor))
  }

  public static func multiScalarVariableTime(_ scalars: [Scalar], _ elements: [Self]) -> Self {
    Self(
      ProjectivePoint.multiScalarVariableTime(scalars.map(\.value), elements.map(\.point)))
  }

  public mutating func wipe() { zeroize(&point) }

  public init(encoded bytes: [UInt8]) throws(PairingError) {
    guard bytes.count == Self.encodedByteCount else {
      throw PairingError(
        .length, "a point takes \(Self.encodedByteCount) bytes, not \(bytes.count)")
    }
    guard bytes[0] & Flag.compressed != 0 else {
      throw PairingError(.encoding, "the encoding is not a compressed one")
    }
    var coordinate = bytes
    coordinate[0] &= ~(Flag.compressed | Flag.identity | Flag.largerY)
    if bytes[0] & Flag.identity != 0 {
      guard bytes[0] & Flag.largerY == 0, coordinate.allSatisfy({ $0 == 0 }) else {
        throw PairingError(.encoding, "the identity has one encoding, and this is another")
      }
      self = .identity
      return
    }
    let x = try Curve.Field(encoded: coordinate)
    let (y, exists) = (x.squared() * x + Curve.b).squareRoot()
    guard exists.declassified else {
      throw PairingError(.notOnCurve, "no point of the curve has this coordinate")
    }
    let isLarger = Mask(bit: UInt64(bytes[0] & Flag.largerY) / UInt64(Flag.largerY))
    let point = ProjectivePoint<Curve>(
      x: x, y: y.negated(if: y.isLexicographicallyLarger ^ isLarger), z: .one)
    guard Curve.isInSubgroup(point).declassified else {
      throw PairingError(.notInSubgroup, "the point is not in the subgroup of prime order")
    }
    self.init(point)
  }

  public func encoded() -> [UInt8] { Self.encoded(point.normalized()) }

  public static func encoded(_ elements: [Self]) -> [[UInt8]] {
    ProjectivePoint.normalized(elements.map(\.point)).map(encoded)
  }

  private static func encoded(_ point: AffinePoint<Curve>) -> [UInt8] {
    var bytes = point.x.encoded()
    bytes[0] |= Flag.compressed
    bytes[0] |= Flag.identity & UInt8(truncatingIfNeeded: point.isIdentityMask.bits)
    bytes[0] |= Flag.largerY & UInt8(truncatingIfNeeded: point.y.isLexicographicallyLarger.bits)
    return bytes
  }
}
