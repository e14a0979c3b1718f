/// The twist y² = x³ + 4(1 + u) over F_p².
package enum G2Curve: BLS12381Curve {
  package typealias Field = Fp2

  @inline(__always)
  package static var b: Fp2 { Fp2(G1Curve.b, G1Curve.b) }

  /// 12(1 + u)·a
  @inline(__always)
  package static func multipliedBy3B(_ a: Fp2) -> Fp2 {
    let four = a.multipliedByXi().doubled().doubled()
    return four.doubled() + four
  }

  package static var partCount: Int { 4 }

  /// X·P = −ψ(P), where ψ is Frobenius between two passages to the twist:
  /// ψ(x, y) = (x̄/γ₂, ȳ/γ₃), which is x on the subgroup.
  @inline(__always)
  package static func multipliedByPartBase(_ point: ProjectivePoint<Self>) -> ProjectivePoint<Self>
  {
    ProjectivePoint(
      x: point.x.conjugated() * psiFactors.x, y: point.y.conjugated() * psiFactors.negatedY,
      z: point.z.conjugated())
  }

  private static let psiFactors = (
    x: Fp2.frobeniusFactors[2].inverted(), negatedY: -Fp2.frobeniusFactors[3].inverted()
  )

  /// Scott, ePrint 2021/1130: P is in the subgroup if and only if X·P = −ψ(P).
  package static func isInSubgroup(_ point: ProjectivePoint<Self>) -> Mask {
    point.multipliedVariableTime(by: BLS12381.parameter).equals(multipliedByPartBase(point))
  }

  package static let generator = AffinePoint<Self>(
    x: Fp2(
      Fp(montgomery: [
        0xf5f28fa202940a10, 0xb3f5fb2687b4961a, 0xa1a893b53e2ae580,
        0x9894999d1a3caee9, 0x6f67b7631863366b, 0x058191924350bcd7,
      ]),
      Fp(montgomery: [
        0xa5a9c0759e23f606, 0xaaa0c59dbccd60c3, 0x3bb17e18e2867806,
        0x1b1ab6cc8541b367, 0xc2b6ed0ef2158547, 0x11922a097360edf3,
      ])),
    y: Fp2(
      Fp(montgomery: [
        0x4c730af860494c4a, 0x597cfa1f5e369c5a, 0xe7e6856caa0a635a,
        0xbbefb5e96e0d495f, 0x07d3a975f0ef25a2, 0x0083fd8e7e80dae5,
      ]),
      Fp(montgomery: [
        0xadc0fc92df64b05d, 0x18aa270a2b1461dc, 0x86adac6a3be4eba0,
        0x79495c4ec93da33a, 0xe7175850a43ccaed, 0x0b2bc2a163de1bf2,
      ])))
}

extension BLS12381 {
  /// The subgroup of order r of the twist y² = x³ + 4(1 + u) over F_p².
  public struct G2: BLS12381SourceGroup {
    public typealias Scalar = BLS12381.Scalar
    package var point: ProjectivePoint<G2Curve>
    package init(_ point: ProjectivePoint<G2Curve>) { self.point = point }
    package static let generatorTable = FixedBaseTable(ProjectivePoint(G2Curve.generator))
  }
}
