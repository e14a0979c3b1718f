/// BLS12-381, the suite of Type 3 that everything a user runs is built on.
///
/// Curves, subgroups and generators are those of
/// draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1; encodings those of its appendix C.
public enum BLS12381: PairingSuite {
  public static var name: String { "bls12-381" }

  /// X = |x|; the curve's parameter is x = −X.
  package static var parameter: UInt64 { 0xd201_0000_0001_0000 }
  /// Bits of X below the highest.
  static var parameterBits: UInt64 { 63 }

  public static var uniformByteCount: Int { 2 * BLS12381MapToG1.fieldElementByteCount }

  public static func mapToG1(_ uniform: [UInt8]) -> G1 { BLS12381MapToG1.point(uniform) }

  public static func multiScalarOfMappedVariableTime(
    _ scalars: [Scalar], _ uniform: [[UInt8]]
  ) -> G1 { BLS12381MapToG1.multiScalarVariableTime(scalars, uniform) }
}
