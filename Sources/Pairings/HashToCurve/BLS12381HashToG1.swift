/// The suite `BLS12381G1_XMD:SHA-256_SSWU_RO_` of RFC 9380, section 8.8.1: a random oracle to G1.
///
/// Messages may be secret: the time depends on their length alone.
package enum BLS12381HashToG1 {
  /// - Parameter domain: the domain separation tag, see ``ExpandMessageXMD``.
  package static func hash(_ message: [UInt8], domain: [UInt8]) -> BLS12381.G1 {
    let (u0, u1) = fieldElements(message, domain: domain)
    let sum = IsogenousPoint(mapping: u0) + IsogenousPoint(mapping: u1)
    return BLS12381.G1(clearingCofactor(of: sum.isogenyImage()))
  }

  /// `hash_to_field` of section 5.2 for two elements, 64 bytes each.
  package static func fieldElements(_ message: [UInt8], domain: [UInt8]) -> (Fp, Fp) {
    let bytes = ExpandMessageXMD.expand(message, domain: domain, count: 128)
    return (Fp(reducing: bytes.prefix(64)), Fp(reducing: bytes.suffix(64)))
  }

  /// (1 − x)·P, which is h_eff·P of section 8.8.1; −x is the parameter's absolute value.
  package static func clearingCofactor(
    of point: ProjectivePoint<G1Curve>
  ) -> ProjectivePoint<G1Curve> {
    point.multipliedVariableTime(by: BLS12381.parameter + 1)
  }
}
