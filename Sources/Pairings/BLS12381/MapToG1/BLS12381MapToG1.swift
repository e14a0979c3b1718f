/// What the suite `BLS12381G1_XMD:SHA-256_SSWU_RO_` of RFC 9380, section 8.8.1, does with the bytes of
/// `expand_message`.
package enum BLS12381MapToG1 {
  /// L of section 5.1: 128 bits more than p has.
  static let fieldElementByteCount = 64

  package static func point(_ uniform: [UInt8]) -> BLS12381.G1 {
    BLS12381.G1(clearingCofactor(of: unclearedPoint(uniform)))
  }

  /// Σ sᵢ·``point(_:)``, with one cofactor for all.
  ///
  /// Outside the subgroup the endomorphism φ multiplies by no scalar, so Σ (aᵢ + bᵢ·φ)·Pᵢ means
  /// nothing yet. But 1 − x commutes with φ, and (1 − x)·Pᵢ is in the subgroup.
  static func multiScalarVariableTime(
    _ scalars: [BLS12381.Scalar], _ uniform: [[UInt8]]
  ) -> BLS12381.G1 {
    let sum = ProjectivePoint.multiScalarVariableTime(
      scalars.map(\.value), uniform.map(unclearedPoint))
    return BLS12381.G1(clearingCofactor(of: sum))
  }

  private static func unclearedPoint(_ uniform: [UInt8]) -> ProjectivePoint<G1Curve> {
    let (u0, u1) = fieldElements(uniform)
    return (IsogenousPoint(mapping: u0) + IsogenousPoint(mapping: u1)).isogenyImage()
  }

  /// The rest of `hash_to_field` of section 5.2, for two elements.
  package static func fieldElements(_ uniform: [UInt8]) -> (Fp, Fp) {
    precondition(uniform.count == 2 * fieldElementByteCount, "two field elements take 128 bytes")
    return (
      Fp(reducing: uniform.prefix(fieldElementByteCount)),
      Fp(reducing: uniform.suffix(fieldElementByteCount))
    )
  }

  /// (1 − x)·P, which is h_eff·P of section 8.8.1; −x is the parameter's absolute value.
  package static func clearingCofactor(
    of point: ProjectivePoint<G1Curve>
  ) -> ProjectivePoint<G1Curve> {
    point.multipliedVariableTime(by: BLS12381.parameter + 1)
  }
}
