/// Multiplication by secret scalars: signed windows, constant time.
extension EdwardsPoint {
  private static var windowBits: Int { 5 }

  /// Σ sᵢ·Pᵢ for integers sᵢ in 64-bit words, below 2^bitCount; the doublings are shared by all.
  static func sum(_ terms: [(words: [UInt64], point: Self)], bitCount: Int) -> Self {
    let count = 1 << (windowBits - 1)
    // Row k holds 1…2^(w−1) times P_k.
    var table = [Self]()
    table.reserveCapacity(terms.count * count)
    for (_, point) in terms {
      let first = table.count
      table.append(point)
      for index in 1..<count {
        table.append(
          index % 2 == 1 ? table[first + index / 2].doubled() : table[first + index - 1] + point)
      }
    }
    var sum = identity
    for window in (0...bitCount / windowBits).reversed() {
      sum = sum.doubled(times: windowBits)
      for (row, term) in terms.enumerated() {
        let digit = SignedDigit(of: term.words, window: window, bits: windowBits)
        var entry = identity
        for index in 0..<count {
          entry = select(
            Mask(digit.magnitude, equals: UInt64(index + 1)), table[row * count + index], entry)
        }
        sum = sum + select(digit.isNegative, -entry, entry)
      }
    }
    zeroize(&table)
    return sum
  }
}

extension SignedDigit {
  /// Digit number `window` of an integer in 64-bit words.
  init(of words: [UInt64], window: Int, bits: Int) {
    let position = window * bits - 1
    func word(_ index: Int) -> UInt64 { words.indices.contains(index) ? words[index] : 0 }
    let two: UInt128
    if position < 0 {
      two = UInt128(word(0)) &<< 1
    } else {
      let (index, shift) = (position / 64, UInt128(position % 64))
      two = (UInt128(word(index + 1)) &<< 64 | UInt128(word(index))) &>> shift
    }
    self.init(overlapping: UInt64(truncatingIfNeeded: two), bits: bits)
  }
}

/// Multiples of one point, by which it is multiplied without doublings, in constant time.
///
/// Row i holds 1…2^(w−1) times 2^(w·i)·P.
struct EdwardsTable<F: Field>: Sendable {
  private static var windowBits: Int { 5 }
  private static var rowCount: Int { 1 << (windowBits - 1) }

  private let entries: [AffineEdwardsPoint<F>]
  private let windowCount: Int

  init(_ point: EdwardsPoint<F>, bitCount: Int) {
    windowCount = bitCount / Self.windowBits + 1
    var multiples = [EdwardsPoint<F>]()
    var base = point
    for _ in 0..<windowCount {
      var multiple = base
      for _ in 0..<Self.rowCount {
        multiples.append(multiple)
        multiple = multiple + base
      }
      base = base.doubled(times: Self.windowBits)
    }
    entries = EdwardsPoint.normalized(multiples)
  }

  func multiplied(by words: [UInt64]) -> EdwardsPoint<F> {
    var product = EdwardsPoint<F>.identity
    for window in 0..<windowCount {
      let digit = SignedDigit(of: words, window: window, bits: Self.windowBits)
      var entry = AffineEdwardsPoint<F>.identity
      for index in 0..<Self.rowCount {
        entry = AffineEdwardsPoint.select(
          Mask(digit.magnitude, equals: UInt64(index + 1)),
          entries[window * Self.rowCount + index], entry)
      }
      product = product + AffineEdwardsPoint.select(digit.isNegative, -entry, entry)
    }
    return product
  }
}

/// Multiplication by public integers.
extension EdwardsPoint {
  /// Σ sᵢ·Pᵢ for the digits of public integers; the doublings are shared. The additions depend on the
  /// digits and not on the points.
  static func sum(_ terms: [(digits: [SparseDigit], point: Self)], width: Int) -> Self {
    let odd = terms.map { $0.point.oddMultiples(count: 1 << (width - 2)) }
    let length = terms.map { ($0.digits.first?.position ?? -1) + 1 }.max() ?? 0
    var additions = [[Self]](repeating: [], count: length)
    for (term, multiples) in zip(terms, odd) {
      for digit in term.digits {
        let multiple = multiples[abs(digit.value) / 2]
        additions[digit.position].append(digit.value < 0 ? -multiple : multiple)
      }
    }
    var sum = identity
    var pendingDoublings = 0
    for position in (0..<length).reversed() {
      pendingDoublings += 1
      if additions[position].isEmpty { continue }
      sum = sum.doubled(times: pendingDoublings)
      pendingDoublings = 0
      for point in additions[position] { sum = sum + point }
    }
    return sum.doubled(times: pendingDoublings)
  }

  func multiplied(by digits: [SparseDigit], width: Int = CofactorWindow.width) -> Self {
    Self.sum([(digits, self)], width: width)
  }

  private func oddMultiples(count: Int) -> [Self] {
    let twice = doubled()
    var multiples = [self]
    for _ in 1..<count { multiples.append(multiples[multiples.count - 1] + twice) }
    return multiples
  }
}

enum CofactorWindow {
  /// Wide, since a cofactor is long and its digits are computed once.
  static let width = 7
}

/// A digit that is not 0 of a public integer, with its position.
struct SparseDigit: Sendable {
  let position: Int
  let value: Int

  /// The digits of the width-w non-adjacent form, odd and below 2^(width − 1) in magnitude, most
  /// significant first.
  static func nonAdjacentForm(_ words: [UInt64], width: Int) -> [SparseDigit] {
    let bitCount = 64 * words.count
    func bit(_ position: Int) -> Int {
      position < bitCount ? Int(words[position / 64] &>> UInt64(position % 64) & 1) : 0
    }
    var digits = [SparseDigit]()
    var (position, carry) = (0, 0)
    while position <= bitCount {
      if (bit(position) + carry) % 2 == 0 {
        carry = (bit(position) + carry) / 2
        position += 1
        continue
      }
      var value = carry
      for offset in 0..<width { value += bit(position + offset) << offset }
      carry = value >= 1 << (width - 1) ? 1 : 0
      value -= carry << width
      digits.append(SparseDigit(position: position, value: value))
      position += width
    }
    return digits.reversed()
  }
}
