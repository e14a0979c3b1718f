extension BLS12381 {
  /// The subgroup of order r of F_p¹²*, in which the values of the pairing lie.
  public struct GT: PairingTargetGroup {
    public typealias Scalar = BLS12381.Scalar
    package var value: Fp12

    /// - Parameter value: an element of order r or 1.
    @inline(__always)
    package init(_ value: Fp12) { self.value = value }

    public static var one: GT { GT(.one) }
    public var isIdentity: Bool { value.equals(.one).declassified }
    public static func * (a: GT, b: GT) -> GT { GT(a.value * b.value) }
    public func inverted() -> GT { GT(value.conjugated()) }
    public func raised(to scalar: Scalar) -> GT { multiplied(by: scalar.value) }

    /// Twelve coefficients of 48 bytes, big-endian: w outermost, then v, then u, low degree first.
    public func encoded() -> [UInt8] {
      [value.c0, value.c1].flatMap { [$0.c0, $0.c1, $0.c2] }
        .flatMap { $0.c0.encoded() + $0.c1.encoded() }
    }

    public mutating func wipe() { zeroize(&value) }
  }
}

/// The target group, seen additively. Frobenius is x on it, so that f^X is the conjugate of f^p.
extension BLS12381.GT: EndomorphicGroup {
  package static var identity: Self { one }
  package static var partCount: Int { 4 }
  package static var windowBits: Int { 4 }
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(Fp12.select(mask, a.value, b.value))
  }
  package func adding(_ other: Self) -> Self { self * other }
  package func doubled() -> Self { Self(value.cyclotomicSquared()) }
  package func negated() -> Self { inverted() }
  package func multipliedByPartBase() -> Self { Self(value.frobenius().conjugated()) }
}
