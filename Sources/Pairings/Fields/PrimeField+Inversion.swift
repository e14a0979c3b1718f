/// Pornin's constant-time binary gcd, "Optimized Binary GCD for Modular Inversion", ePrint
/// 2020/972.
extension PrimeField {
  /// a⁻¹, and 0 for 0.
  package func inverted() -> Self {
    // Modulo p, always a = u·y and b = v·y for the value y that is stored here.
    var (a, b) = (limbs, P.modulus)
    var (u, v) = (Limbs(repeating: 0), Limbs(repeating: 0))
    u[0] = 1
    // 2·bits − 1 steps bring a to 0 and b to the gcd.
    for _ in 0..<(2 * Self.modulusBitCount + GCDFactors.stepCount - 2) / GCDFactors.stepCount {
      var (f, g) = Self.gcdFactors(a, b)
      let (newA, aIsNegative) = Self.magnitude(of: f, a, b)
      let (newB, bIsNegative) = Self.magnitude(of: g, a, b)
      (a, b) = (newA, newB)
      f.negate(if: aIsNegative)
      g.negate(if: bIsNegative)
      (u, v) = (Self.residue(of: f, u, v), Self.residue(of: g, u, v))
    }
    // v = y⁻¹ = (a·R)⁻¹, and the product with R³ divides by R once more.
    let rCubed = Self.montgomeryProduct(P.rSquared, P.rSquared)
    return Self(montgomery: Self.montgomeryProduct(rCubed, v))
  }

  package static var modulusBitCount: Int {
    let modulus = P.modulus
    var bits = 64 * limbCount
    for i in (0..<limbCount).reversed() {
      bits -= modulus[i].leadingZeroBitCount
      if modulus[i] != 0 { break }
    }
    return bits
  }

  /// The steps on approximations of a and b: their lowest 31 bits, and the highest 33 of the 64 at
  /// which the longer one begins.
  @inline(__always)
  private static func gcdFactors(_ a: Limbs, _ b: Limbs) -> (GCDFactors, GCDFactors) {
    var (aHigh, aLow, bHigh, bLow) = (a[1], a[0], b[1], b[0])
    for i in 2..<limbCount {
      let isZero = Mask(isZero: a[i] | b[i])
      (aHigh, aLow) = (isZero.select(aHigh, a[i]), isZero.select(aLow, a[i - 1]))
      (bHigh, bLow) = (isZero.select(bHigh, b[i]), isZero.select(bLow, b[i - 1]))
    }
    let shift = UInt128((aHigh | bHigh).leadingZeroBitCount)
    return GCDFactors.steps(
      approximation(aHigh, aLow, shift, a[0]), approximation(bHigh, bLow, shift, b[0]))
  }

  @inline(__always)
  private static func approximation(
    _ high: UInt64, _ low: UInt64, _ shift: UInt128, _ lowest: UInt64
  ) -> UInt64 {
    let top = ((UInt128(high) &<< 64 | UInt128(low)) &<< shift) &>> 64
    let mask: UInt64 = 1 &<< 31 &- 1
    return UInt64(truncatingIfNeeded: top) & ~mask | lowest & mask
  }

  /// |(a·f + b·g)/2^31|, which is an integer, and whether it was negative.
  @inline(__always)
  private static func magnitude(
    of factors: GCDFactors, _ a: Limbs, _ b: Limbs
  ) -> (Limbs, isNegative: Mask) {
    let (low, high) = combination(of: factors, a, b)
    let isNegative = Mask(bit: high &>> 63)
    let shifted = shiftedRight(low, high, by: 31)
    var magnitude = Limbs(repeating: 0)
    var carry = isNegative.bit
    for i in 0..<limbCount {
      magnitude[i] = addingCarry(shifted[i] ^ isNegative.bits, 0, &carry)
    }
    return (magnitude, isNegative)
  }

