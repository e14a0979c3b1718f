/// A point of the Edwards curve x² + y² = 1 − x²·y² over a field in which −1 is no square, in
/// extended coordinates: x = X/Z, y = Y/Z, T = X·Y/Z (Hisil, Wong, Carter and Dawson, ePrint
/// 2008/522).
///
/// Since −1 is no square the formulas are complete: they hold for every pair of points, so secret
/// points and scalars meet no branch. The identity is (0, 1).
package struct EdwardsPoint<F: Field>: BitwiseCopyable, Sendable {
  package var x: F
  package var y: F
  package var z: F
  package var t: F

  @inline(__always)
  package init(x: F, y: F, z: F, t: F) { (self.x, self.y, self.z, self.t) = (x, y, z, t) }

  @inline(__always)
  package static var identity: Self { Self(x: .zero, y: .one, z: .one, t: .zero) }

  package var isIdentityMask: Mask { x.isZeroMask & y.equals(z) }

  package func equals(_ other: Self) -> Mask {
    (x * other.z).equals(other.x * z) & (y * other.z).equals(other.y * z)
  }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(
      x: F.select(mask, a.x, b.x), y: F.select(mask, a.y, b.y), z: F.select(mask, a.z, b.z),
      t: F.select(mask, a.t, b.t))
  }

  @inline(__always)
  package static prefix func - (a: Self) -> Self { Self(x: -a.x, y: a.y, z: a.z, t: -a.t) }

  /// add-2008-hwcd for a = 1, d = −1: nine multiplications.
  package static func + (a: Self, b: Self) -> Self {
    combined(
      xx: a.x * b.x, yy: a.y * b.y, tt: a.t * b.t, zz: a.z * b.z,
      cross: (a.x + a.y) * (b.x + b.y))
  }

  /// The same with Z₂ = 1: eight multiplications.
  package static func + (a: Self, b: AffineEdwardsPoint<F>) -> Self {
    combined(
      xx: a.x * b.x, yy: a.y * b.y, tt: a.t * b.t, zz: a.z, cross: (a.x + a.y) * (b.x + b.y))
  }

  @inline(__always)
  private static func combined(xx: F, yy: F, tt: F, zz: F, cross: F) -> Self {
    let (e, h) = (cross - xx - yy, yy - xx)
    let (f, g) = (zz + tt, zz - tt)
    return Self(x: e * f, y: g * h, z: f * g, t: e * h)
  }

  package static func - (a: Self, b: Self) -> Self { a + -b }

  /// dbl-2008-hwcd for a = 1: four multiplications and four squarings.
  package func doubled() -> Self { doubled(times: 1) }

  /// 2^count·P; T is computed with the last doubling only.
  package func doubled(times count: Int) -> Self {
    if count == 0 { return self }
    var point = self
    for step in 1...count {
      let (xx, yy, zz) = (point.x.squared(), point.y.squared(), point.z.squared())
      let e = (point.x + point.y).squared() - xx - yy
      let (g, h) = (xx + yy, xx - yy)
      let f = g - zz.doubled()
      (point.x, point.y, point.z) = (e * f, g * h, f * g)
      if step == count { point.t = e * h }
    }
    return point
  }

  /// The affine forms of all points, with one inversion.
  package static func normalized(_ points: [Self]) -> [AffineEdwardsPoint<F>] {
    zip(points, F.inverted(points.map(\.z))).map { point, inverse in
      let (x, y) = (point.x * inverse, point.y * inverse)
      return AffineEdwardsPoint(x: x, y: y, t: x * y)
    }
  }
}

/// A point by its coordinates and their product.
package struct AffineEdwardsPoint<F: Field>: BitwiseCopyable, Sendable {
  package var x: F
  package var y: F
  /// x·y
  package var t: F

  @inline(__always)
  package init(x: F, y: F, t: F) { (self.x, self.y, self.t) = (x, y, t) }

  @inline(__always)
  package static var identity: Self { Self(x: .zero, y: .one, t: .zero) }

  @inline(__always)
  package static prefix func - (a: Self) -> Self { Self(x: -a.x, y: a.y, t: -a.t) }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(x: F.select(mask, a.x, b.x), y: F.select(mask, a.y, b.y), t: F.select(mask, a.t, b.t))
  }
}
