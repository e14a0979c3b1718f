/// F_p¹² in some representation, with what pairings and powers of their values are made of.
///
/// ``Fp12`` is the portable one, and ``VectorFp12`` one for processors with AVX-512 IFMA.
package protocol Fp12Arithmetic: BitwiseCopyable, Sendable {
  init(_ value: Fp12)
  var value: Fp12 { get }

  static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  func squared() -> Self
  /// a² for a of the cyclotomic subgroup.
  func cyclotomicSquared() -> Self
  /// a^(p⁶)
  func conjugated() -> Self
  /// a^p
  func frobenius() -> Self
  /// The product with a line at a point of G1.
  func multiplied(by line: BLS12381.Line, at point: AffinePoint<G1Curve>) -> Self
}

extension Fp12Arithmetic {
  /// a^(pⁿ)
  package func frobenius(power n: Int) -> Self {
    (0..<n).reduce(self) { power, _ in power.frobenius() }
  }

  /// a^|x| for the curve's parameter x, in the cyclotomic subgroup.
  func raisedToCurveParameter() -> Self {
    var power = self
    for bit in (0..<BLS12381.parameterBits).reversed() {
      power = power.cyclotomicSquared()
      if BLS12381.parameter &>> bit & 1 == 1 { power = power * self }
    }
    return power
  }
}

extension Fp12: Fp12Arithmetic {
  package init(_ value: Fp12) { self = value }
  package var value: Fp12 { self }

  package func multiplied(by line: BLS12381.Line, at point: AffinePoint<G1Curve>) -> Fp12 {
    Fp12.multiply(self, by014: line.l0, line.l1 * point.x, line.l4 * point.y)
  }
}
