import CFieldKernels

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
    public static func * (a: GT, b: GT) -> GT {
      bcemr_vector_kernels_are_supported()
        ? GT((VectorFp12(a.value) * VectorFp12(b.value)).value) : GT(a.value * b.value)
    }
    public func inverted() -> GT { GT(value.conjugated()) }

    public func raised(to scalar: Scalar) -> GT {
      bcemr_vector_kernels_are_supported()
        ? raised(to: scalar, in: VectorFp12.self) : raised(to: scalar, in: Fp12.self)
    }

    /// ``raised(to:)`` with the arithmetic of one's choice.
    package func raised<F: Fp12Arithmetic>(to scalar: Scalar, in arithmetic: F.Type) -> GT {
      GT(AdditiveGT(element: F(value)).multiplied(by: scalar.value).element.value)
    }

    /// Twelve coefficients of 48 bytes, big-endian: w outermost, then v, then u, low degree first.
    public func encoded() -> [UInt8] {
      [value.c0, value.c1].flatMap { [$0.c0, $0.c1, $0.c2] }
        .flatMap { $0.c0.encoded() + $0.c1.encoded() }
    }

    public mutating func wipe() { zeroize(&value) }
  }
}

/// The target group, seen additively. Frobenius is x on it, so that f^X is the conjugate of f^p.
private struct AdditiveGT<Element: Fp12Arithmetic>: EndomorphicGroup {
  var element: Element

  static var identity: Self { Self(element: Element(.one)) }
  static var partCount: Int { 4 }
  static var windowBits: Int { 4 }

  static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    Self(element: Element.select(mask, a.element, b.element))
  }

  func adding(_ other: Self) -> Self { Self(element: element * other.element) }
  func doubled() -> Self { Self(element: element.cyclotomicSquared()) }
  func negated() -> Self { Self(element: element.conjugated()) }
  func multipliedByPartBase() -> Self { Self(element: element.frobenius().conjugated()) }
}
