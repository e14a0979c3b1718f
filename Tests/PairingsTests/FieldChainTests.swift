import CFieldKernels
import Pairings
import TestSupport
import Testing

/// Polynomials in both, so that any elements will do.
@Suite(
  "Chains on the kernels for ADX agree with the portable operations",
  .enabled(if: bcemr_adx_kernels_are_supported(), "this processor has no ADX"))
struct FieldChainTests {
  private typealias Chain = (UnsafeMutablePointer<UInt64>?, Int) -> Void

  private var residues = ExtremeResidues(seed: 19)

  @Test("of squares")
  mutating func squares() {
    for round in 0..<5000 {
      let (residue, count) = (residues.next(), round % 4)
      var expected = residue
      for _ in 0..<count { expected = expected.squared() }
      #expect(unsafe run(bcemr_fp_adx_square_repeatedly, residue, count) == expected)
    }
  }

  @Test("of doublings, in G1's curve")
  mutating func g1() {
    for round in 0..<1000 {
      let point = ProjectivePoint<G1Curve>(
        x: residues.next(), y: residues.next(), z: residues.next())
      unsafe expectSameDoublings(point, 7 + round % 3, bcemr_g1_adx_double_repeatedly)
    }
    unsafe expectSameDoublings(
      .identity as ProjectivePoint<G1Curve>, 9, bcemr_g1_adx_double_repeatedly)
  }

  @Test("of doublings, in the twist")
  mutating func g2() {
    for round in 0..<1000 {
      let coordinates = residues.nextPairs(3)
      let point = ProjectivePoint<G2Curve>(
        x: coordinates[0], y: coordinates[1], z: coordinates[2])
      unsafe expectSameDoublings(point, 7 + round % 3, bcemr_g2_adx_double_repeatedly)
    }
    unsafe expectSameDoublings(
      .identity as ProjectivePoint<G2Curve>, 9, bcemr_g2_adx_double_repeatedly)
  }

  /// Whether all coordinates are the same, and not only the point.
  private func expectSameDoublings<Curve: ShortWeierstrassCurve>(
    _ point: ProjectivePoint<Curve>, _ count: Int, _ chain: Chain
  ) {
    let (x, y, z) = (point.x, point.y, point.z)
    let doubled = unsafe run(
      chain, ProjectivePoint<Curve>(x: x * z, y: y * z.squared(), z: z), count)
    let expected = point.portableDoubled(times: count)
    if doubled.z.isZeroMask.declassified {
      #expect(expected.isIdentityMask.declassified)
    } else {
      #expect(expected.x == doubled.x * doubled.z && expected.y == doubled.y)
      #expect(expected.z == doubled.z.squared() * doubled.z)
    }
  }

  private func run<Value: BitwiseCopyable>(_ chain: Chain, _ value: Value, _ count: Int) -> Value {
    var value = value
    unsafe withUnsafeMutableBytes(of: &value) { bytes in
      unsafe chain(bytes.baseAddress?.assumingMemoryBound(to: UInt64.self), count)
    }
    return value
  }
}
