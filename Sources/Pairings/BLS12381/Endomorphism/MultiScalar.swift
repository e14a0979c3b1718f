extension ProjectivePoint where Curve: EndomorphicCurve {
  /// Σ sᵢ·Pᵢ for public scalars and points: Straus' interleaving for few points, Pippenger's
  /// buckets for many, both over the parts that the endomorphism makes of the scalars.
  package static func multiScalarVariableTime(_ scalars: [Fr], _ points: [Self]) -> Self {
    precondition(scalars.count == points.count, "as many scalars as points")
    let parts = scalars.map { $0.parts(Curve.partCount) }
    // Short scalars have fewer windows.
    let length = parts.map(bitCount).max() ?? 0
    return points.count < 32
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
    let bits = windowBits(entries: points.count * Curve.partCount, length: length)
    let (windowCount, bucketCount) = (length / bits + 1, 1 << (bits - 1))
    var buckets = AffineBuckets<Curve>(count: windowCount * bucketCount)
    var bases = normalized(points)
    for part in 0..<Curve.partCount {
      if part > 0 { bases = bases.map { $0.multipliedByPartBase() } }
      for (scalar, base) in zip(parts, bases) {
        for window in 0..<windowCount {
          let digit = SignedDigit(of: scalar[part], window: window, bits: bits)
          guard digit.magnitude != 0 else { continue }
          buckets.add(
            digit.isNegative.declassified ? -base : base,
            to: window * bucketCount + Int(digit.magnitude) - 1)
        }
      }
    }
    let sums = buckets.sums()
    var sum = Self.identity
    for window in (0..<windowCount).reversed() {
      sum = sum.doubled(times: bits)
      var running = Self.identity
      for bucket in (0..<bucketCount).reversed() {
        running = running + sums[window * bucketCount + bucket]
        sum = sum + running
      }
    }
    return sum
  }

  /// The width of windows for which the fewest field multiplications are needed: about 6 for an entry
  /// and 23 for a bucket.
  private static func windowBits(entries: Int, length: Int) -> Int {
    func cost(_ bits: Int) -> Int { (length / bits + 1) * (6 * entries + 23 << (bits - 1)) }
    return (2...16).min { cost($0) < cost($1) } ?? 2
  }
}

/// Sums of many points each, in affine coordinates: a round of additions shares one inversion.
///
/// The points are public.
private struct AffineBuckets<Curve: ShortWeierstrassCurve> {
  private typealias Point = AffinePoint<Curve>

  private var entries: [[AffinePoint<Curve>]]

  init(count: Int) { entries = Array(repeating: [], count: count) }

  mutating func add(_ point: AffinePoint<Curve>, to bucket: Int) {
    if !point.isIdentityMask.declassified { entries[bucket].append(point) }
  }

  /// The sum of each bucket. In every round neighbours are added in pairs.
  consuming func sums() -> [AffinePoint<Curve>] {
    while true {
      var pairs: [(Point, Point)] = []
      for bucket in entries {
        for index in stride(from: 1, to: bucket.count, by: 2) {
          pairs.append((bucket[index - 1], bucket[index]))
        }
      }
      if pairs.isEmpty { return entries.map { $0.first ?? .identity } }
      var sums = Self.sums(pairs)[...]
      for bucket in entries.indices where entries[bucket].count > 1 {
        let last = entries[bucket].count % 2 == 1 ? entries[bucket].last : nil
        let count = entries[bucket].count / 2
        entries[bucket] = sums.prefix(count).filter { !$0.isIdentityMask.declassified }
        if let last { entries[bucket].append(last) }
        sums = sums.dropFirst(count)
      }
    }
  }

  /// Sums of points that are not the identity.
  private static func sums(_ pairs: [(Point, Point)]) -> [Point] {
    // The slope λ is (y₂ − y₁)/(x₂ − x₁), or 3x²/2y of a tangent. For opposite points it is 1/0.
    let slopes = pairs.map { a, b -> (numerator: Curve.Field, denominator: Curve.Field) in
      let difference = b.x - a.x
      if !difference.isZero { return (b.y - a.y, difference) }
      let square = a.x.squared()
      return (square.doubled() + square, a.y + b.y)
    }
    let inverses = Curve.Field.inverted(slopes.map(\.denominator))
    return pairs.indices.map { index in
      let ((a, b), inverse) = (pairs[index], inverses[index])
      if inverse.isZero { return .identity }
      let slope = slopes[index].numerator * inverse
      let x = slope.squared() - a.x - b.x
      return Point(x: x, y: slope * (a.x - x) - a.y)
    }
  }
}
