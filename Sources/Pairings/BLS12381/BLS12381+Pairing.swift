extension BLS12381 {
  public static func prepare(_ point: G2) -> PreparedG2 { PreparedG2(point) }

  public static func pairing(_ p: G1, _ q: G2) -> GT { pairingProduct([(p, prepare(q))]) }

  public static func pairingProduct(_ pairs: [(G1, PreparedG2)]) -> GT {
    finalExponentiation(millerLoop(pairs))
  }

  /// Π f_{x,Qᵢ}(Pᵢ) up to factors that the final exponentiation removes. All loops share their
  /// squarings. Where a point is the identity, the lines of its pair count as 1.
  package static func millerLoop(_ pairs: [(G1, PreparedG2)]) -> Fp12 {
    guard !pairs.isEmpty else { return .one }
    let points = ProjectivePoint.normalized(pairs.map(\.0.point))
    let skipped = pairs.map { $0.0.point.isIdentityMask | $0.1.isIdentity }
    var f = Fp12.one
    var step = 0
    func multiplyByLines() {
      for index in points.indices {
        f = pairs[index].1.lines[step]
          .multiplied(f, at: points[index], unless: skipped[index])
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
  package static func finalExponentiation(_ f: Fp12) -> GT {
    let easy = f.conjugated() * f.inverted()
    let g = easy.frobenius(power: 2) * easy
    // a^x is the conjugate of a^X.
    func raisedToX(_ a: Fp12) -> Fp12 { a.raisedToCurveParameter().conjugated() }
    func raisedToXMinus1(_ a: Fp12) -> Fp12 { raisedToX(a) * a.conjugated() }
    let a = raisedToXMinus1(raisedToXMinus1(g))
    let b = raisedToX(a) * a.frobenius()
    let c = raisedToX(raisedToX(b)) * b.frobenius(power: 2) * b.conjugated()
    return GT(c * g.cyclotomicSquared() * g)
  }
}
