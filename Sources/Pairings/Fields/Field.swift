/// A field whose operations are constant time; towers and curves are written against it.
package protocol Field: Sendable, Equatable, BitwiseCopyable {
  static var zero: Self { get }
  static var one: Self { get }

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static prefix func - (a: Self) -> Self
  func doubled() -> Self
  func squared() -> Self
  /// a⁻¹, and 0 for 0.
  func inverted() -> Self

  var isZeroMask: Mask { get }
  /// a where the mask is set, else b.
  static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self
}

extension Field {
  package static func == (a: Self, b: Self) -> Bool { a.equals(b).declassified }

  package func equals(_ other: Self) -> Mask { (self - other).isZeroMask }

  package var isZero: Bool { isZeroMask.declassified }

  @inline(__always)
  package func negated(if mask: Mask) -> Self { Self.select(mask, -self, self) }

  @inline(__always)
  package static func += (a: inout Self, b: Self) { a = a + b }
  @inline(__always)
  package static func -= (a: inout Self, b: Self) { a = a - b }
  @inline(__always)
  package static func *= (a: inout Self, b: Self) { a = a * b }

  /// The inverses of all elements, 0 for 0, with one inversion (Montgomery's trick).
  package static func inverted(_ elements: [Self]) -> [Self] {
    var inverses = elements
    var product = one
    for index in elements.indices {
      inverses[index] = product
      product *= select(elements[index].isZeroMask, one, elements[index])
    }
    var inverse = product.inverted()
    for index in elements.indices.reversed() {
      let isZero = elements[index].isZeroMask
      inverses[index] = select(isZero, zero, inverses[index] * inverse)
      inverse *= select(isZero, one, elements[index])
    }
    return inverses
  }
}
