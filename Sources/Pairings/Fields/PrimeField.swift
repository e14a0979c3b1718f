/// An element of F_p in Montgomery's representation a·R mod p, always reduced.
///
/// It is a plain value of n words, and everything done with it takes a time that does not depend
/// on it. Loops over limbs have constant bounds, so the compiler unrolls the short ones.
package struct PrimeField<let limbCount: Int, P: MontgomeryParameters>: Field
where P.Limbs == InlineArray<limbCount, UInt64> {
  package typealias Limbs = InlineArray<limbCount, UInt64>

  /// a·R mod p
  var limbs: Limbs

  @inline(__always)
  package init(montgomery limbs: Limbs) { self.limbs = limbs }

  @inline(__always)
  package static var zero: Self { Self(montgomery: Limbs(repeating: 0)) }
  @inline(__always)
  package static var one: Self { Self(montgomery: P.r) }

  package init(_ value: UInt64) {
    var limbs = Limbs(repeating: 0)
    limbs[0] = value
    self.init(integer: limbs)
  }

  /// The residue of an integer below 2^(64·n).
  package init(integer limbs: Limbs) {
    self.init(montgomery: Self.montgomeryProduct(P.rSquared, limbs))
  }

  /// The canonical representative, in [0, p−1].
  package var integer: Limbs {
    var unit = Limbs(repeating: 0)
    unit[0] = 1
    return Self.montgomeryProduct(limbs, unit)
  }

  @inline(__always)
  package static func + (a: Self, b: Self) -> Self {
    isLong ? longSum(a, b) : Self(montgomery: reducedOnce(unreducedSum(a.limbs, b.limbs)))
  }

  @inline(__always)
  package func doubled() -> Self { self + self }

  @inline(__always)
  package static func - (a: Self, b: Self) -> Self {
    if isLong { return longDifference(a, b) }
    let (difference, borrow) = subtracted(a.limbs, b.limbs)
    return Self(montgomery: addingModulus(difference, if: Mask(bit: borrow)))
  }

  @inline(__always)
  package static prefix func - (a: Self) -> Self { zero - a }

  @inline(__always)
  package var isZeroMask: Mask {
    var bits: UInt64 = 0
    for i in 0..<limbCount { bits |= limbs[i] }
    return Mask(isZero: bits)
  }

  @inline(__always)
  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    isLong ? longSelect(mask, a, b) : Self(montgomery: select(mask, a.limbs, b.limbs))
  }

  package mutating func wipe() { zeroize(&self) }
}

// MARK: - Limbs

extension PrimeField {
  @inline(__always)
  static func select(_ mask: Mask, _ a: Limbs, _ b: Limbs) -> Limbs {
    var result = b
    for i in 0..<limbCount { result[i] = mask.select(a[i], b[i]) }
    return result
  }

  /// a − b mod R, and the borrow, 0 or 1.
  @inline(__always)
  static func subtracted(_ a: Limbs, _ b: Limbs) -> (difference: Limbs, borrow: UInt64) {
    var difference = Limbs(repeating: 0)
    var borrow: UInt64 = 0
    for i in 0..<limbCount { difference[i] = subtractingBorrow(a[i], b[i], &borrow) }
    return (difference, borrow)
  }

  @inline(__always)
  static func addingModulus(_ a: Limbs, if mask: Mask) -> Limbs {
    var sum = Limbs(repeating: 0)
    let modulus = P.modulus
    var carry: UInt64 = 0
    for i in 0..<limbCount { sum[i] = addingCarry(a[i], modulus[i] & mask.bits, &carry) }
    return sum
  }

  /// a mod p for a < 2p.
  @inline(__always)
  static func reducedOnce(_ a: Limbs) -> Limbs {
    let (difference, borrow) = subtracted(a, P.modulus)
    return select(Mask(bit: borrow), a, difference)
  }
}
