import CFieldKernels

extension PrimeField {
  /// a^e for a public exponent e, by windows of up to five bits that begin and end with a one.
  package func raised(toPublic exponent: Limbs) -> Self {
    let width = 5
    // a, a³, a⁵, …
    var odd = InlineArray<16, Self>(repeating: self)
    let square = squared()
    for index in 1..<16 { odd[index] = odd[index - 1] * square }
    var result = Self.one
    var position = 64 * limbCount
    var started = false
    var squarings = 0
    while position > 0 {
      if Self.bits(of: exponent, at: position - 1, count: 1) == 0 {
        position -= 1
        if started { squarings += 1 }
        continue
      }
      let highest = min(width, position)
      let window = Self.bits(of: exponent, at: position - highest, count: highest)
      let count = highest - window.trailingZeroBitCount
      let power = odd[window >> (window.trailingZeroBitCount + 1)]
      if started {
        result = result.squared(times: squarings + count) * power
      } else {
        result = power
        started = true
      }
      squarings = 0
      position -= count
    }
    return result.squared(times: squarings)
  }

  /// a^(2^count)
  private func squared(times count: Int) -> Self {
    var result = self
    if P.self == BaseFieldParameters.self, bcemr_adx_kernels_are_supported() {
      unsafe withMutableWords(of: &result) { unsafe bcemr_fp_adx_square_repeatedly($0, count) }
    } else {
      for _ in 0..<count { result = result.squared() }
    }
    return result
  }

  /// a^((p−3)/4), for p ≡ 3 mod 4.
  package func raisedToQuarter() -> Self {
    raised(toPublic: Self.shiftedRight(P.modulus, by: 2))
  }

  /// A square root and whether there is one, for p ≡ 3 mod 4: a^((p+1)/4).
  package func squareRoot() -> (root: Self, exists: Mask) {
    var exponent = Self.shiftedRight(P.modulus, by: 2)
    var carry: UInt64 = 0
    exponent[0] = addingCarry(exponent[0], 1, &carry)
    for i in 1..<limbCount { exponent[i] = addingCarry(exponent[i], 0, &carry) }
    let root = raised(toPublic: exponent)
    return (root, root.squared().equals(self))
  }

  private static func bits(of integer: Limbs, at position: Int, count: Int) -> Int {
    let (limb, shift) = (position / 64, position % 64)
    guard limb < limbCount else { return 0 }
    var word = integer[limb] &>> UInt64(shift)
    if shift + count > 64, limb + 1 < limbCount {
      word |= integer[limb + 1] &<< UInt64(64 - shift)
    }
    return Int(word & (1 &<< UInt64(count) &- 1))
  }

  static func shiftedRight(_ a: Limbs, by count: UInt64) -> Limbs {
    var result = a
    for i in 0..<limbCount {
      result[i] = a[i] &>> count
      if i + 1 < limbCount { result[i] |= a[i + 1] &<< (64 - count) }
    }
    return result
  }
}
