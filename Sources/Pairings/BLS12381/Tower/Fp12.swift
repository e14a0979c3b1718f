/// F_p¹² = F_p⁶[w]/(w² − v).
package struct Fp12: Field {
  package var c0: Fp6
  package var c1: Fp6

  @inline(__always)
  package init(_ c0: Fp6, _ c1: Fp6) {
    self.c0 = c0
    self.c1 = c1
  }

  @inline(__always)
  package static var zero: Fp12 { Fp12(.zero, .zero) }
  @inline(__always)
  package static var one: Fp12 { Fp12(.one, .zero) }

  package static func + (a: Fp12, b: Fp12) -> Fp12 { Fp12(a.c0 + b.c0, a.c1 + b.c1) }
  package static func - (a: Fp12, b: Fp12) -> Fp12 { Fp12(a.c0 - b.c0, a.c1 - b.c1) }
  package static prefix func - (a: Fp12) -> Fp12 { Fp12(-a.c0, -a.c1) }
  package func doubled() -> Fp12 { Fp12(c0.doubled(), c1.doubled()) }

  /// Karatsuba: three multiplications in F_p⁶.
  package static func * (a: Fp12, b: Fp12) -> Fp12 {
    let (v0, v1) = (a.c0 * b.c0, a.c1 * b.c1)
    return Fp12(v0 + v1.multipliedByV(), (a.c0 + a.c1) * (b.c0 + b.c1) - v0 - v1)
  }

  /// The complex method: two multiplications in F_p⁶.
  package func squared() -> Fp12 {
    let v = c0 * c1
    let c = (c0 + c1) * (c0 + c1.multipliedByV()) - v - v.multipliedByV()
    return Fp12(c, v.doubled())
  }

  /// a·(l₀ + l₁v + l₄vw): a multiplication by a line.
  package static func multiply(_ a: Fp12, by014 l0: Fp2, _ l1: Fp2, _ l4: Fp2) -> Fp12 {
    let v0 = Fp6.multiply(a.c0, by01: l0, l1)
    let v1 = Fp6.multiply(a.c1, by1: l4)
    let sum = Fp6.multiply(a.c0 + a.c1, by01: l0, l1 + l4)
    return Fp12(v0 + v1.multipliedByV(), sum - v0 - v1)
  }

  /// a₀ − a₁w, which is a^(p⁶).
  package func conjugated() -> Fp12 { Fp12(c0, -c1) }

  package func inverted() -> Fp12 {
    let inverse = (c0.squared() - c1.squared().multipliedByV()).inverted()
    return Fp12(c0 * inverse, -(c1 * inverse))
  }

  package var isZeroMask: Mask { c0.isZeroMask & c1.isZeroMask }

  package static func select(_ mask: Mask, _ a: Fp12, _ b: Fp12) -> Fp12 {
    Fp12(Fp6.select(mask, a.c0, b.c0), Fp6.select(mask, a.c1, b.c1))
  }
}
