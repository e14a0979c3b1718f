/// Hashing to the curve y² = x³ + x.
enum TypeAHash<Suite: TypeASuite> {
  /// A uniform point of the whole curve, as a random oracle.
  ///
  /// Since q ≡ 3 mod 4 and f(x) = x³ + x is odd, exactly one of f(u) and f(−u) is a square, unless
  /// u = 0. So (u, bit) → (±u, ±√f(±u)) reaches every point with y ≠ 0 from two values of u each;
  /// the map is regular and inverted by trying, which makes it indifferentiable from a random oracle
  /// (Brier and others, ePrint 2009/340, section 3). One square root, constant time.
  ///
  /// u and the bit are those of `expand_message_xmd` with SHA-256 (RFC 9380, section 5.3.1): 128 bits
  /// more than q has, reduced; and the lowest bit of one byte.
  static func curvePoint(
    _ message: [UInt8], domain: String, squareRootOf2: Suite.Field
  ) -> EdwardsPoint<Suite.Field> {
    let count = (Suite.Field.modulusBitCount + 128 + 7) / 8
    let uniform = ExpandMessageXMD.expand(message, domain: Array(domain.utf8), count: count + 1)
    let u = Suite.Field(reducing: uniform.dropLast())
    let sign = Mask(bit: UInt64(uniform[count] & 1))
    // The root of f(u), or of −f(u) = f(−u).
    let (root, isSquare) = (u.squared() * u + u).squareRoot()
    return EdwardsPoint(
      weierstrass: u.negated(if: ~isSquare), root.negated(if: root.sign0 ^ sign),
      squareRootOf2: squareRootOf2)
  }
}

extension TypeASuite {
  public static func hashToG1(_ message: [UInt8], domain: String) -> Point {
    Point(
      TypeAHash<Self>.curvePoint(
        message, domain: domain, squareRootOf2: constants.squareRootOf2),
      isCleared: false)
  }
}
