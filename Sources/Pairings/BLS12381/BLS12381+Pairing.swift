import CFieldKernels

extension BLS12381 {
  public static func prepare(_ point: G2) -> PreparedG2 { PreparedG2(point) }

  public static func pairing(_ p: G1, _ q: G2) -> GT { pairingProduct([(p, prepare(q))]) }

  public static func pairingProduct(_ pairs: [(G1, PreparedG2)]) -> GT {
    bcemr_vector_kernels_are_supported()
      ? pairingProduct(pairs, in: VectorFp12.self) : pairingProduct(pairs, in: Fp12.self)
  }

  /// ``pairingProduct(_:)`` with the arithmetic of one's choice.
  package static func pairingProduct<F: Fp12Arithmetic>(
    _ pairs: [(G1, PreparedG2)], in arithmetic: F.Type
  ) -> GT {
    GT(finalExponentiation(millerLoop(pairs) as F).value)
  }

  /// Π f_{x,Qᵢ}(Pᵢ) up to factors that the final exponentiation removes. All loops share their
  /// squarings. Where a point is the identity, the lines of its pair count as 1.
  private static func millerLoop<F: Fp12Arithmetic>(_ pairs: [(G1, PreparedG2)]) -> F {
    var f = F(.one)
    guard !pairs.isEmpty else { return f }
    let skipped = pairs.map { $0.0.point.isIdentityMask | $0.1.isIdentity }
    let points = zip(skipped, ProjectivePoint.normalized(pairs.map(\.0.point)))
      .map { AffinePoint.select($0, .identity, $1) }
    var step = 0
    func multiplyByLines() {
      for index in points.indices {
        let line = pairs[index].1.lines[step].omitted(if: skipped[index])
        f = f.multiplied(by: line, at: points[index])
      }
      step += 1
    }
    for bit in (0..<parameterBits).reversed() {
      if step > 0 { f = f.squared() }
      multiplyByLines()
      if parameter &>> bit & 1 == 1 { multiplyByLines() }
    }
    return f.conjugated()  // x is negative
  }

  /// f^(3·(p¹² − 1)/r). The hard part is 3·(p⁴ − p² + 1)/r = (x − 1)²(x + p)(x² + p² − 1) + 3, by
  /// Hayashida, Hayasaka and Teruya, ePrint 2020/875.
  private static func finalExponentiation<F: Fp12Arithmetic>(_ f: F) -> F {
    let easy = f.conjugated() * F(f.value.inverted())
    let g = easy.frobenius(power: 2) * easy
    // a^x is the conjugate of a^X.
    func raisedToX(_ a: F) -> F { a.raisedToCurveParameter().conjugated() }
    func raisedToXMinus1(_ a: F) -> F { raisedToX(a) * a.conjugated() }
    let a = raisedToXMinus1(raisedToXMinus1(g))
    let b = raisedToX(a) * a.frobenius()
    let c = raisedToX(raisedToX(b)) * b.frobenius(power: 2) * b.conjugated()
    return c * g.cyclotomicSquared() * g
  }
}
