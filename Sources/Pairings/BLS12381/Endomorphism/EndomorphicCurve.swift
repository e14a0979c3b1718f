/// A curve whose points form an ``EndomorphicGroup`` by a map of their coordinates.
package protocol EndomorphicCurve: ShortWeierstrassCurve {
  static var partCount: Int { get }
  static func multipliedByPartBase(_ point: ProjectivePoint<Self>) -> ProjectivePoint<Self>
}

extension ProjectivePoint: EndomorphicGroup where Curve: EndomorphicCurve {
  package static var partCount: Int { Curve.partCount }
  package static var windowBits: Int { 5 }
  package func adding(_ other: Self) -> Self { self + other }
  package func negated() -> Self { -self }
  package func multipliedByPartBase() -> Self { Curve.multipliedByPartBase(self) }
}

extension AffinePoint where Curve: EndomorphicCurve {
  package func multipliedByPartBase() -> Self {
    let image = Curve.multipliedByPartBase(ProjectivePoint(x: x, y: y, z: .one))
    return Self(x: image.x, y: image.y)
  }
}
