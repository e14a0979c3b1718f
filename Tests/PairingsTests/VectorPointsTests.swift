import Pairings
import TestSupport
import Testing

/// The formulas are polynomials, so that any coordinates will do.
@Suite(
  "Points in vectors agree with the portable formulas",
  .vectorKernels)
struct VectorPointsTests {
  private var residues = ExtremeResidues(seed: 18)

  @Test("in G1's curve")
  mutating func g1() {
    for _ in 0..<2000 {
      agree(point(), point(), affine: (residues.next(), residues.next()))
    }
  }

  @Test("in the twist")
  mutating func g2() {
    for _ in 0..<2000 {
      agree(twistPoint(), twistPoint(), affine: (residues.nextPair(), residues.nextPair()))
    }
  }

  @Test("where the identity is added")
  func identity() {
    let (p, q) = (ProjectivePoint(G1Curve.generator), ProjectivePoint(G2Curve.generator))
    #expect(p + ProjectivePoint.identity == p && ProjectivePoint.identity + p == p)
    #expect(q + ProjectivePoint.identity == q && ProjectivePoint.identity + q == q)
    #expect(p + AffinePoint.identity == p && q + AffinePoint.identity == q)
    #expect((p - p).isIdentityMask.declassified && (q - q).isIdentityMask.declassified)
  }

  private func agree<Curve: ShortWeierstrassCurve>(
    _ a: ProjectivePoint<Curve>, _ b: ProjectivePoint<Curve>,
    affine: (Curve.Field, Curve.Field)
  ) {
    expectSame(Curve.sum(a, b), .portableSum(a, b))
    expectSame(Curve.double(a), a.portableDoubled())
    let affine = AffinePoint<Curve>(x: affine.0, y: affine.1)
    if !affine.isIdentityMask.declassified {
      expectSame(Curve.sum(a, affine), .portableSum(a, affine))
    }
  }

  /// Whether all coordinates are the same, and not only the point.
  private func expectSame<Curve: ShortWeierstrassCurve>(
    _ a: ProjectivePoint<Curve>, _ b: ProjectivePoint<Curve>
  ) {
    #expect(a.x == b.x && a.y == b.y && a.z == b.z)
  }

  private mutating func point() -> ProjectivePoint<G1Curve> {
    ProjectivePoint(x: residues.next(), y: residues.next(), z: residues.next())
  }

  private mutating func twistPoint() -> ProjectivePoint<G2Curve> {
    let coordinates = residues.nextPairs(3)
    return ProjectivePoint(x: coordinates[0], y: coordinates[1], z: coordinates[2])
  }
}
