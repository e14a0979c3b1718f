extension PrimeField {
  /// An integer of 2n limbs: a product, or a sum of products, to be reduced once.
  package struct Wide: BitwiseCopyable {
    var low: Limbs
    var high: Limbs

    @inline(__always)
    private init(zero: Void) {
      low = Limbs(repeating: 0)
      high = Limbs(repeating: 0)
    }

    @inline(__always)
    private subscript(index: Int) -> UInt64 {
      get { index < limbCount ? low[index] : high[index - limbCount] }
      set {
        if index < limbCount { low[index] = newValue } else { high[index - limbCount] = newValue }
      }
    }

    /// a·b for any a and b.
    @inline(__always)
    init(_ a: Limbs, times b: Limbs) {
      var (low, high) = (Limbs(repeating: 0), Limbs(repeating: 0))
      forEachRow { i in
        var carry: UInt64 = 0
        low[i] = multiplyingAdding(a[0], b[i], high[0], &carry)
        for j in 1..<limbCount {
          high[j - 1] = multiplyingAdding(a[j], b[i], high[j], &carry)
        }
        high[limbCount - 1] = carry
      }
      self.low = low
      self.high = high
    }

    /// a²: the products of different limbs once, doubled, and the squares of limbs.
    @inline(__always)
    init(squaring a: Limbs) {
      var wide = Wide(zero: ())
      forEachRow { i in
        var carry: UInt64 = 0
        for j in i + 1..<limbCount {
          wide[i + j] = multiplyingAdding(a[i], a[j], wide[i + j], &carry)
        }
        wide[i + limbCount] = carry
      }
      var (doublingCarry, carry): (UInt64, UInt64) = (0, 0)
      forEachRow { i in
        let square = UInt128(a[i]) &* UInt128(a[i])
        let (even, odd) = (wide[2 * i], wide[2 * i + 1])
        wide[2 * i] = addingCarry(
          even &<< 1 | doublingCarry, UInt64(truncatingIfNeeded: square), &carry)
        wide[2 * i + 1] = addingCarry(
          odd &<< 1 | even &>> 63, UInt64(truncatingIfNeeded: square &>> 64), &carry)
        doublingCarry = odd &>> 63
      }
      self = wide
    }

    /// a − b, plus p·R where that is negative.
    @inline(__always)
    static func - (a: Wide, b: Wide) -> Wide {
      var (difference, borrow) = subtracted(a, b)
      difference.high = addingModulus(difference.high, if: Mask(bit: borrow))
      return difference
    }

    /// a − b for a ≥ b.
    @inline(__always)
    static func &- (a: Wide, b: Wide) -> Wide { subtracted(a, b).difference }

    /// a + b, less p·R where it is not below that.
    @inline(__always)
    static func + (a: Wide, b: Wide) -> Wide {
      var sum = a &+ b
      sum.high = reducedOnce(sum.high)
      return sum
    }

    /// a + b for a sum below R².
    @inline(__always)
    static func &+ (a: Wide, b: Wide) -> Wide {
      var sum = a
      var carry: UInt64 = 0
      for i in 0..<limbCount { sum.low[i] = addingCarry(a.low[i], b.low[i], &carry) }
      for i in 0..<limbCount { sum.high[i] = addingCarry(a.high[i], b.high[i], &carry) }
      return sum
    }

    @inline(__always)
    private static func subtracted(_ a: Wide, _ b: Wide) -> (difference: Wide, borrow: UInt64) {
      var difference = a
      var borrow: UInt64 = 0
      for i in 0..<limbCount {
        difference.low[i] = subtractingBorrow(a.low[i], b.low[i], &borrow)
      }
      for i in 0..<limbCount {
        difference.high[i] = subtractingBorrow(a.high[i], b.high[i], &borrow)
      }
      return (difference, borrow)
    }
  }

  /// T·R⁻¹ mod p for T < p·R.
  @inline(__always)
  init(reducing wide: Wide) {
    let (modulus, negatedInverse) = (P.modulus, Self.negatedInverse)
    var t = wide.low
    Self.forEachRow { _ in
      var carry: UInt64 = 0
      let m = t[0] &* negatedInverse
      _ = multiplyingAdding(m, modulus[0], t[0], &carry)
      for j in 1..<limbCount { t[j - 1] = multiplyingAdding(m, modulus[j], t[j], &carry) }
      t[limbCount - 1] = carry
    }
    self.init(montgomery: Self.reducedOnce(Self.unreducedSum(t, wide.high)))
  }

  /// a + b, for factors of products only: it is below 2p, and 4p² < p·R.
  @inline(__always)
  static func unreducedSum(_ a: Limbs, _ b: Limbs) -> Limbs {
    var sum = Limbs(repeating: 0)
    var carry: UInt64 = 0
    for i in 0..<limbCount { sum[i] = addingCarry(a[i], b[i], &carry) }
    return sum
  }

  /// a − b + p, for factors of products only: it is below 2p.
  @inline(__always)
  static func unreducedDifference(_ a: Limbs, _ b: Limbs) -> Limbs {
    unreducedSum(subtracted(a, b).difference, P.modulus)
  }
}
