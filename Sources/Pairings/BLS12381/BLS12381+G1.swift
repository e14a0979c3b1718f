/// y² = x³ + 4 over F_p.
package enum G1Curve: BLS12381Curve {
  package typealias Field = Fp

  @inline(__always)
  package static var b: Fp { Fp.one.doubled().doubled() }

  /// 12·a
  @inline(__always)
  package static func multipliedBy3B(_ a: Fp) -> Fp {
    let four = a.doubled().doubled()
    return four.doubled() + four
  }

  package static var partCount: Int { 2 }

  /// X²·(x, y) = (β·x, −y) for the cube root of unity β whose endomorphism is −X² on the subgroup.
  @inline(__always)
  package static func multipliedByPartBase(_ point: ProjectivePoint<Self>) -> ProjectivePoint<Self>
  {
    ProjectivePoint(x: point.x * beta, y: -point.y, z: point.z)
  }

  /// Scott, ePrint 2021/1130: P is in the subgroup if and only if X²·P = −φ(P).
  package static func isInSubgroup(_ point: ProjectivePoint<Self>) -> Mask {
    point.multipliedVariableTime(by: BLS12381.parameter)
      .multipliedVariableTime(by: BLS12381.parameter)
      .equals(multipliedByPartBase(point))
  }

  @inline(__always)
  private static var beta: Fp {
    Fp(montgomery: [
      0x30f1361b798a64e8, 0xf3b8ddab7ece5a2a, 0x16a8ca3ac61577f7,
      0xc26a2ff874fd029b, 0x3636b76660701c6e, 0x051ba4ab241b6160,
    ])
  }

  package static let generator = AffinePoint<Self>(
    x: Fp(montgomery: [
      0x5cb38790fd530c16, 0x7817fc679976fff5, 0x154f95c7143ba1c1,
      0xf0ae6acdf3d0e747, 0xedce6ecc21dbf440, 0x120177419e0bfb75,
    ]),
    y: Fp(montgomery: [
      0xbaac93d50ce72271, 0x8c22631a7918fd8e, 0xdd595f13570725ce,
      0x51ac582950405194, 0x0e1c8c3fad0059c0, 0x0bbc3efc5008a26a,
    ]))
}

extension BLS12381 {
  /// The subgroup of order r of y² = x³ + 4 over F_p.
  public struct G1: BLS12381SourceGroup {
    public typealias Scalar = BLS12381.Scalar
    package var point: ProjectivePoint<G1Curve>
    package init(_ point: ProjectivePoint<G1Curve>) { self.point = point }
    package static let generatorTable = FixedBaseTable(ProjectivePoint(G1Curve.generator))
  }
}
