/// Operations in the cyclotomic subgroup of order p⁴ − p² + 1, where the inverse is the conjugate.
extension Fp12 {
  /// Granger and Scott, ePrint 2009/565: nine squarings in F_p² where a general one takes twelve
  /// multiplications.
  package func cyclotomicSquared() -> Fp12 {
    let (a0, a1) = Fp12.squaredInFp4(c0.c0, c1.c1)
    let (b0, b1) = Fp12.squaredInFp4(c1.c0, c0.c2)
    let (d0, d1) = Fp12.squaredInFp4(c0.c1, c1.c2)
    let xd = d1.multipliedByXi()
    return Fp12(
      Fp6((a0 - c0.c0).doubled() + a0, (b0 - c0.c1).doubled() + b0, (d0 - c0.c2).doubled() + d0),
      Fp6((xd + c1.c0).doubled() + xd, (a1 + c1.c1).doubled() + a1, (b1 + c1.c2).doubled() + b1))
  }

  /// (a + b·s)² in F_p⁴ = F_p²[s]/(s² − ξ)
  @inline(__always)
  private static func squaredInFp4(_ a: Fp2, _ b: Fp2) -> (Fp2, Fp2) {
    let (aa, bb) = (a.squared(), b.squared())
    return (aa + bb.multipliedByXi(), (a + b).squared() - aa - bb)
  }
}
