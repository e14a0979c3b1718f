/// The subgroup of order p of F_q²*, whose elements have norm 1: the inverse is the conjugate.
protocol TypeATarget: PairingTargetGroup where Scalar == Suite.Scalar {
  associatedtype Suite: TypeASuite
  var value: GaussianExtension<Suite.Field> { get set }
  init(_ value: GaussianExtension<Suite.Field>)
}

extension TypeATarget {
  public static var one: Self { Self(.one) }
  public var isIdentity: Bool { value.equals(.one).declassified }
  public static func == (a: Self, b: Self) -> Bool { a.value.equals(b.value).declassified }
  public static func * (a: Self, b: Self) -> Self { Self(a.value * b.value) }
  public func inverted() -> Self { Self(value.conjugated()) }

  public func raised(to scalar: Scalar) -> Self {
    var words = scalar.value.words
    defer { zeroize(&words) }
    let inverse = value.imaginary.doubled().inverted()
    return Self(
      value.raisedUnitary(
        to: words, bitCount: Suite.order.a + 1, inverseOfTwiceImaginary: inverse,
        half: Suite.constants.half))
  }

  /// The coefficients of 1 and i, big-endian.
  public func encoded() -> [UInt8] { value.real.encoded() + value.imaginary.encoded() }

  public mutating func wipe() { zeroize(&value) }
}

extension GaussianExtension {
  /// u^e for u of norm 1, by a ladder of Lucas over V_k = u^k + u^−k, in constant time: a
  /// multiplication and a squaring in F_q for every bit.
  ///
  ///     V_2k = V_k² − 2,   V_2k+1 = V_k·V_k+1 − V_1
  ///
  /// - Parameters:
  ///   - words: e, least significant first.
  ///   - inverse: (2b)⁻¹ for u = a + b·i, and 0 for b = 0.
  ///   - half: ½
  func raisedUnitary(
    to words: [UInt64], bitCount: Int, inverseOfTwiceImaginary inverse: F, half: F
  ) -> Self {
    let (low, high) = ladder(words, (0..<bitCount).reversed())
    // V_e+1 = 2·Re(u^e·u), from which the coefficient of i follows. Where b = 0 there is none.
    return Self(low * half, (low * real - high) * inverse)
  }

  /// The trace V_e of u^e for a public e and u of norm 1; where e ends in zeros, a squaring for each.
  func traceOfPower(_ words: [UInt64]) -> F {
    let zeroWords = words.prefix { $0 == 0 }.count
    let (trace, _) = ladder(words, (64 * zeroWords..<64 * words.count).reversed())
    let two = F.one.doubled()
    return (0..<64 * zeroWords).reduce(trace) { trace, _ in trace.squared() - two }
  }

  /// V_k and V_k+1 for the integer k that the bits of e at these positions make.
  private func ladder(
    _ words: [UInt64], _ positions: some Sequence<Int>
  ) -> (low: F, high: F) {
    let first = real.doubled()
    let two = F.one.doubled()
    var (low, high) = (two, first)
    for position in positions {
      let bit = Mask(bit: words[position / 64] &>> UInt64(position % 64) & 1)
      let mixed = low * high - first
      let squared = F.select(bit, high, low).squared() - two
      (low, high) = (F.select(bit, mixed, squared), F.select(bit, squared, mixed))
    }
    return (low, high)
  }
}
