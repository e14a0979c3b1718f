/// F_p⁶ = F_p²[v]/(v³ − ξ) with ξ = 1 + u.
package struct Fp6: Field {
  package var c0: Fp2
  package var c1: Fp2
  package var c2: Fp2

  @inline(__always)
  package init(_ c0: Fp2, _ c1: Fp2, _ c2: Fp2) {
    self.c0 = c0
    self.c1 = c1
    self.c2 = c2
  }

  @inline(__always)
  package static var zero: Fp6 { Fp6(.zero, .zero, .zero) }
  @inline(__always)
  package static var one: Fp6 { Fp6(.one, .zero, .zero) }

  package static func + (a: Fp6, b: Fp6) -> Fp6 { Fp6(a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2) }
  package static func - (a: Fp6, b: Fp6) -> Fp6 { Fp6(a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2) }
  package static prefix func - (a: Fp6) -> Fp6 { Fp6(-a.c0, -a.c1, -a.c2) }
  package func doubled() -> Fp6 { Fp6(c0.doubled(), c1.doubled(), c2.doubled()) }

  /// Karatsuba with lazy reduction: six products in F_p², three reductions.
  package static func * (a: Fp6, b: Fp6) -> Fp6 {
    let v0 = Fp2.Wide(a.c0, times: b.c0)
    let v1 = Fp2.Wide(a.c1, times: b.c1)
    let v2 = Fp2.Wide(a.c2, times: b.c2)
    let v12 = sumProduct(a.c1, a.c2, b.c1, b.c2) - v1 - v2
    let v01 = sumProduct(a.c0, a.c1, b.c0, b.c1) - v0 - v1
    let v02 = sumProduct(a.c0, a.c2, b.c0, b.c2) - v0 - v2
    return Fp6(
      Fp2(reducing: v0.addingXi(v12)), Fp2(reducing: v01.addingXi(v2)), Fp2(reducing: v02 + v1))
  }

  /// (a + b)·(c + d)
  @inline(__always)
  private static func sumProduct(_ a: Fp2, _ b: Fp2, _ c: Fp2, _ d: Fp2) -> Fp2.Wide {
    Fp2.Wide(Fp2.unreducedSum(a, b), times: Fp2.unreducedSum(c, d))
  }

  /// Chung and Hasan's SQR2: two multiplications and three squarings.
  package func squared() -> Fp6 {
    let (s0, s1) = (c0.squared(), (c0 * c1).doubled())
    let s2 = (c0 - c1 + c2).squared()
    let (s3, s4) = ((c1 * c2).doubled(), c2.squared())
    return Fp6(
      s0 + s3.multipliedByXi(), s1 + s4.multipliedByXi(), s1 + s2 + s3 - s0 - s4)
  }

  /// a·(b₀ + b₁v)
  static func multiply(_ a: Fp6, by01 b0: Fp2, _ b1: Fp2) -> Fp6 {
    let (v0, v1) = (Fp2.Wide(a.c0, times: b0), Fp2.Wide(a.c1, times: b1))
    let v01 = sumProduct(a.c0, a.c1, b0, b1) - v0 - v1
    return Fp6(
      Fp2(reducing: v0.addingXi(Fp2.Wide(a.c2, times: b1))),
      Fp2(reducing: v01),
      Fp2(reducing: Fp2.Wide(a.c2, times: b0) + v1))
  }

  /// a·b₁v
  static func multiply(_ a: Fp6, by1 b1: Fp2) -> Fp6 {
    Fp6((a.c2 * b1).multipliedByXi(), a.c0 * b1, a.c1 * b1)
  }

  /// a·v, of which F_p¹² is made.
  @inline(__always)
  func multipliedByV() -> Fp6 { Fp6(c2.multipliedByXi(), c0, c1) }

  package func inverted() -> Fp6 {
    let t0 = c0.squared() - (c1 * c2).multipliedByXi()
    let t1 = c2.squared().multipliedByXi() - c0 * c1
    let t2 = c1.squared() - c0 * c2
    let inverse = (c0 * t0 + (c2 * t1 + c1 * t2).multipliedByXi()).inverted()
    return Fp6(t0 * inverse, t1 * inverse, t2 * inverse)
  }

  package var isZeroMask: Mask { c0.isZeroMask & c1.isZeroMask & c2.isZeroMask }

  package static func select(_ mask: Mask, _ a: Fp6, _ b: Fp6) -> Fp6 {
    Fp6(
      Fp2.select(mask, a.c0, b.c0), Fp2.select(mask, a.c1, b.c1), Fp2.select(mask, a.c2, b.c2))
  }
}
