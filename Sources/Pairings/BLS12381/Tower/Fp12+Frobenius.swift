extension Fp2 {
  /// ξ = 1 + u
  static var xi: Fp2 { Fp2(.one, .one) }

  /// γₖ = ξ^(k·(p−1)/6) for k = 0…5, so that (a·wᵏ)^p = ā·γₖ·wᵏ.
  static let frobeniusFactors: InlineArray<6, Fp2> = {
    // (p − 1)/6 = (p + 1)/4·2/3 − 1/3 is found by dividing p − 1 limb by limb.
    var quotient = BaseFieldParameters.modulus
    quotient[0] -= 1
    var remainder: UInt64 = 0
    for i in (0..<6).reversed() {
      (quotient[i], remainder) = UInt64(6).dividingFullWidth((remainder, quotient[i]))
    }
    var gamma = Fp2.one
    for i in (0..<6).reversed() {
      for bit in (0..<UInt64(64)).reversed() {
        gamma = gamma.squared()
        if quotient[i] &>> bit & 1 == 1 { gamma *= xi }
      }
    }
    var factors = InlineArray<6, Fp2>(repeating: .one)
    for k in 1..<6 { factors[k] = factors[k - 1] * gamma }
    return factors
  }()
}

extension Fp12 {
  /// a^p
  package func frobenius() -> Fp12 {
    let gamma = Fp2.frobeniusFactors
    return Fp12(
      Fp6(c0.c0.conjugated(), c0.c1.conjugated() * gamma[2], c0.c2.conjugated() * gamma[4]),
      Fp6(
        c1.c0.conjugated() * gamma[1], c1.c1.conjugated() * gamma[3],
        c1.c2.conjugated() * gamma[5]))
  }
}