  /// (u·f + v·g)/2^31 mod p
  @inline(__always)
  private static func residue(of factors: GCDFactors, _ u: Limbs, _ v: Limbs) -> Limbs {
    var (low, high) = combination(of: factors, u, v)
    let modulus = P.modulus
    let m = low[0] &* negatedInverse & (1 &<< 31 &- 1)
    var carry: UInt64 = 0
    for i in 0..<limbCount { low[i] = multiplyingAdding(m, modulus[i], low[i], &carry) }
    high = high &+ carry
    // In (−p, 2p).
    let shifted = shiftedRight(low, high, by: 31)
    return reducedOnce(addingModulus(shifted, if: Mask(bit: high &>> 63)))
  }

  /// a·f + b·g in n + 1 words of two's complement.
  @inline(__always)
  private static func combination(
    of factors: GCDFactors, _ a: Limbs, _ b: Limbs
  ) -> (low: Limbs, high: UInt64) {
    let (f, fSign) = factors.f.magnitudeAndSign
    let (g, gSign) = factors.g.magnitudeAndSign
    var low = Limbs(repeating: 0)
    // −a·f = ~a·f + f; the factors are short enough for two products and a carry.
    var carry = UInt128(f & fSign) &+ UInt128(g & gSign)
    for i in 0..<limbCount {
      carry &+= UInt128(a[i] ^ fSign) &* UInt128(f) &+ UInt128(b[i] ^ gSign) &* UInt128(g)
      low[i] = UInt64(truncatingIfNeeded: carry)
      carry &>>= 64
    }
    return (low, fSign &* f &+ gSign &* g &+ UInt64(truncatingIfNeeded: carry))
  }

  @inline(__always)
  private static func shiftedRight(_ low: Limbs, _ high: UInt64, by count: UInt64) -> Limbs {
    var result = low
    for i in 0..<limbCount {
      let next = i + 1 < limbCount ? low[i + 1] : high
      result[i] = low[i] &>> count | next &<< (64 - count)
    }
    return result
  }
}

/// The factors by which a number of gcd steps takes (a, b) to (a·f + b·g)/2^count.
private struct GCDFactors {
  var f: Int64
  var g: Int64

  static var stepCount: Int { 31 }

  @inline(__always)
  mutating func negate(if mask: Mask) {
    let sign = Int64(bitPattern: mask.bits)
    (f, g) = ((f ^ sign) &- sign, (g ^ sign) &- sign)
  }

  /// Where a is odd, the smaller of a and b becomes b, and the difference a; then a is halved.
  /// Each pair (f, g) is kept in one word, f + 2^32·g.
  @inline(__always)
  static func steps(_ a: UInt64, _ b: UInt64) -> (GCDFactors, GCDFactors) {
    var (a, b) = (a, b)
    var (first, second): (UInt64, UInt64) = (1, 1 &<< 32)
    for _ in 0..<stepCount {
      let isOdd = Mask(bit: a & 1).bits
      var isBelow: UInt64 = 0
      _ = subtractingBorrow(a, b, &isBelow)
      let swap = isOdd & Mask(bit: isBelow).bits
      let (swapped, swappedFactors) = ((a ^ b) & swap, (first ^ second) & swap)
      (a, b) = (a ^ swapped, b ^ swapped)
      (first, second) = (first ^ swappedFactors, second ^ swappedFactors)
      a = (a &- (b & isOdd)) &>> 1
      first = first &- (second & isOdd)
      second = second &<< 1
    }
    return (GCDFactors(packed: first), GCDFactors(packed: second))
  }

  /// Both factors are in [−2^31 + 1, 2^31].
  @inline(__always)
  private init(packed: UInt64) {
    let bias: UInt64 = 0x7fff_ffff
    let word = packed &+ (bias &<< 32 | bias)
    f = Int64(word & 0xffff_ffff) &- Int64(bias)
    g = Int64(word &>> 32) &- Int64(bias)
  }
}

extension Int64 {
  /// |self|, and all ones if it is negative.
  @inline(__always)
  fileprivate var magnitudeAndSign: (UInt64, UInt64) {
    let sign = self &>> 63
    return (UInt64(bitPattern: (self ^ sign) &- sign), UInt64(bitPattern: sign))
  }
}
