/// A point (X : Y : Z) with x = X/Z and y = Y/Z; the identity is (0 : 1 : 0).
///
/// The formulas are the complete ones of Renes, Costello and Batina, ePrint 2015/1060, for a = 0.
/// They have no exceptions, so secret points and scalars meet no branch.
package struct ProjectivePoint<Curve: ShortWeierstrassCurve>: Equatable, BitwiseCopyable, Sendable {
  package typealias Field = Curve.Field
  package var x: Field
  package var y: Field
  package var z: Field

  @inline(__always)
  package init(x: Field, y: Field, z: Field) {
    self.x = x
    self.y = y
    self.z = z
  }

  @inline(__always)
  package init(_ point: AffinePoint<Curve>) {
    let isIdentity = point.isIdentityMask
    self.init(
      x: point.x, y: Field.select(isIdentity, .one, point.y),
      z: Field.select(isIdentity, .zero, .one))
  }

  @inline(__always)
  package static var identity: Self { Self(x: .zero, y: .one, z: .zero) }

  @inline(__always)
  package var isIdentityMask: Mask { z.isZeroMask }

  package static func == (a: Self, b: Self) -> Bool { a.equals(b).declassified }

  package func equals(_ other: Self) -> Mask {
    let sameX = (x * other.z).equals(other.x * z)
    let sameY = (y * other.z).equals(other.y * z)
    return sameX & sameY & ~(isIdentityMask ^ other.isIdentityMask)
  }

  @inline(__always)
  package static prefix func - (a: Self) -> Self { Self(x: a.x, y: -a.y, z: a.z) }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(
      x: Field.select(mask, a.x, b.x), y: Field.select(mask, a.y, b.y),
      z: Field.select(mask, a.z, b.z))
  }

  package static func + (a: Self, b: Self) -> Self { Curve.sum(a, b) }
  package static func + (a: Self, b: AffinePoint<Curve>) -> Self { Curve.sum(a, b) }
  package static func - (a: Self, b: Self) -> Self { a + -b }
  package func doubled() -> Self { Curve.double(self) }
  package func doubled(times count: Int) -> Self { Curve.double(self, times: count) }

  /// Algorithm 7: twelve multiplications.
  package static func portableSum(_ a: Self, _ b: Self) -> Self {
    let (xx, yy, zz) = (a.x * b.x, a.y * b.y, a.z * b.z)
    let xy = (a.x + a.y) * (b.x + b.y) - xx - yy
    let yz = (a.y + a.z) * (b.y + b.z) - yy - zz
    let xz = (a.x + a.z) * (b.x + b.z) - xx - zz
    return combined(xx: xx, yy: yy, bzz: Curve.multipliedBy3B(zz), xy: xy, yz: yz, xz: xz)
  }

  /// Algorithm 8: eleven multiplications.
  package static func portableSum(_ a: Self, _ b: AffinePoint<Curve>) -> Self {
    let (xx, yy) = (a.x * b.x, a.y * b.y)
    let xy = (a.x + a.y) * (b.x + b.y) - xx - yy
    let (yz, xz) = (b.y * a.z + a.y, b.x * a.z + a.x)
    let sum = combined(xx: xx, yy: yy, bzz: Curve.multipliedBy3B(a.z), xy: xy, yz: yz, xz: xz)
    return select(b.isIdentityMask, a, sum)
  }

  @inline(__always)
  private static func combined(
    xx: Field, yy: Field, bzz: Field, xy: Field, yz: Field, xz: Field
  ) -> Self {
    let (sum, difference) = (yy + bzz, yy - bzz)
    let (xx3, bxz) = (xx.doubled() + xx, Curve.multipliedBy3B(xz))
    return Self(
      x: xy * difference - yz * bxz, y: sum * difference + xx3 * bxz, z: sum * yz + xx3 * xy)
  }

  /// Algorithm 9: six multiplications and two squarings.
  package func portableDoubled() -> Self {
    let (yy, bzz) = (y.squared(), Curve.multipliedBy3B(z.squared()))
    let yy8 = yy.doubled().doubled().doubled()
    let difference = yy - bzz.doubled() - bzz
    return Self(
      x: (difference * (x * y)).doubled(),
      y: bzz * yy8 + difference * (yy + bzz),
      z: y * z * yy8)
  }

  /// 2^count·P. Many doublings go by way of Jacobian coordinates x = X/Z², y = Y/Z³, where one takes
  /// two multiplications and five squarings (dbl-2009-l). Their doubling has no exceptions either:
  /// Z = 0 stays 0.
  package func portableDoubled(times count: Int) -> Self {
    doubled(times: count) { point in
      for _ in 0..<count {
        let (a, b) = (point.x.squared(), point.y.squared())
        let c = b.squared()
        let d = ((point.x + b).squared() - a - c).doubled()
        let e = a.doubled() + a
        point.z = (point.y * point.z).doubled()
        point.x = e.squared() - d.doubled()
        point.y = e * (d - point.x) - c.doubled().doubled().doubled()
      }
    }
  }

  /// - Parameter double: doubles `count` times in Jacobian coordinates.
  @inline(__always)
  func doubled(times count: Int, inJacobian double: (inout Self) -> Void) -> Self {
    // Below, the ways there and back cost more than is won.
    guard count > 6 else {
      var point = self
      for _ in 0..<count { point = point.portableDoubled() }
      return point
    }
    var jacobian = Self(x: x * z, y: y * z.squared(), z: z)
    double(&jacobian)
    let (y, z) = (jacobian.y, jacobian.z)
    return Self.select(
      z.isZeroMask, .identity, Self(x: jacobian.x * z, y: y, z: z.squared() * z))
  }

  /// Whether the coordinates are those of a point of the curve: Y²·Z = X³ + b·Z³.
  package var isOnCurve: Mask {
    let cubes = x.squared() * x + Curve.b * z.squared() * z
    return (y.squared() * z).equals(cubes) & ~(y.isZeroMask & z.isZeroMask)
  }

  package func normalized() -> AffinePoint<Curve> {
    let inverse = z.inverted()
    return AffinePoint(x: x * inverse, y: y * inverse)
  }

  /// The affine forms of all points, with one inversion.
  package static func normalized(_ points: [Self]) -> [AffinePoint<Curve>] {
    zip(points, Field.inverted(points.map(\.z))).map { point, inverse in
      AffinePoint(x: point.x * inverse, y: point.y * inverse)
    }
  }

  /// k·P, by doubling and adding; the time depends on k.
  package func multipliedVariableTime(by factor: UInt64) -> Self {
    guard factor != 0 else { return .identity }
    var product = self
    // The bits below the highest one, from the top.
    var rest = factor << (factor.leadingZeroBitCount + 1)
    var bitsLeft = 63 - factor.leadingZeroBitCount
    while rest != 0 {
      let run = rest.leadingZeroBitCount + 1
      product = product.doubled(times: run) + self
      rest <<= run
      bitsLeft -= run
    }
    return product.doubled(times: bitsLeft)
  }
}
