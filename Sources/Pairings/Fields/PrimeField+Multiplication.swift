extension PrimeField {
  @inline(never)
  package static func * (a: Self, b: Self) -> Self {
    Self(montgomery: montgomeryProduct(a.limbs, b.limbs))
  }

  @inline(never)
  package func squared() -> Self {
    Self.isLong ? longSquared() : Self(reducing: Wide(squaring: limbs))
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
    if isLong { return longProduct(a, b) }
    let negatedInverse = Self.negatedInverse
    var t = Limbs(repeating: 0)
    forEachRow { i in
      var (carry, carryOfReduction): (UInt64, UInt64) = (0, 0)
      let lowest = multiplyingAdding(a[0], b[i], t[0], &carry)
      let m = lowest &* negatedInverse
      _ = multiplyingAdding(m, modulus[0], lowest, &carryOfReduction)
      for j in 1..<limbCount {
        let word = multiplyingAdding(a[j], b[i], t[j], &carry)
        t[j - 1] = multiplyingAdding(m, modulus[j], word, &carryOfReduction)
      }
      t[limbCount - 1] = carry &+ carryOfReduction
    }
    return reducedOnce(t)
  }

  /// Runs the rows of a multiplication of up to eight limbs, unrolled, so that the accumulator stays in
  /// registers; the compiler unrolls the inner loops by itself, but not two nested ones.
  @inline(__always)
  static func forEachRow(_ row: (Int) -> Void) {
    precondition(!isLong, "long fields use LongWords")
    row(0)
    if limbCount > 1 { row(1) }
    if limbCount > 2 { row(2) }
    if limbCount > 3 { row(3) }
    if limbCount > 4 { row(4) }
    if limbCount > 5 { row(5) }
    if limbCount > 6 { row(6) }
    if limbCount > 7 { row(7) }
  }
}
