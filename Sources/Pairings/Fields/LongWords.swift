/// Arithmetic on integers of many words, least significant first, whose number is known at run time:
/// one piece of code for all fields too long to be unrolled.
///
/// Everything takes a time that depends on the number of words alone.
enum LongWords {
  typealias Words = UnsafePointer<UInt64>
  typealias MutableWords = UnsafeMutablePointer<UInt64>

  /// r ← a·b·R⁻¹ mod p for a, b < p and p < R/2; r may be a or b.
  static func montgomeryProduct(
    _ r: MutableWords, _ a: Words, _ b: Words, modulus p: Words, negatedInverse: UInt64,
    count: Int
  ) {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4 * count) { scratch in
      guard let t = scratch.baseAddress else { return }
      unsafe multiply(t, a, b, count: count, scratch: t + 2 * count)
      unsafe reduce(r, t, modulus: p, negatedInverse: negatedInverse, count: count)
    }
  }

  /// r ← a²·R⁻¹ mod p
  static func montgomerySquare(
    _ r: MutableWords, _ a: Words, modulus p: Words, negatedInverse: UInt64, count: Int
  ) {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * count) { scratch in
      guard let t = scratch.baseAddress else { return }
      unsafe square(t, a, count: count)
      unsafe reduce(r, t, modulus: p, negatedInverse: negatedInverse, count: count)
    }
  }

  // MARK: Sums

  /// r ← r + b mod p for r, b < p < R/2.
  static func add(_ r: MutableWords, _ b: Words, modulus p: Words, count: Int) {
    // r + b − p, and p again where that is negative.
    var (carry, borrow): (UInt64, UInt64) = (0, 0)
    for i in 0..<count {
      let sum = unsafe addingCarry(r[i], b[i], &carry)
      unsafe r[i] = subtractingBorrow(sum, p[i], &borrow)
    }
    unsafe addModulus(r, p, if: Mask(bit: borrow), count: count)
  }

  /// r ← r − b mod p for r, b < p.
  static func subtract(_ r: MutableWords, _ b: Words, modulus p: Words, count: Int) {
    var borrow: UInt64 = 0
    for i in 0..<count { unsafe r[i] = subtractingBorrow(r[i], b[i], &borrow) }
    unsafe addModulus(r, p, if: Mask(bit: borrow), count: count)
  }

  private static func addModulus(_ r: MutableWords, _ p: Words, if mask: Mask, count: Int) {
    var carry: UInt64 = 0
    for i in 0..<count { unsafe r[i] = addingCarry(r[i], p[i] & mask.bits, &carry) }
  }

  /// r ← a where the mask is set.
  static func select(_ r: MutableWords, _ mask: Mask, _ a: Words, count: Int) {
    for i in 0..<count { unsafe r[i] = mask.select(a[i], r[i]) }
  }

  // MARK: Products

  /// r[0 …< 2n] ← a·b
  static func multiply(
    _ r: MutableWords, _ a: Words, _ b: Words, count: Int, scratch: MutableWords
  ) {
    unsafe multiplyBySchool(r, a, b, count: count)
  }

  private static func multiplyBySchool(
    _ r: MutableWords, _ a: Words, _ b: Words, count: Int
  ) {
    unsafe r.update(repeating: 0, count: count)
    for i in stride(from: 0, to: count, by: 2) {
      unsafe addTwoRows(r + i, a, b[i], b[i + 1], count: count)
    }
  }

  /// r[0 …< 2n] ← a²: the products of different words once, doubled, and the squares of words.
  static func square(_ r: MutableWords, _ a: Words, count: Int) {
    unsafe r.update(repeating: 0, count: count)
    for i in stride(from: 0, to: count - 2, by: 2) {
      // The rows of a[i] from a[i + 1] on, and of a[i + 1] from a[i + 2] on.
      let (first, second) = unsafe (a[i], a[i + 1])
      var (c, d): (UInt64, UInt64) = (0, 0)
      unsafe r[2 * i + 1] = multiplyingAdding(second, first, r[2 * i + 1], &c)
      unsafe r[2 * i + 2] = multiplyingAdding(a[i + 2], first, r[2 * i + 2], &c)
      for j in i + 3..<count {
        let word = unsafe multiplyingAdding(a[j], first, r[i + j], &c)
        unsafe r[i + j] = multiplyingAdding(a[j - 1], second, word, &d)
      }
      unsafe r[i + count] = multiplyingAdding(a[count - 1], second, c, &d)
      unsafe r[i + count + 1] = d
    }
    var c: UInt64 = 0
    unsafe r[2 * count - 3] = multiplyingAdding(
      a[count - 2], a[count - 1], r[2 * count - 3], &c)
    unsafe r[2 * count - 2] = c
    unsafe r[2 * count - 1] = 0

    var (doublingCarry, carry): (UInt64, UInt64) = (0, 0)
    for i in 0..<count {
      let word = unsafe a[i]
      let square = UInt128(word) &* UInt128(word)
      let (even, odd) = unsafe (r[2 * i], r[2 * i + 1])
      unsafe r[2 * i] = addingCarry(
        even &<< 1 | doublingCarry, UInt64(truncatingIfNeeded: square), &carry)
      unsafe r[2 * i + 1] = addingCarry(
        odd &<< 1 | even &>> 63, UInt64(truncatingIfNeeded: square &>> 64), &carry)
      doublingCarry = odd &>> 63
    }
  }

  /// r ← r + a·(b + 2^64·d), of which r[n] and r[n + 1] are set. Two rows at once are two chains of
  /// carries that do not wait for each other.
  @inline(__always)
  private static func addTwoRows(
    _ r: MutableWords, _ a: Words, _ b: UInt64, _ d: UInt64, count: Int
  ) {
    var (bCarry, dCarry): (UInt64, UInt64) = (0, 0)
    unsafe r[0] = multiplyingAdding(a[0], b, r[0], &bCarry)
    for j in 1..<count {
      let word = unsafe multiplyingAdding(a[j], b, r[j], &bCarry)
      unsafe r[j] = multiplyingAdding(a[j - 1], d, word, &dCarry)
    }
    unsafe r[count] = multiplyingAdding(a[count - 1], d, bCarry, &dCarry)
    unsafe r[count + 1] = dCarry
  }

  // MARK: Reduction

  /// r ← t·R⁻¹ mod p for t < p·R, which is overwritten.
  static func reduce(
    _ r: MutableWords, _ t: MutableWords, modulus p: Words, negatedInverse: UInt64, count: Int
  ) {
    // Two rows at once. Their carries belong to the words n further on, and wait in those that the
    // rows have cleared.
    for i in stride(from: 0, to: count, by: 2) {
      let t = unsafe t + i
      var (c, d): (UInt64, UInt64) = (0, 0)
      let first = unsafe t[0] &* negatedInverse
      _ = unsafe multiplyingAdding(first, p[0], t[0], &c)
      let lowest = unsafe multiplyingAdding(first, p[1], t[1], &c)
      let second = lowest &* negatedInverse
      _ = unsafe multiplyingAdding(second, p[0], lowest, &d)
      for j in 2..<count {
        let word = unsafe multiplyingAdding(first, p[j], t[j], &c)
        unsafe t[j] = multiplyingAdding(second, p[j - 1], word, &d)
      }
      unsafe t[0] = multiplyingAdding(second, p[count - 1], c, &d)
      unsafe t[1] = d
    }
    var carry: UInt64 = 0
    for i in 0..<count { unsafe r[i] = addingCarry(t[i], t[i + count], &carry) }
    // p leaves a bit free, so nothing is carried out.
    var borrow: UInt64 = 0
    for i in 0..<count { unsafe t[i] = subtractingBorrow(r[i], p[i], &borrow) }
    let isBelow = Mask(bit: borrow)
    for i in 0..<count { unsafe r[i] = isBelow.select(r[i], t[i]) }
  }
}
