/// F_q(i) with i² = −1, for q ≡ 3 mod 4.
package struct GaussianExtension<F: Field>: BitwiseCopyable, Sendable {
  /// The coefficient of 1.
  package var real: F
  /// The coefficient of i.
  package var imaginary: F

  @inline(__always)
  package init(_ real: F, _ imaginary: F) { (self.real, self.imaginary) = (real, imaginary) }

  @inline(__always)
  package static var one: Self { Self(.one, .zero) }

  package static func * (a: Self, b: Self) -> Self {
    let (reals, imaginaries) = (a.real * b.real, a.imaginary * b.imaginary)
    let cross = (a.real + a.imaginary) * (b.real + b.imaginary)
    return Self(reals - imaginaries, cross - reals - imaginaries)
  }

  package func squared() -> Self {
    Self((real + imaginary) * (real - imaginary), (real * imaginary).doubled())
  }

  @inline(__always)
  package func conjugated() -> Self { Self(real, -imaginary) }

  package func equals(_ other: Self) -> Mask {
    real.equals(other.real) & imaginary.equals(other.imaginary)
  }
}
