import CFieldKernels

/// Arithmetic on integers of many words, least significant first, whose number is known at run time:
/// one piece of code for all fields too long to be unrolled.
///
/// Their moduli are of the form p = P·2^(32n) − 1, "Montgomery-friendly": −p⁻¹ mod 2^(32n) is 1, and a
/// step of the reduction is a product of half the length.
///
/// Everything takes a time that depends on the number of words alone.
package enum LongWords {
  package typealias Words = UnsafePointer<UInt64>
  package typealias MutableWords = UnsafeMutablePointer<UInt64>

  /// r ← a·b·R⁻¹ mod p for a, b < p; r may be a or b.
  static func montgomeryProduct(
    _ r: MutableWords, _ a: Words, _ b: Words, modulus p: Words, count: Int
  ) {
    if unsafe bcemr_words_vector_montgomery_product(r, a, b, p, count) { return }
    unsafe portableMontgomeryProduct(r, a, b, modulus: p, count: count)
  }

  /// r ← a²·R⁻¹ mod p
  static func montgomerySquare(_ r: MutableWords, _ a: Words, modulus p: Words, count: Int) {
    if unsafe bcemr_words_vector_montgomery_product(r, a, a, p, count) { return }
    unsafe portableMontgomerySquare(r, a, modulus: p, count: count)
  }

  /// ``montgomeryProduct(_:_:_:modulus:count:)`` on any processor.
  package static func portableMontgomeryProduct(
    _ r: MutableWords, _ a: Words, _ b: Words, modulus p: Words, count: Int
  ) {
    let capacity = 2 * count + scratchCount(count, threshold: karatsubaThreshold)
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: capacity) { scratch in
      guard let t = scratch.baseAddress else { return }
      unsafe multiply(t, a, b, count: count, scratch: t + 2 * count)
      unsafe bcemr_words_reduce(r, t, p, count)
    }
  }

  /// ``montgomerySquare(_:_:modulus:count:)`` on any processor.
  package static func portableMontgomerySquare(
    _ r: MutableWords, _ a: Words, modulus p: Words, count: Int
  ) {
    let capacity = 2 * count + scratchCount(count, threshold: karatsubaSquareThreshold)
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: capacity) { scratch in
      guard let t = scratch.baseAddress else { return }
      unsafe square(t, a, count: count, scratch: t + 2 * count)
      unsafe bcemr_words_reduce(r, t, p, count)
    }
  }

  // MARK: Sums

  /// r ← r + b mod p for r, b < p < R/2.
  static func add(_ r: MutableWords, _ b: Words, modulus p: Words, count: Int) {
    // r + b − p, and p again where that is negative; nothing is carried out of r + b.
    _ = unsafe bcemr_words_add(r, r, b, count)
    let borrow = unsafe bcemr_words_subtract(r, r, p, count)
    _ = unsafe bcemr_words_add_masked(r, p, Mask(bit: borrow).bits, 0, count)
  }

  /// r ← r − b mod p for r, b < p.
  static func subtract(_ r: MutableWords, _ b: Words, modulus p: Words, count: Int) {
    let borrow = unsafe bcemr_words_subtract(r, r, b, count)
    _ = unsafe bcemr_words_add_masked(r, p, Mask(bit: borrow).bits, 0, count)
  }

  /// r ← a where the mask is set.
  static func select(_ r: MutableWords, _ mask: Mask, _ a: Words, count: Int) {
    for i in 0..<count { unsafe r[i] = mask.select(a[i], r[i]) }
  }

  // MARK: Products

  /// From this number of words on, a product is made of three of half the length.
  private static let karatsubaThreshold = 24
  private static let karatsubaSquareThreshold = 48

  /// The words that a product needs beside its operands and its result. Up to 1024 bytes with a result
  /// are on the stack.
  private static func scratchCount(_ count: Int, threshold: Int) -> Int {
    count >= threshold && count % 4 == 0
      ? 2 * count + scratchCount(count / 2, threshold: threshold) : 0
  }

  /// r[0 …< 2n] ← a·b, with ``scratchCount(_:threshold:)`` words of scratch.
  static func multiply(
    _ r: MutableWords, _ a: Words, _ b: Words, count: Int, scratch: MutableWords
  ) {
    guard count >= karatsubaThreshold, count % 4 == 0 else {
      return unsafe bcemr_words_multiply(r, a, b, count)
    }
    let half = count / 2
    unsafe multiply(r, a, b, count: half, scratch: scratch)
    unsafe multiply(r + count, a + half, b + half, count: half, scratch: scratch)
    // (a₀ − a₁)·(b₁ − b₀), by magnitudes and a sign.
    let (product, rest) = unsafe (scratch, scratch + count)
    let (left, right) = unsafe (rest, rest + half)
    let leftSign = unsafe distance(left, a, a + half, count: half)
    let rightSign = unsafe distance(right, b + half, b, count: half)
    unsafe multiply(product, left, right, count: half, scratch: rest + count)
    unsafe addMiddle(r, product, isNegative: leftSign ^ rightSign, count: count, scratch: rest)
  }

  /// r[0 …< 2n] ← a², with scratch as for a product.
  static func square(_ r: MutableWords, _ a: Words, count: Int, scratch: MutableWords) {
    guard count >= karatsubaSquareThreshold, count % 4 == 0 else {
      return unsafe bcemr_words_square(r, a, count)
    }
    let half = count / 2
    unsafe square(r, a, count: half, scratch: scratch)
    unsafe square(r + count, a + half, count: half, scratch: scratch)
    // −(a₀ − a₁)²
    let (product, rest) = unsafe (scratch, scratch + count)
    _ = unsafe distance(rest, a, a + half, count: half)
    unsafe square(product, rest, count: half, scratch: rest + count)
    unsafe addMiddle(r, product, isNegative: Mask(bit: 1), count: count, scratch: rest)
  }

  /// r ← |a − b|, and whether a < b.
  private static func distance(
    _ r: MutableWords, _ a: Words, _ b: Words, count: Int
  ) -> Mask {
    let isBelow = unsafe Mask(bit: bcemr_words_subtract(r, a, b, count))
    unsafe bcemr_words_negate(r, isBelow.bits, count)
    return isBelow
  }

  /// r ← r + 2^(32n)·(z₀ + z₂ ± product) for r = z₀ + 2^(64n)·z₂.
  private static func addMiddle(
    _ r: MutableWords, _ product: Words, isNegative: Mask, count: Int, scratch t: MutableWords
  ) {
    let sumCarry = unsafe bcemr_words_add(t, r, r + count, count)
    let productCarry = unsafe bcemr_words_add_inverted(
      t, product, isNegative.bits, isNegative.bit, count)
    let middle = unsafe r + count / 2
    let carry = unsafe bcemr_words_add(middle, middle, t, count)
    // Where the product is negative its complement carries once more than the difference does.
    _ = unsafe bcemr_words_add_word(
      middle + count, sumCarry &+ productCarry &- isNegative.bit &+ carry, count / 2)
  }
}
