/// A group with an endomorphism, by which a multiplication is split into several short ones that
/// share their doublings (Gallant, Lambert and Vanstone; Galbraith, Lin and Scott).
///
/// It is written additively; the target group is one as well.
package protocol EndomorphicGroup: BitwiseCopyable, Sendable {
  static var identity: Self { get }
  static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self
  func adding(_ other: Self) -> Self
  func doubled() -> Self
  func negated() -> Self

  /// The number of parts of a scalar, 2 or 4: s = Σ sᵢ·(X^(4/parts))ⁱ, see ``Fr/parameterDigits``.
  static var partCount: Int { get }
  /// Bits of a window in ``multiplied(by:)``.
  static var windowBits: Int { get }
  /// X^(4/parts)·P, by the endomorphism.
  func multipliedByPartBase() -> Self
}

extension EndomorphicGroup {
  static var partBits: Int { 256 / partCount }

  /// s·P in constant time: signed windows over all parts of s at once.
  package func multiplied(by scalar: Fr) -> Self { Self.sum([(scalar, self)]) }

  /// Σ sᵢ·Pᵢ in constant time: the doublings are shared by all.
  package static func sum(_ terms: [(scalar: Fr, point: Self)]) -> Self {
    let (bits, count) = (windowBits, 1 << (windowBits - 1))
    // Row partCount·k + i holds 1…2^(bits−1) times Xⁱ·P_k.
    var table = [Self]()
    table.reserveCapacity(terms.count * partCount * count)
    var parts = [UInt128]()
    for (scalar, point) in terms {
      let first = table.count
      table.append(point)
      for index in 1..<count {
        table.append(
          index % 2 == 1
            ? table[first + index / 2].doubled() : table[first + index - 1].adding(point))
      }
      for _ in count..<(partCount * count) {
        table.append(table[table.count - count].multipliedByPartBase())
      }
      let partsOfScalar = scalar.parts(partCount)
      for part in 0..<partCount { parts.append(partsOfScalar[part]) }
    }
    var sum = identity
    for window in (0...partBits / bits).reversed() {
      if window < partBits / bits {
        for _ in 0..<bits { sum = sum.doubled() }
      }
      for row in parts.indices {
        let digit = SignedDigit(of: parts[row], window: window, bits: bits)
        sum = sum.adding(lookUp(digit, in: table, row: row * count, count: count))
      }
    }
    zeroize(&table)
    zeroize(&parts)
    return sum
  }

  @inline(__always)
  private static func lookUp(
    _ digit: SignedDigit, in table: [Self], row: Int, count: Int
  ) -> Self {
    var entry = Self.identity
    for index in 0..<count {
      entry = select(Mask(digit.magnitude, equals: UInt64(index + 1)), table[row + index], entry)
    }
    return select(digit.isNegative, entry.negated(), entry)
  }
}

/// A digit of Booth's recoding: −2^(w−1) … 2^(w−1), from w + 1 bits that overlap by one.
struct SignedDigit {
  let magnitude: UInt64
  let isNegative: Mask

  /// Digit number `window` of an integer below 2^128.
  @inline(__always)
  init(of integer: UInt128, window: Int, bits: Int) {
    let position = window * bits
    let shifted = position == 0 ? integer &<< 1 : integer &>> UInt128(position - 1)
    self.init(overlapping: UInt64(truncatingIfNeeded: shifted), bits: bits)
  }

  /// - Parameter word: the w + 1 bits, and any above them.
  @inline(__always)
  init(overlapping word: UInt64, bits: Int) {
    let field = word & (2 &<< UInt64(bits) &- 1)
    isNegative = Mask(bit: field &>> UInt64(bits))
    let folded = isNegative.select((2 &<< UInt64(bits) &- 1) &- field, field)
    magnitude = folded &>> 1 &+ folded & 1
  }
}
