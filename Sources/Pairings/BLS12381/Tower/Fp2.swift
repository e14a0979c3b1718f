/// F_p² = F_p[u]/(u² + 1).
package struct Fp2: Field {
  package var c0: Fp
  package var c1: Fp

  @inline(__always)
  package init(_ c0: Fp, _ c1: Fp) {
    self.c0 = c0
    self.c1 = c1
  }

  @inline(__always)
  package static var zero: Fp2 { Fp2(.zero, .zero) }
  @inline(__always)
  package static var one: Fp2 { Fp2(.one, .zero) }

  @inline(__always)
  package static func + (a: Fp2, b: Fp2) -> Fp2 { Fp2(a.c0 + b.c0, a.c1 + b.c1) }
  @inline(__always)
  package static func - (a: Fp2, b: Fp2) -> Fp2 { Fp2(a.c0 - b.c0, a.c1 - b.c1) }
  @inline(__always)
  package static prefix func - (a: Fp2) -> Fp2 { Fp2(-a.c0, -a.c1) }
  @inline(__always)
  package func doubled() -> Fp2 { Fp2(c0.doubled(), c1.doubled()) }

  /// Karatsuba with lazy reduction: three products, two reductions.
  @inline(never)
  package static func * (a: Fp2, b: Fp2) -> Fp2 { Fp2(inlineReducing: Wide(a, inlineTimes: b)) }

  /// The complex method: two multiplications.
  @inline(never)
  package func squared() -> Fp2 {
    let sum = Fp.unreducedSum(c0.limbs, c1.limbs)
    let difference = Fp.unreducedDifference(c0.limbs, c1.limbs)
    return Fp2(
      Fp(montgomery: Fp.montgomeryProduct(sum, difference)),
      Fp(montgomery: Fp.montgomeryProduct(Fp.unreducedSum(c0.limbs, c0.limbs), c1.limbs)))
  }

  @inline(__always)
  package static func * (a: Fp2, b: Fp) -> Fp2 { Fp2(a.c0 * b, a.c1 * b) }

  /// a₀ − a₁u, which is a^p.
  @inline(__always)
  package func conjugated() -> Fp2 { Fp2(c0, -c1) }

  /// a·ξ for ξ = 1 + u, of which F_p⁶ is made.
  @inline(__always)
  package func multipliedByXi() -> Fp2 { Fp2(c0 - c1, c0 + c1) }

  /// a₀² + a₁²
  package var norm: Fp { c0.squared() + c1.squared() }

  package func inverted() -> Fp2 {
    let inverse = norm.inverted()
    return Fp2(c0 * inverse, -(c1 * inverse))
  }

  @inline(__always)
  package var isZeroMask: Mask { c0.isZeroMask & c1.isZeroMask }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Fp2, _ b: Fp2) -> Fp2 {
    Fp2(Fp.select(mask, a.c0, b.c0), Fp.select(mask, a.c1, b.c1))
  }
}

extension Fp2 {
  /// A square root and whether there is one.
  ///
  /// With n = √(a₀² + a₁²) and t = (a₀ + n)/2, let e = t^((p−3)/4), so that t·e² = ±1. If it is 1,
  /// then t·e = √t and the root is t·e + (a₁·e/2)·u. If it is −1, then (a₀ − n)/2 = (a₁·e/2)² and
  /// the root is a₁·e/2 − t·e·u. Two exponentiations in F_p serve every case.
  package func squareRoot() -> (root: Fp2, exists: Mask) {
    let sum = c0 + norm.squareRoot().root
    // t = 0 only for a₁ = 0 and n = −a₀; there n = a₀ is the other choice.
    let t = Fp.select(sum.isZeroMask, c0, sum * .half)
    let e = t.raisedToQuarter()
    let (te, half) = (t * e, c1 * e * .half)
    let isSquare = te.squared().equals(t)
    let root = Fp2.select(isSquare, Fp2(te, half), Fp2(half, -te))
    return (root, root.squared().equals(self))
  }

  /// Whether this is the larger of a and −a, compared by c1, and by c0 where c1 is 0.
  package var isLexicographicallyLarger: Mask {
    c1.isLexicographicallyLarger | (c1.isZeroMask & c0.isLexicographicallyLarger)
  }
}

extension Fp {
  /// 1/2
  @inline(__always)
  static var half: Fp {
    Fp(montgomery: [
      0x1804000000015554, 0x855000053ab00001, 0x633cb57c253c276f,
      0x6e22d1ec31ebb502, 0xd3916126f2d14ca2, 0x17fbb8571a006596,
    ])
  }
}
