extension Fr {
  /// The digits of the canonical form to base X = |x|, least significant first, in constant time.
  ///
  /// Since r = X⁴ − X² + 1 < X⁴ there are four. Frobenius multiplies by x in G2 and GT, and the
  /// endomorphism of G1 by −X², so that these digits split a scalar in all three groups.
  package var parameterDigits: InlineArray<4, UInt64> {
    var quotient = integer
    var digits = InlineArray<4, UInt64>(repeating: 0)
    for position in 0..<3 {
      var remainder: UInt64 = 0
      for i in (0..<4).reversed() {
        (quotient[i], remainder) = Self.dividedByParameter(remainder, quotient[i])
      }
      digits[position] = remainder
    }
    digits[3] = quotient[0]
    return digits
  }

  /// The scalar as Σ partᵢ·(X^(4/count))ⁱ, for a count of 2 or 4.
  func parts(_ count: Int) -> InlineArray<4, UInt128> {
    let digits = parameterDigits
    var parts = InlineArray<4, UInt128>(repeating: 0)
    if count == 4 {
      for i in 0..<4 { parts[i] = UInt128(digits[i]) }
    } else {
      let base = UInt128(BLS12381.parameter)
      parts[0] = UInt128(digits[1]) &* base &+ UInt128(digits[0])
      parts[1] = UInt128(digits[3]) &* base &+ UInt128(digits[2])
    }
    return parts
  }

  /// (2^64·high + low) divided by X, for high < X: Möller and Granlund, "Improved division by
  /// invariant integers", algorithm 4, with masks.
  @inline(__always)
  private static func dividedByParameter(_ high: UInt64, _ low: UInt64) -> (UInt64, UInt64) {
    let divisor = BLS12381.parameter
    // ⌊(2^128 − 1)/X⌋ − 2^64
    let reciprocal: UInt64 = 0x381204ca56cd56b5
    let estimate =
      UInt128(reciprocal) &* UInt128(high) &+ (UInt128(high) &<< 64 | UInt128(low))
    var quotient = UInt64(truncatingIfNeeded: estimate &>> 64) &+ 1
    var remainder = low &- quotient &* divisor
    let tooLarge = isBelow(UInt64(truncatingIfNeeded: estimate), remainder)
    quotient = quotient &- tooLarge.bit
    remainder = remainder &+ (tooLarge.bits & divisor)
    let tooSmall = ~isBelow(remainder, divisor)
    return (quotient &+ tooSmall.bit, remainder &- (tooSmall.bits & divisor))
  }

  @inline(__always)
  private static func isBelow(_ a: UInt64, _ b: UInt64) -> Mask {
    Mask(bit: UInt64(truncatingIfNeeded: (UInt128(a) &- UInt128(b)) &>> 127))
  }
}
