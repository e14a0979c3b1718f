/// A prime modulus p of n limbs, with the constants of Montgomery's representation, R = 2^(64·n).
///
/// At least one bit above p must be free: p < 2^(64·n − 1). Then the carry of an interleaved
/// multiplication row fits into one word.
package protocol MontgomeryParameters: Sendable {
  /// `InlineArray<n, UInt64>`, least significant limb first.
  associatedtype Limbs
  static var modulus: Limbs { get }
  /// R mod p
  static var r: Limbs { get }
  /// R² mod p
  static var rSquared: Limbs { get }
}
