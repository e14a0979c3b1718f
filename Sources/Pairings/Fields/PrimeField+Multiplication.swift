extension PrimeField {
  @inline(never)
  package static func * (a: Self, b: Self) -> Self {
    Self(montgomery: montgomeryProduct(a.limbs, b.limbs))
  }

  @inline(never)
  package func squared() -> Self {
    Self(montgomery: Self.montgomeryProduct(limbs, limbs))
  }

  /// −p⁻¹ mod 2^64, by Newton's iteration; a constant once compiled.
  @inline(__always)
  static var negatedInverse: UInt64 {
    let p0 = P.modulus[0]
    var inverse = p0  // correct to 3 bits, since p0 is odd
    for _ in 0..<5 { inverse = inverse &* (2 &- p0 &* inverse) }
    return 0 &- inverse
  }

  /// a·b·R⁻¹ mod p for a < p and b < R: coarsely integrated operand scanning with the rows of a·b
  /// and m·p interleaved. Since p leaves a bit free, both carries of a row fit into one word
  /// (gnark's "no-carry" variant).
  @inline(__always)
  static func montgomeryProduct(_ a: Limbs, _ b: Limbs) -> Limbs {
    let modulus = P.modulus
    let negatedInverse = Self.negatedInverse
    var t = Limbs(repeating: 0)
    for i in 0..<limbCount {
      var product = multiply(a[0], b[i], plus: t[0])
      let m = UInt64(truncatingIfNeeded: product) &* negatedInverse
      var reduced = multiply(m, modulus[0], plus: UInt64(truncatingIfNeeded: product))
      for j in 1..<limbCount {
        product = multiply(a[j], b[i], plus: t[j], product &>> 64)
        reduced = multiply(
          m, modulus[j], plus: UInt64(truncatingIfNeeded: product), reduced &>> 64)
        t[j - 1] = UInt64(truncatingIfNeeded: reduced)
      }
      t[limbCount - 1] = UInt64(truncatingIfNeeded: (product &>> 64) &+ (reduced &>> 64))
    }
    return reducedOnce(t)
  }

  @inline(__always)
  static func multiply(_ a: UInt64, _ b: UInt64, plus c: UInt64, _ carry: UInt128 = 0) -> UInt128 {
    UInt128(a) &* UInt128(b) &+ UInt128(c) &+ carry
  }
}
