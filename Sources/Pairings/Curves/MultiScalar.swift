extension ProjectivePoint where Curve: EndomorphicCurve {
  /// Σ sᵢ·Pᵢ for public scalars and points: Straus' interleaving for few points, Pippenger's
  /// buckets for many, both over the parts that the endomorphism makes of the scalars.
  package static func multiScalarVariableTime(_ scalars: [Fr], _ points: [Self]) -> Self {
    precondition(scalars.count == points.count, "as many scalars as points")
    let parts = scalars.map { $0.parts(Curve.partCount) }
    // Short scalars have fewer windows.
    let length = parts.map(bitCount).max() ?? 0
    return points.count < 128
      ? interleaved(parts, points, length) : bucketed(parts, points, length)
  }

  private static func bitCount(_ parts: Parts) -> Int {
    (0..<Curve.partCount).map { 128 - parts[$0].leadingZeroBitCount }.max() ?? 0
  }

  private typealias Parts = InlineArray<4, UInt128>

  /// Straus: one chain of doublings; each part adds odd multiples at the digits of its width-w
  /// non-adjacent form.
  private static func interleaved(_ parts: [Parts], _ points: [Self], _ length: Int) -> Self {
    let (width, count) = (5, 8)
    var multiples = [Self]()
    multiples.reserveCapacity(points.count * count)
    for point in points {
      let twice = point.doubled()
      multiples.append(point)
      for _ in 1..<count { multiples.append(multiples[multiples.count - 1] + twice) }
    }
    var odd = normalized(multiples)
    var sum = Self.identity
    var additions = [[AffinePoint<Curve>]](repeating: [], count: length + 1)
    for part in 0..<Curve.partCount {
      for (index, scalar) in parts.enumerated() {
        for (position, digit) in nonAdjacentForm(scalar[part], width: width) {
          let entry = odd[index * count + abs(digit) / 2]
          additions[position].append(digit < 0 ? -entry : entry)
        }
      }
      if part + 1 < Curve.partCount { odd = odd.map { $0.multipliedByPartBase() } }
    }
    for entries in additions.reversed() {
      sum = sum.doubled()
      for entry in entries { sum = sum + entry }
    }
    return sum
  }

  /// The digits that are not 0, odd and below 2^(width−1) in magnitude, with their positions.
  private static func nonAdjacentForm(
    _ integer: UInt128, width: Int
  ) -> [(position: Int, digit: Int)] {
    var digits = [(position: Int, digit: Int)]()
    var (rest, position) = (integer, 0)
    while rest != 0 {
      let zeros = rest.trailingZeroBitCount
      rest &>>= UInt128(zeros)
      position += zeros
      var digit = Int(rest & (1 &<< UInt128(width) &- 1))
      if digit >= 1 << (width - 1) { digit -= 1 << width }
      digits.append((position, digit))
      // The carry cannot leave the word: parts are below 2^128 − 2^width.
      rest = digit > 0 ? rest &- UInt128(digit) : rest &+ UInt128(-digit)
    }
    return digits
  }

  /// Pippenger: in each window a point goes to the bucket of its digit.
  private static func bucketed(_ parts: [Parts], _ points: [Self], _ length: Int) -> Self {
    var bases = [normalized(points)]
    for part in 1..<Curve.partCount {
      bases.append(bases[part - 1].map { $0.multipliedByPartBase() })
    }
    let bits = max(
      4,
      (points.count * Curve.partCount).bitWidth
        - (points.count * Curve.partCount).leadingZeroBitCount - 3)
    var sum = Self.identity
    for window in (0...length / bits).reversed() {
      for _ in 0..<bits { sum = sum.doubled() }
      var buckets = [Self](repeating: .identity, count: 1 << (bits - 1))
      for part in 0..<Curve.partCount {
        for (scalar, base) in zip(parts, bases[part]) {
          let digit = SignedDigit(of: scalar[part], window: window, bits: bits)
          guard digit.magnitude != 0 else { continue }
          let bucket = Int(digit.magnitude) - 1
          buckets[bucket] = buckets[bucket] + (digit.isNegative.declassified ? -base : base)
        }
      }
      var running = Self.identity
      for bucket in buckets.reversed() {
        running = running + bucket
        sum = sum + running
      }
    }
    return sum
  }
}
