/// The curve y² = x³ + b over a field, of odd order.
///
/// Where the order is odd, the formulas of ``ProjectivePoint`` are complete: they hold for every
/// pair of points.
package protocol ShortWeierstrassCurve: Sendable {
  associatedtype Field: Pairings.Field
  static var b: Field { get }
  /// 3b·a
  static func multipliedBy3B(_ a: Field) -> Field

  /// a + b and 2a, for which a curve may have something faster than ``ProjectivePoint``'s formulas.
  static func sum(_ a: ProjectivePoint<Self>, _ b: ProjectivePoint<Self>) -> ProjectivePoint<Self>
  static func sum(_ a: ProjectivePoint<Self>, _ b: AffinePoint<Self>) -> ProjectivePoint<Self>
  static func double(_ a: ProjectivePoint<Self>) -> ProjectivePoint<Self>
  /// 2^count·a
  static func double(_ a: ProjectivePoint<Self>, times count: Int) -> ProjectivePoint<Self>
}

/// A point of a curve by its coordinates; (0, 0), on no such curve, stands for the identity.
package struct AffinePoint<Curve: ShortWeierstrassCurve>: Equatable, BitwiseCopyable, Sendable {
  package var x: Curve.Field
  package var y: Curve.Field

  @inline(__always)
  package init(x: Curve.Field, y: Curve.Field) {
    self.x = x
    self.y = y
  }

  @inline(__always)
  package static var identity: Self { Self(x: .zero, y: .zero) }
  @inline(__always)
  package var isIdentityMask: Mask { x.isZeroMask & y.isZeroMask }
  @inline(__always)
  package static prefix func - (a: Self) -> Self { Self(x: a.x, y: -a.y) }

  /// Whether y² = x³ + b.
  package var isOnCurve: Mask { y.squared().equals(x.squared() * x + Curve.b) }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(x: Curve.Field.select(mask, a.x, b.x), y: Curve.Field.select(mask, a.y, b.y))
  }
}
