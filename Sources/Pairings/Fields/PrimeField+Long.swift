/// The operations of fields that are too long to be unrolled, by ``LongWords``.
extension PrimeField {
  /// A constant for each field.
  @inline(__always)
  static var isLong: Bool { limbCount > 8 }

  @inline(never)
  static func longSum(_ a: Self, _ b: Self) -> Self {
    unsafe withWords(a.limbs, b.limbs) { r, b, p in
      unsafe LongWords.add(r, b, modulus: p, count: limbCount)
    }
  }

  @inline(never)
  static func longDifference(_ a: Self, _ b: Self) -> Self {
    unsafe withWords(a.limbs, b.limbs) { r, b, p in
      unsafe LongWords.subtract(r, b, modulus: p, count: limbCount)
    }
  }

  @inline(never)
  static func longSelect(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    unsafe withWords(b.limbs, a.limbs) { r, a, _ in
      unsafe LongWords.select(r, mask, a, count: limbCount)
    }
  }

  @inline(never)
  static func longProduct(_ a: Limbs, _ b: Limbs) -> Limbs {
    unsafe withWords(a, b) { r, b, p in
      unsafe LongWords.montgomeryProduct(
        r, r, b, modulus: p, count: limbCount)
    }.limbs
  }

  @inline(never)
  func longSquared() -> Self {
    unsafe Self.withWords(limbs, limbs) { r, a, p in
      unsafe LongWords.montgomerySquare(
        r, a, modulus: p, count: limbCount)
    }
  }

  /// What becomes of a copy of a, beside b and p.
  @inline(__always)
  private static func withWords(
    _ a: Limbs, _ b: Limbs,
    _ body: (LongWords.MutableWords, LongWords.Words, LongWords.Words) -> Void
  ) -> Self {
    var result = a
    unsafe withMutableWords(of: &result) { result in
      unsafe Pairings.withWords(of: b) { b in
        unsafe Pairings.withWords(of: P.modulus) { modulus in unsafe body(result, b, modulus) }
      }
    }
    return Self(montgomery: result)
  }
}
