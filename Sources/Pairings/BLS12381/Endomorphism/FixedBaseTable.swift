/// Multiples of one point, by which it is multiplied without doublings, in constant time.
///
/// Row i holds 1…2^(w−1) times 2^(w·i)·P. One table serves all parts of a scalar: the endomorphism
/// is applied to what is looked up.
package struct FixedBaseTable<Curve: EndomorphicCurve>: Sendable {
  private static var windowBits: Int { 5 }
  private static var rowCount: Int { 1 << (windowBits - 1) }
  private static var windowCount: Int { ProjectivePoint<Curve>.partBits / windowBits + 1 }

  private let entries: [AffinePoint<Curve>]

  package init(_ point: ProjectivePoint<Curve>) {
    var multiples = [ProjectivePoint<Curve>]()
    var base = point
    for _ in 0..<Self.windowCount {
      var multiple = base
      for _ in 0..<Self.rowCount {
        multiples.append(multiple)
        multiple = multiple + base
      }
      for _ in 0..<Self.windowBits { base = base.doubled() }
    }
    entries = ProjectivePoint.normalized(multiples)
  }

  package func multiplied(by scalar: Fr) -> ProjectivePoint<Curve> {
    let parts = scalar.parts(Curve.partCount)
    var product = ProjectivePoint<Curve>.identity
    for part in (0..<Curve.partCount).reversed() {
      product = Curve.multipliedByPartBase(product)
      for window in 0..<Self.windowCount {
        let digit = SignedDigit(of: parts[part], window: window, bits: Self.windowBits)
        product = product + lookUp(digit, window: window)
      }
    }
    return product
  }

  @inline(__always)
  private func lookUp(_ digit: SignedDigit, window: Int) -> AffinePoint<Curve> {
    var entry = AffinePoint<Curve>.identity
    for index in 0..<Self.rowCount {
      entry = AffinePoint.select(
        Mask(digit.magnitude, equals: UInt64(index + 1)),
        entries[window * Self.rowCount + index], entry)
    }
    return AffinePoint.select(digit.isNegative, -entry, entry)
  }
}
