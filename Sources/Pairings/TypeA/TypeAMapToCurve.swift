/// Mapping to the curve y² = x³ + x.
enum TypeAMapToCurve<Suite: TypeASuite> {
  /// A uniform point of the whole curve.
  ///
  /// Since q ≡ 3 mod 4 and f(x) = x³ + x is odd, exactly one of f(u) and f(−u) is a square, unless
  /// u = 0. So (u, bit) → (±u, ±√f(±u)) reaches every point with y ≠ 0 from two values of u each;
  /// the map is regular and inverted by trying, which makes it indifferentiable from a random oracle
  /// (Brier and others, ePrint 2009/340, section 3). One square root, constant time.
  ///
  /// u is 128 bits more than q has, reduced; the bit is the lowest of one byte more.
  static func curvePoint(
    _ uniform: [UInt8], squareRootOf2: Suite.Field
  ) -> EdwardsPoint<Suite.Field> {
    precondition(uniform.count == Suite.uniformByteCount, "as many bytes as the suite wants")
    let u = Suite.Field(reducing: uniform.dropLast())
    let sign = Mask(bit: UInt64(uniform[uniform.count - 1] & 1))
    // The root of f(u), or of −f(u) = f(−u).
    let (root, isSquare) = (u.squared() * u + u).squareRoot()
    return EdwardsPoint(
      weierstrass: u.negated(if: ~isSquare), root.negated(if: root.sign0 ^ sign),
      squareRootOf2: squareRootOf2)
  }
}

extension TypeASuite {
  public static var uniformByteCount: Int { (Field.modulusBitCount + 128 + 7) / 8 + 1 }

  public static func mapToG1(_ uniform: [UInt8]) -> Point {
    Point(
      TypeAMapToCurve<Self>.curvePoint(uniform, squareRootOf2: constants.squareRootOf2),
      isCleared: false)
  }
}
